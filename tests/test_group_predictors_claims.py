"""Every result that chapters/group-predictors.md states, against the exact posterior where there is one."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from build_radon import check_radon
from exact_posterior import exact_posterior
from monte_carlo import LEAST_ESS, Estimate, assert_agrees, assert_exceeds, most_errors
from scipy.optimize import brentq, minimize
from scipy.special import betaln
from scipy.stats import norm

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]
URANIUM, BOTH = ["uranium"], ["uranium", "first_floor"]
MODELS = {
    "hierarchical": {"predictors": []},
    "uranium": {"predictors": URANIUM},
    "correlated": {"predictors": URANIUM, "eta": 2},
    "context": {"predictors": BOTH},
    "without": {"predictors": [], "eta": 2},  # correlated, without uranium
}
POSTERIORS = [
    *[("hierarchical", parameter) for parameter in POPULATION],
    *[("uranium", parameter) for parameter in [*POPULATION, "gamma_uranium"]],
    *[("correlated", parameter) for parameter in [*POPULATION, "gamma_uranium", "rho"]],
    *[("context", parameter) for parameter in [*POPULATION, "gamma_uranium", "gamma_first_floor"]],
    ("without", "rho"),
]
ENDS = [("low", 0.055), ("high", 0.945)]


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["group-predictors"]


@cache
def county_data():
    """Return what is known of each county, and of two new ones on the poorest and richest soil."""
    groups = check_radon().groupby("county")
    known = pd.DataFrame(
        {
            "uranium": groups["log_uranium"].first(),
            "first_floor": groups["floor"].mean(),
            "homes": groups.size(),
            "average": groups["log_radon"].mean(),
        }
    )
    new = {
        "POOREST": known["uranium"].min(),
        "RICHEST": known["uranium"].max(),
        "LIKE LAC QUI PARLE": known.loc["LAC QUI PARLE", "uranium"],
        "LIKE ST LOUIS": known.loc["ST LOUIS", "uranium"],
    }
    return pd.concat([known, pd.DataFrame({"uranium": new}).assign(first_floor=0.2, homes=0)])


@cache
def exact(model):
    """Return the exact posterior of a model of the chapter."""
    settings = MODELS[model]
    known = county_data()
    return exact_posterior(
        check_radon(),
        known.index,
        n_nodes=20 if "eta" in settings else 24,
        leave_out=model != "without",
        **settings | {"predictors": known[settings["predictors"]]},
    )


def in_county(model, county, population_alone=False):
    """Return the weights, means and sds of the mixture that is a county's level."""
    posterior = exact(model)
    if population_alone:
        x = np.array([1, 0, *county_data().loc[county, MODELS[model]["predictors"]]])
        mean, variance = posterior.mu_mean @ x, (posterior.mu_cov @ x) @ x
    else:
        j = posterior.counties.get_loc(county)
        mean, variance = posterior.line_mean[:, j, 0], posterior.line_cov[:, j, 0, 0]
    return posterior.weight, mean, np.sqrt(variance)


def quantile(cdf, probability):
    """Return a quantile of a distribution that lies between -5 and 9."""
    return brentq(lambda x: cdf(x) - probability, -5, 9)


def cdf_of(mixture):
    """Return the distribution function of a mixture of normal distributions."""
    weight, mean, sd = mixture
    return lambda x: weight @ norm(mean, sd).cdf(x)


def width(mixture):
    """Return the width of the 89 % equal-tailed interval of a mixture."""
    low, high = [quantile(cdf_of(mixture), probability) for _, probability in ENDS]
    return high - low


def with_noise(model, mixture):
    """Return the mixture that is a home whose level is a mixture."""
    weight, mean, sd = mixture
    return weight, mean, np.hypot(sd, exact(model).sigma_y)


def assert_ends_agree(chapter, key, cdf):
    """Assert that an 89 % equal-tailed interval ends where the exact one does."""
    for end, probability in ENDS:
        assert_agrees(chapter.estimate(f"{key}_{end}"), quantile(cdf, probability))


@pytest.mark.parametrize(("model", "parameter"), POSTERIORS)
def test_posterior_is_the_exact_one(chapter, model, parameter):
    mean, sd = exact(model).mean_and_sd(parameter)
    assert_agrees(chapter.estimate(f"{model}_{parameter}_mean"), mean)
    assert_agrees(chapter.estimate(f"{model}_{parameter}_sd"), sd)


@pytest.mark.parametrize("model", ["uranium", "context"])
def test_exact_coefficients_agree_with_generalized_least_squares(radon, model):
    from statsmodels.regression.linear_model import GLS

    homes = radon.join(county_data()["first_floor"], on="county")
    same = pd.get_dummies(homes["county"]).to_numpy(float)
    same = same @ same.T  # 1 where two homes share their county
    posterior = exact(model)
    sigma = {name: posterior.mean_and_sd(f"sigma_{name}")[0] for name in ["alpha", "beta", "y"]}
    both_upstairs = np.outer(homes["floor"], homes["floor"])
    covariance = same * (sigma["alpha"] ** 2 + sigma["beta"] ** 2 * both_upstairs)
    covariance += sigma["y"] ** 2 * np.eye(len(homes))
    design = pd.DataFrame(
        {"mu_alpha": 1, "mu_beta": homes["floor"], "gamma_uranium": homes["log_uranium"]}
    )
    if model == "context":
        design["gamma_first_floor"] = homes["first_floor"]
    fit = GLS(homes["log_radon"], design, sigma=covariance).fit()
    for parameter, estimate in fit.params.items():
        # It takes the standard deviations for known, and has no priors.
        mean, sd = posterior.mean_and_sd(parameter)
        assert mean == pytest.approx(estimate, abs=0.1 * sd)
        assert sd == pytest.approx(fit.bse[parameter], rel=0.1)


def test_county_data_are_those_of_the_survey(chapter, radon):
    uranium = radon.groupby("county")["log_uranium"].first()
    assert chapter["data_counties_count"] == len(uranium)
    assert chapter["data_uranium_ratio"] == pytest.approx(np.exp(uranium.max() - uranium.min()))
    assert chapter["data_uranium_average"] == pytest.approx(uranium.mean())
    assert abs(chapter["data_uranium_average"]) < 0.1  # no need to center
    shares = radon.groupby("county")["floor"].mean()
    assert chapter["data_first_floor_max"] == pytest.approx(shares.max())


@pytest.mark.parametrize(("end", "probability"), ENDS)
def test_prior_of_gamma_reaches_from_a_tenth_to_ten(chapter, end, probability):
    per_gamma = np.log(chapter["data_uranium_ratio"])
    gamma = np.log(chapter[f"prior_uranium_ratio_{end}"]) / per_gamma
    error = np.sqrt(probability * (1 - probability) / 4000)  # of a share of independent draws
    assert_agrees(Estimate(norm.cdf(gamma), error, ess=4000), probability)
    exact_ratio = np.exp(norm.ppf(probability) * per_gamma)
    assert exact_ratio == pytest.approx(10 if end == "high" else 1 / 10, rel=0.1)  # roughly


def test_interval_of_gamma_uranium(chapter):
    posterior = exact("uranium")
    assert_ends_agree(chapter, "uranium_gamma_uranium", lambda x: posterior.cdf("gamma_uranium", x))


def test_twice_the_uranium(chapter):
    posterior = exact("uranium")
    mean, variance = posterior.mu_mean[:, 2], posterior.mu_cov[:, 2, 2]
    ratio = posterior.weight @ np.exp(np.log(2) * mean + np.log(2) ** 2 * variance / 2)
    assert_agrees(chapter.estimate("uranium_doubling_ratio_mean"), ratio)


def levels_of(model):
    """Return the exact means and sds of the levels of the surveyed counties."""
    posterior = exact(model)
    mean = posterior.weight @ posterior.line_mean[:, :85, 0]
    variance = posterior.line_cov[:, :85, 0, 0] + (posterior.line_mean[:, :85, 0] - mean) ** 2
    return mean, np.sqrt(posterior.weight @ variance)


def test_estimates_climb_without_uranium_too():
    known = county_data().query("homes > 0")
    assert np.corrcoef(known["uranium"], levels_of("hierarchical")[0])[0, 1] > 0.4


def test_nearly_all_levels_are_better_known_with_uranium():
    before, after = [levels_of(model)[1] for model in ["hierarchical", "uranium"]]
    assert (after < before).mean() > 0.9


def test_spread_between_counties_falls(chapter):
    before, after = [
        chapter.estimate(f"{model}_sigma_alpha_mean") for model in ["hierarchical", "uranium"]
    ]
    assert_exceeds(before, after)


def test_share_explained_by_uranium(chapter):
    posterior = exact("uranium")
    variance = county_data().query("homes > 0")["uranium"].var()
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    sd = np.sqrt(posterior.mu_cov[:, 2, 2])
    by_uranium = variance * (posterior.mu_mean[:, 2] + sd * nodes[:, None]) ** 2
    share = by_uranium / (by_uranium + posterior.sigma_alpha**2)
    mean = (weights / weights.sum()) @ share @ posterior.weight
    assert_agrees(chapter.estimate("uranium_explained_mean"), mean)

    def cdf(share):
        share = np.clip(share, 0, 1 - 1e-9)
        largest = posterior.sigma_alpha * np.sqrt(share / (1 - share) / variance)
        gamma = norm(posterior.mu_mean[:, 2], sd)
        return posterior.weight @ (gamma.cdf(largest) - gamma.cdf(-largest))

    assert_ends_agree(chapter, "uranium_explained", cdf)


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_population_counts_like_so_many_homes(chapter, model):
    sigma_y, sigma_alpha = [exact(model).mean_and_sd(f"sigma_{name}")[0] for name in ["y", "alpha"]]
    assert_agrees(chapter.estimate(f"{model}_population_homes"), (sigma_y / sigma_alpha) ** 2)


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_level_of_lac_qui_parle(chapter, model):
    key, mixture = f"{model}_lac_qui_parle", in_county(model, "LAC QUI PARLE")
    weight, mean, _ = mixture
    assert_agrees(chapter.estimate(f"{key}_mean"), weight @ mean)
    assert_ends_agree(chapter, key, cdf_of(mixture))


def test_soil_says_the_same_as_the_homes_of_lac_qui_parle(chapter):
    weight, mean, _ = in_county("uranium", "LAC QUI PARLE", population_alone=True)
    assert_agrees(chapter.estimate("uranium_lac_qui_parle_line_mean"), weight @ mean)
    j = exact("uranium").counties.get_loc("LAC QUI PARLE")
    (before, sd_before), (after, sd_after) = [
        (mean[j], sd[j]) for mean, sd in map(levels_of, ["hierarchical", "uranium"])
    ]
    assert weight @ mean > exact("hierarchical").mean_and_sd("mu_alpha")[0] + 0.15
    assert abs(before - after) < sd_before / 2  # hardly moves
    assert sd_after < 0.7 * sd_before


@cache
def correlations_of_new_surveys(model, n=2000):
    """Draw n surveys of new counties on the same soils; return what radon and uranium show in each."""
    rng, posterior, homes = np.random.default_rng(1), exact(model), check_radon()
    node = rng.choice(len(posterior.weight), n, p=posterior.weight)
    cholesky = np.linalg.cholesky(posterior.mu_cov[node])
    normal = rng.normal(size=(n, len(posterior.coefficients), 1))
    mu = (posterior.mu_mean[node] + (cholesky @ normal)[..., 0])[..., None]
    county, known = pd.factorize(homes["county"], sort=True)
    alpha = mu[:, 0] + posterior.sigma_alpha[node, None] * rng.normal(size=(n, len(known)))
    beta = mu[:, 1] + posterior.sigma_beta[node, None] * rng.normal(size=(n, len(known)))
    noise = posterior.sigma_y[node, None] * rng.normal(size=(n, len(homes)))
    soil = homes["log_uranium"].to_numpy()
    y = alpha[:, county] + beta[:, county] * homes["floor"].to_numpy() + noise
    if model == "uranium":
        y += mu[:, 2] * soil
    y -= y.mean(axis=1, keepdims=True)
    return y @ (soil - soil.mean()) / (np.linalg.norm(y, axis=1) * soil.std() * np.sqrt(len(soil)))


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_radon_and_uranium_in_surveys_of_new_counties(chapter, model):
    surveys = correlations_of_new_surveys(model)
    n, sd = len(surveys), surveys.std()
    mean = Estimate(surveys.mean(), sd / np.sqrt(n), ess=n)
    assert_agrees(chapter.estimate(f"{model}_check_mean"), mean)
    sd = Estimate(sd, sd / np.sqrt(2 * n), ess=n)
    assert_agrees(chapter.estimate(f"{model}_check_sd"), sd)


def test_only_with_uranium_do_new_counties_look_like_ours(chapter, radon):
    observed = np.corrcoef(radon["log_radon"], radon["log_uranium"])[0, 1]
    assert chapter["data_uranium_correlation"] == pytest.approx(observed)
    assert (correlations_of_new_surveys("hierarchical") > observed).mean() < 0.01
    assert 0.05 < (correlations_of_new_surveys("uranium") > observed).mean() < 0.95


def test_lkj_prior_of_two_effects_is_a_stretched_beta(chapter):
    assert chapter["prior_rho_sd"] == pytest.approx(1 / np.sqrt(5))  # of (rho + 1) / 2 ~ Beta(2, 2)


@pytest.mark.parametrize("model", ["correlated", "without"])
def test_interval_of_the_correlation(chapter, model):
    assert_ends_agree(chapter, f"{model}_rho", lambda rho: exact(model).cdf("rho", rho))


@pytest.mark.parametrize("model", ["correlated", "without"])
def test_data_do_not_know_the_sign_of_the_correlation(model):
    low, high = [quantile(lambda x: exact(model).cdf("rho", x), p) for _, p in ENDS]
    assert low < -0.1
    assert high > 0.1


def test_data_hardly_narrow_the_correlation(chapter):
    prior, (_, posterior) = chapter["prior_rho_sd"], exact("correlated").mean_and_sd("rho")
    assert 0.7 * prior < posterior < prior


def test_correlation_moves_no_level_by_a_third_of_its_sd():
    (before, sd), (after, _) = map(levels_of, ["uranium", "correlated"])
    assert (np.abs(after - before) < sd / 3).all()


def test_slope_between_counties_is_not_the_slope_within(chapter):
    posterior = exact("context")
    x = np.array([0, 1, 0, 1])  # mu_beta and the contextual effect
    mean, sd = posterior.mu_mean @ x, np.sqrt((posterior.mu_cov @ x) @ x)
    between = posterior.weight @ mean
    assert_agrees(chapter.estimate("context_between_mean"), between)
    assert_ends_agree(chapter, "context_between", cdf_of((posterior.weight, mean, sd)))
    assert posterior.mean_and_sd("mu_beta")[0] < between < 0  # both fall, one gently


def test_contextual_effect_is_positive(chapter):
    posterior = exact("context")
    mean, sd = posterior.mu_mean[:, 3], np.sqrt(posterior.mu_cov[:, 3, 3])
    positive = posterior.weight @ norm(mean, sd).sf(0)
    assert_agrees(chapter.estimate("context_positive_share"), positive)
    assert positive > 0.95


def test_contextual_effect_is_that_of_the_literature_with_the_sign_turned():
    # Gelman (2006): -0.39, standard error 0.20, for the share of basements
    mean, sd = exact("context").mean_and_sd("gamma_first_floor")
    assert mean == pytest.approx(0.39, abs=0.20 / 4)
    assert sd == pytest.approx(0.20, abs=0.01)


def test_shares_of_small_counties_are_mostly_noise(chapter, radon):
    groups, p = radon.groupby("county")["floor"], radon["floor"].mean()
    homes, share = groups.size(), groups.mean()
    for key, chosen in {"small": homes <= 5, "large": homes > 5}.items():
        noise = (p * (1 - p) / homes[chosen]).mean() / share[chosen].var()
        assert chapter[f"data_share_noise_{key}"] == pytest.approx(noise)
    assert chapter["data_share_noise_large"] < chapter["data_share_noise_small"]
    assert chapter["data_share_noise_small"] > 0.5


def test_st_louis_has_the_most_homes(radon):
    assert radon["county"].value_counts().idxmax() == "ST LOUIS"


@pytest.mark.parametrize("model", ["hierarchical", "uranium", "correlated", "context"])
def test_left_out_counties_are_predicted_as_exactly(chapter, model):
    assert_agrees(chapter.estimate(f"{model}_county_elpd"), exact(model).left_out.sum())


def lead_of(model):
    """Return the exact lead of a model over the uranium model, by county."""
    return (exact(model).left_out - exact("uranium").left_out)[:85]


def standard_error(lead):
    """Return the standard error of a sum over counties."""
    return lead.std(ddof=1) * np.sqrt(len(lead))


@pytest.mark.parametrize("model", ["hierarchical", "correlated", "context"])
def test_leads_are_the_exact_ones(chapter, model):
    assert_agrees(chapter.estimate(f"{model}_county_lead"), lead_of(model).sum())


@pytest.mark.parametrize("model", ["hierarchical", "context"])
def test_standard_errors_of_leads_are_over_counties(chapter, model):
    assert_agrees(chapter.estimate(f"{model}_county_lead_se"), standard_error(lead_of(model)))


def test_uranium_predicts_new_counties_better_and_nothing_else_does():
    without = lead_of("hierarchical")
    assert without.sum() < -3 * standard_error(without)
    assert lead_of("correlated").sum() < 0
    assert 0 < lead_of("context").sum() < standard_error(lead_of("context"))


@pytest.mark.parametrize(("size", "county"), [("small", "LAC QUI PARLE"), ("large", "ST LOUIS")])
def test_widths_of_the_answers(chapter, size, county):
    known = in_county("uranium", county)
    new = in_county("uranium", f"LIKE {county}")
    answers = {
        "line": in_county("uranium", county, population_alone=True),
        "known_level": known,
        "new_level": new,
        "known_home": with_noise("uranium", known),
        "new_home": with_noise("uranium", new),
    }
    for name, mixture in answers.items():
        assert_agrees(chapter.estimate(f"{name}_{size}_width"), width(mixture))


def test_two_homes_teach_little_and_many_a_lot():
    widths, homes = {}, []
    for county in ["LAC QUI PARLE", "ST LOUIS"]:
        known, new = [in_county("uranium", name) for name in [county, f"LIKE {county}"]]
        line = in_county("uranium", county, population_alone=True)
        widths[county] = [width(mixture) for mixture in [line, known, new]]
        homes += [width(with_noise("uranium", level)) for level in [known, new]]
    line, known, new = widths["LAC QUI PARLE"]
    assert known == pytest.approx(new, rel=0.05)
    assert line < new / 2
    line, known, new = widths["ST LOUIS"]
    assert line < known
    assert known == pytest.approx(new / 2, rel=0.1)  # about twice as well
    assert max(homes) < 1.05 * min(homes)  # neither matters
    assert min(homes) > 4 * new
    level = [np.dot(*in_county("uranium", name)[:2]) for name in ["ST LOUIS", "LIKE ST LOUIS"]]
    assert level[0] < level[1] - 0.1


@cache
def covered(model, counties_differ):
    """Return how many averages of left-out counties an 89 % interval holds, at least and at most.

    At most also counts those whose place is so close to an end that Monte Carlo may be wrong on it.
    """
    posterior, known = exact(model), county_data().query("homes > 0")
    at_least = at_most = 0
    for (_, row), left_out in zip(known.iterrows(), posterior.left_out_mu, strict=False):
        weight, mu_mean, mu_cov = left_out
        x = np.array([1, row["first_floor"], *row[MODELS[model]["predictors"]]])
        variance = (mu_cov @ x) @ x + posterior.sigma_y**2 / row["homes"]
        if counties_differ:
            variance += posterior.sigma_alpha**2
            variance += (posterior.sigma_beta * row["first_floor"]) ** 2
        each = norm(mu_mean @ x, np.sqrt(variance)).cdf(row["average"])
        below = weight @ each
        error = np.sqrt(weight @ (each - below) ** 2 / LEAST_ESS)
        room = most_errors(LEAST_ESS / 10) * error
        at_least += 0.055 + room < below < 0.945 - room
        at_most += 0.055 - room < below < 0.945 + room
    return at_least, at_most


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
@pytest.mark.parametrize(("key", "counties_differ"), [("", True), ("_forgetful", False)])
def test_coverage_of_left_out_counties(chapter, model, key, counties_differ):
    at_least, at_most = covered(model, counties_differ)
    assert at_least <= round(85 * chapter[f"{model}{key}_coverage"]) <= at_most


def test_only_with_the_spread_of_counties_intervals_keep_their_promise(chapter):
    error = np.sqrt(0.89 * 0.11 / 85)
    assert chapter["data_coverage_se"] == pytest.approx(error)
    promise = 0.89 * 85
    for model in ["hierarchical", "uranium"]:
        assert np.abs(np.array(covered(model, True)) - promise).max() < 2 * error * 85
    assert covered("hierarchical", False)[1] < promise - 3 * error * 85
    assert covered("hierarchical", False)[1] < covered("uranium", False)[0]
    assert covered("uranium", False)[1] < covered("uranium", True)[0]


@cache
def exact_map():
    """Return the counties with their exact level and ratio to the line, both in pCi/L."""
    known, mu = county_data().query("homes > 0"), exact("uranium").weight @ exact("uranium").mu_mean
    alpha, _ = levels_of("uranium")
    ratio = np.exp(alpha - mu[0] - mu[2] * known["uranium"])
    return known.assign(alpha=alpha, level=np.exp(alpha) - 0.1, ratio=ratio)


@pytest.mark.parametrize("column", ["level", "ratio"])
@pytest.mark.parametrize("end", ["min", "max"])
def test_map_shows_the_exact_levels(chapter, column, end):
    assert_agrees(chapter.estimate(f"map_{column}_{end}"), getattr(exact_map()[column], end)())


def test_st_louis_is_one_of_the_largest_exceptions(chapter):
    ratio = exact_map()["ratio"]
    assert_agrees(chapter.estimate("map_ratio_st_louis"), ratio["ST LOUIS"])
    assert "ST LOUIS" in np.abs(np.log(ratio)).nlargest(3)


def test_levels_rise_to_the_south_west_and_most_of_that_is_soil(radon):
    counties = exact_map().join(radon.groupby("county")[["longitude", "latitude"]].first())
    assert counties["level"].corr(counties["longitude"]) < -0.2
    assert counties["level"].corr(counties["latitude"]) < -0.2
    assert counties["latitude"].rank(pct=True)[counties["level"].idxmin()] > 0.9
    assert np.log(counties["ratio"]).std() < 0.3 * counties["alpha"].std()
    assert (np.abs(np.log(counties["ratio"])) < 0.1).mean() > 0.8  # most are close to 1


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_family_in_lac_qui_parle(chapter, model):
    above = 1 - exact(model).probability_below(np.log(4 + 0.1), "LAC QUI PARLE", floor=0)
    assert_agrees(chapter.estimate(f"{model}_family_mean"), above)


def test_answers_to_the_family_differ_little():
    before, after = [
        exact(model).probability_below(np.log(4 + 0.1), "LAC QUI PARLE", floor=0)
        for model in ["hierarchical", "uranium"]
    ]
    assert abs(before - after) < 0.05


@pytest.mark.parametrize("soil", ["poor", "rich"])
@pytest.mark.parametrize(("end", "probability"), ENDS)
def test_home_in_a_new_county(chapter, soil, end, probability):
    home = with_noise("uranium", in_county("uranium", f"{soil.upper()}EST"))
    radon = np.exp(quantile(cdf_of(home), probability)) - 0.1
    assert_agrees(chapter.estimate(f"new_home_{soil}_{end}"), radon)


def test_unknown_soil_makes_the_interval_of_a_home_hardly_wider(chapter):
    widths = [
        width(with_noise(model, in_county(model, "RICHEST")))
        for model in ["hierarchical", "uranium"]
    ]
    ratio = widths[0] / widths[1]
    assert_agrees(chapter.estimate("new_home_width_ratio"), ratio)
    assert 1 < ratio < 1.1


def test_correlation_without_uranium_leans_to_the_negative(chapter):
    assert_exceeds(0, chapter.estimate("without_rho_mean"))


def test_noise_of_the_shares_hides_a_part_of_the_contextual_effect(chapter):
    before, after = [
        {name: chapter.estimate(f"{model}_gamma_first_floor_{name}") for name in ["mean", "sd"]}
        for model in ["context", "share"]
    ]
    assert_exceeds(after["mean"], before["mean"])
    assert_exceeds(after["sd"], 1.3 * before["sd"])


def test_effect_of_unknown_shares_is_about_that_of_their_expectations(chapter, radon):
    # Regression calibration, a first-order correction of the noise in a predictor (Carroll et al. 2006,
    # "Measurement Error in Nonlinear Models", chapter 4): the shares are shrunk to their population.
    known = county_data().query("homes > 0")
    upstairs, n = radon.groupby("county")["floor"].sum(), known["homes"]

    def minus_log_posterior(log_ab):
        a, b = np.exp(log_ab)
        log_likelihood = betaln(a + upstairs, b + n - upstairs) - betaln(a, b)
        return (a**2 + b**2) / 50 - log_likelihood.sum()  # a and b are HalfNormal(5)

    a, b = np.exp(minimize(minus_log_posterior, [0, 0]).x)
    shrunk = known[["uranium"]].assign(first_floor=(a + upstairs) / (a + b + n))
    calibrated = exact_posterior(radon, known.index, predictors=shrunk)
    mean, sd = calibrated.mean_and_sd("gamma_first_floor")
    for name, value in {"mean": mean, "sd": sd}.items():
        claim = chapter[f"share_gamma_first_floor_{name}"]
        assert claim == pytest.approx(value, abs=sd / 4)
