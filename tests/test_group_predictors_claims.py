"""Every result that chapters/group-predictors.md states, against the exact posterior where there is one.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from build_radon import check_radon
from exact_posterior import exact_posterior
from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.regression.linear_model import GLS

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
def exact(model, **options):
    """Return the exact posterior of a model of the chapter."""
    settings = MODELS[model] | options
    known = county_data()
    return exact_posterior(
        check_radon(),
        known.index,
        n_nodes=16 if "eta" in settings else 20,
        leave_out=not options and model != "without",
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


def quantile(mixture, probability):
    """Return a quantile of a mixture of normal distributions."""
    weight, mean, sd = mixture
    return brentq(lambda x: weight @ norm(mean, sd).cdf(x) - probability, -5, 9)


def width(mixture):
    """Return the width of the 89 % equal-tailed interval of a mixture."""
    return quantile(mixture, 0.945) - quantile(mixture, 0.055)


def with_noise(model, mixture):
    """Return the mixture that is a home whose level is a mixture."""
    weight, mean, sd = mixture
    return weight, mean, np.hypot(sd, exact(model).sigma_y)


def check_end(claims, key, mixture, probability):
    """Assert that an end of an interval is the exact one, up to four Monte Carlo errors."""
    room = 4 * claims[f"{key}_mcse"]
    assert claims[key] == pytest.approx(quantile(mixture, probability), abs=room)


@pytest.mark.parametrize(("model", "parameter"), POSTERIORS)
def test_posterior_is_the_exact_one(chapter, model, parameter):
    mean, sd = exact(model).mean_and_sd(parameter)
    error = chapter[f"{model}_{parameter}_mcse"]
    assert chapter[f"{model}_{parameter}_mean"] == pytest.approx(mean, abs=4 * error)
    sd_error = sd / np.sqrt(chapter[f"{model}_{parameter}_ess"])
    assert chapter[f"{model}_{parameter}_sd"] == pytest.approx(sd, abs=4 * sd_error)


@pytest.mark.parametrize("model", ["uranium", "context"])
def test_coefficients_agree_with_generalized_least_squares(chapter, radon, model):
    homes = radon.join(county_data()["first_floor"], on="county")
    same = pd.get_dummies(homes["county"]).to_numpy(float)
    same = same @ same.T  # 1 where two homes share their county
    sigma = {name: chapter[f"{model}_sigma_{name}_mean"] for name in ["alpha", "beta", "y"]}
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
        room = 4 * chapter[f"{model}_{parameter}_mcse"] + 0.1 * fit.bse[parameter]
        assert chapter[f"{model}_{parameter}_mean"] == pytest.approx(estimate, abs=room)
        assert chapter[f"{model}_{parameter}_sd"] == pytest.approx(fit.bse[parameter], rel=0.1)


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
    ratio = chapter[f"prior_uranium_ratio_{end}"]
    gamma = np.log(ratio) / np.log(chapter["data_uranium_ratio"])
    error = np.sqrt(probability * (1 - probability) / 4000)
    assert norm.cdf(gamma) == pytest.approx(probability, abs=4 * error)
    assert 1 / 13 < ratio < 13


@pytest.mark.parametrize(("end", "probability"), ENDS)
def test_interval_of_gamma_uranium(chapter, end, probability):
    posterior = exact("uranium")
    k = posterior.coefficients.index("gamma_uranium")
    gamma = posterior.weight, posterior.mu_mean[:, k], np.sqrt(posterior.mu_cov[:, k, k])
    check_end(chapter, f"uranium_gamma_uranium_{end}", gamma, probability)


def test_twice_the_uranium(chapter):
    posterior = exact("uranium")
    mean, variance = posterior.mu_mean[:, 2], posterior.mu_cov[:, 2, 2]
    ratio = posterior.weight @ np.exp(np.log(2) * mean + np.log(2) ** 2 * variance / 2)
    error = chapter["uranium_doubling_ratio_mcse"]
    assert chapter["uranium_doubling_ratio_mean"] == pytest.approx(ratio, abs=4 * error)


def test_estimates_climb_without_uranium_too():
    known = county_data().query("homes > 0")
    level = exact("hierarchical").expected_log_radon(
        pd.DataFrame({"county": known.index, "floor": 0})
    )
    assert np.corrcoef(known["uranium"], level)[0, 1] > 0.4


def test_spread_between_counties_falls(chapter):
    assert 2 * chapter["uranium_sigma_alpha_mean"] < chapter["hierarchical_sigma_alpha_mean"]


def test_share_explained_by_uranium(chapter):
    posterior = exact("uranium")
    variance = county_data().query("homes > 0")["uranium"].var()
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    sd = np.sqrt(posterior.mu_cov[:, 2, 2])
    by_uranium = variance * (posterior.mu_mean[:, 2] + sd * nodes[:, None]) ** 2
    share = by_uranium / (by_uranium + posterior.sigma_alpha**2)
    mean = (weights / weights.sum()) @ share @ posterior.weight
    error = chapter["uranium_explained_mcse"]
    assert chapter["uranium_explained_mean"] == pytest.approx(mean, abs=4 * error)
    for end, probability in ENDS:
        bound = chapter[f"uranium_explained_{end}"]
        largest = posterior.sigma_alpha * np.sqrt(bound / (1 - bound) / variance)
        gamma = norm(posterior.mu_mean[:, 2], sd)
        below = posterior.weight @ (gamma.cdf(largest) - gamma.cdf(-largest))
        standard_error = np.sqrt(probability * (1 - probability) / 400)  # ESS is at least that
        assert below == pytest.approx(probability, abs=4 * standard_error)
        assert chapter[f"uranium_explained_{end}_mcse"] < 0.015


@pytest.mark.parametrize(("model", "about"), [("hierarchical", 5), ("uranium", 30)])
def test_population_counts_like_more_homes_with_uranium(chapter, model, about):
    sigma_y, sigma_alpha = [exact(model).mean_and_sd(f"sigma_{name}")[0] for name in ["y", "alpha"]]
    homes = (sigma_y / sigma_alpha) ** 2
    relative_error = 2 * chapter[f"{model}_sigma_alpha_mcse"] / sigma_alpha
    claimed = chapter[f"{model}_population_homes"]
    assert claimed == pytest.approx(homes, rel=4 * relative_error)
    assert chapter[f"{model}_population_homes_rounded"] == about == float(f"{claimed:.1g}")


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_level_of_lac_qui_parle(chapter, model):
    key, mixture = f"{model}_lac_qui_parle", in_county(model, "LAC QUI PARLE")
    weight, mean, _ = mixture
    assert chapter[f"{key}_mean"] == pytest.approx(weight @ mean, abs=4 * chapter[f"{key}_mcse"])
    for end, probability in ENDS:
        check_end(chapter, f"{key}_{end}", mixture, probability)


def test_soil_says_the_same_as_the_homes_of_lac_qui_parle(chapter):
    weight, mean, _ = in_county("uranium", "LAC QUI PARLE", population_alone=True)
    line = chapter["uranium_lac_qui_parle_line_mean"]
    error = chapter["uranium_lac_qui_parle_line_mcse"]
    assert line == pytest.approx(weight @ mean, abs=4 * error)
    before, after = [
        chapter[f"{model}_lac_qui_parle_mean"] for model in ["hierarchical", "uranium"]
    ]
    assert line > chapter["hierarchical_mu_alpha_mean"] + 0.15
    assert abs(before - after) < 0.15  # hardly moves
    sd = [chapter[f"{model}_lac_qui_parle_sd"] for model in ["hierarchical", "uranium"]]
    assert sd[1] < 0.7 * sd[0]


def test_only_with_uranium_do_new_counties_look_like_ours(chapter, radon):
    observed = np.corrcoef(radon["log_radon"], radon["log_uranium"])[0, 1]
    assert chapter["data_uranium_correlation"] == pytest.approx(observed)
    assert abs(chapter["hierarchical_check_mean"]) < 0.05
    assert chapter["hierarchical_check_exceeds_share"] < 0.01
    assert chapter["uranium_check_mean"] == pytest.approx(observed, abs=0.05)
    assert 0.05 < chapter["uranium_check_exceeds_share"] < 0.95
    for model in ["hierarchical", "uranium"]:
        assert chapter[f"{model}_check_mcse"] < 0.01  # two digits are shown


def test_lkj_prior_of_two_effects_is_a_stretched_beta(chapter):
    assert chapter["prior_rho_sd"] == pytest.approx(1 / np.sqrt(5))  # of (rho + 1) / 2 ~ Beta(2, 2)


@pytest.mark.parametrize(("end", "probability"), ENDS)
def test_interval_of_the_correlation(chapter, end, probability):
    part = exact("correlated", rho_below=chapter[f"correlated_rho_{end}"])
    below = np.exp(part.log_evidence - exact("correlated").log_evidence)
    error = np.sqrt(probability * (1 - probability) / (chapter["correlated_rho_ess"] / 2))
    assert below == pytest.approx(probability, abs=4 * error)
    assert chapter[f"correlated_rho_{end}_mcse"] < 0.05


def test_data_do_not_know_the_sign_of_the_correlation(chapter):
    for model in ["correlated", "without"]:
        assert chapter[f"{model}_rho_low"] < -0.1
        assert chapter[f"{model}_rho_high"] > 0.1
    prior, posterior = chapter["prior_rho_sd"], chapter["correlated_rho_sd"]
    assert 0.7 * prior < posterior < prior


def test_correlation_moves_no_level(chapter):
    levels = [
        exact(model).weight @ exact(model).line_mean[:, :85, 0]
        for model in ["uranium", "correlated"]
    ]
    largest = np.abs(levels[1] - levels[0]).max()
    # The mean of a level has a Monte Carlo error of about 0.002.
    shift = chapter["correlated_alpha_shift_max"]
    assert shift == pytest.approx(largest, abs=4 * 0.002 * np.sqrt(2))
    assert shift < 0.03


def test_slope_between_counties_is_not_the_slope_within(chapter):
    posterior = exact("context")
    x = np.array([0, 1, 0, 1])  # mu_beta and the contextual effect
    mean, sd = posterior.mu_mean @ x, np.sqrt((posterior.mu_cov @ x) @ x)
    between = posterior.weight, mean, sd
    error = chapter["context_between_mcse"]
    assert chapter["context_between_mean"] == pytest.approx(posterior.weight @ mean, abs=4 * error)
    for end, probability in ENDS:
        check_end(chapter, f"context_between_{end}", between, probability)
    assert chapter["context_between_drop"] == pytest.approx(-chapter["context_between_mean"])
    assert chapter["context_within_drop"] == pytest.approx(-chapter["context_mu_beta_mean"])
    assert chapter["context_between_drop"] < 0.6 * chapter["context_within_drop"]


def test_contextual_effect_is_positive(chapter):
    posterior = exact("context")
    mean, sd = posterior.mu_mean[:, 3], np.sqrt(posterior.mu_cov[:, 3, 3])
    positive = posterior.weight @ norm(mean, sd).sf(0)
    error = chapter["context_positive_share_mcse"]
    assert chapter["context_positive_share"] == pytest.approx(positive, abs=4 * error)


def test_contextual_effect_is_that_of_the_literature_with_the_sign_turned(chapter):
    # Gelman (2006): -0.39, standard error 0.20, for the share of basements
    assert chapter["context_gamma_first_floor_mean"] == pytest.approx(0.39, abs=0.1)
    assert chapter["context_gamma_first_floor_sd"] == pytest.approx(0.20, abs=0.02)


def test_shares_of_small_counties_are_mostly_noise(chapter, radon):
    groups, p = radon.groupby("county")["floor"], radon["floor"].mean()
    homes, share = groups.size(), groups.mean()
    for key, chosen in {"small": homes <= 5, "large": homes > 5}.items():
        noise = (p * (1 - p) / homes[chosen]).mean() / share[chosen].var()
        assert chapter[f"data_share_noise_{key}"] == pytest.approx(noise)
    assert chapter["data_share_noise_large"] < chapter["data_share_noise_small"]
    assert chapter["data_share_noise_small"] > 0.5


def test_shortcut_has_its_limit_at_st_louis_alone(chapter, radon):
    assert radon["county"].value_counts().idxmax() == "ST LOUIS"
    assert chapter["loo_st_louis_k_max"] > 0.6
    assert chapter["loo_other_k_max"] < 0.7


# The log density of a county varies over the draws by as much as the model has effective parameters,
# eight at most, in all counties together; the draws are worth at least 800.
ELPD_ERROR = np.sqrt(8 / 800)


@pytest.mark.parametrize("model", ["hierarchical", "uranium", "correlated", "context"])
def test_left_out_counties_are_predicted_as_exactly(chapter, model):
    elpd = exact(model).left_out.sum()
    assert chapter[f"{model}_county_elpd"] == pytest.approx(elpd, abs=4 * ELPD_ERROR)


@pytest.mark.parametrize("model", ["hierarchical", "correlated", "context"])
def test_standard_errors_of_leads_are_over_counties(chapter, model):
    lead = (exact(model).left_out - exact("uranium").left_out)[:85]
    assert chapter[f"{model}_county_lead"] == pytest.approx(
        lead.sum(), abs=4 * np.sqrt(2) * ELPD_ERROR
    )
    error = lead.std(ddof=1) * np.sqrt(len(lead))
    assert chapter[f"{model}_county_lead_se"] == pytest.approx(error, abs=0.15)


def test_uranium_predicts_new_counties_better_and_nothing_else_does(chapter):
    lag = chapter["hierarchical_county_lag"]
    assert lag == -chapter["hierarchical_county_lead"]
    assert lag > 2 * chapter["hierarchical_county_lead_se"]
    assert chapter["correlated_county_lag"] == -chapter["correlated_county_lead"]
    assert 0 < chapter["correlated_county_lag"] < 1
    assert 0 < chapter["context_county_lead"] < chapter["context_county_lead_se"]


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
        weight, mean, sd = mixture
        spread = np.sqrt(weight @ (sd**2 + mean**2) - (weight @ mean) ** 2)
        # Of the difference of two quantiles of 1,000 draws, each worth half a draw or more.
        error = 0.13 * spread
        assert chapter[f"{name}_{size}_width"] == pytest.approx(width(mixture), abs=4 * error)


def test_two_homes_teach_little_and_many_a_lot(chapter):
    small, large = [
        {name: chapter[f"{name}_{size}_width"] for name in ["line", "known_level", "new_level"]}
        for size in ["small", "large"]
    ]
    assert small["known_level"] == pytest.approx(small["new_level"], rel=0.25)
    assert small["line"] < 0.5 * small["new_level"]
    assert 0.35 < large["known_level"] / large["new_level"] < 0.65  # about twice as well
    homes = [
        chapter[f"{kind}_home_{size}_width"]
        for kind in ["known", "new"]
        for size in ["small", "large"]
    ]
    assert chapter["home_width_min"] == min(homes)
    assert max(homes) < 1.15 * min(homes)
    level = {
        county: np.dot(*in_county("uranium", county)[:2])
        for county in ["ST LOUIS", "LIKE ST LOUIS"]
    }
    assert level["ST LOUIS"] < level["LIKE ST LOUIS"] - 0.1


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_coverage_of_left_out_counties(chapter, model):
    posterior, known = exact(model), county_data().query("homes > 0")
    covered = {"": 0, "_forgetful": 0}
    for _, row in known.iterrows():
        x = np.array([1, row["first_floor"], *row[MODELS[model]["predictors"]]])
        mean, variance = posterior.mu_mean @ x, (posterior.mu_cov @ x) @ x
        variance = variance + posterior.sigma_y**2 / row["homes"]
        counties = posterior.sigma_alpha**2 + (posterior.sigma_beta * row["first_floor"]) ** 2
        for key, spread in {"": counties, "_forgetful": 0}.items():
            below = norm(mean, np.sqrt(variance + spread)).cdf(row["average"])
            covered[key] += 0.055 < posterior.weight @ below < 0.945
    for key, count in covered.items():
        # Here the county is not left out, which can matter for the few that are near an end.
        claimed = chapter[f"{model}{key}_coverage"]
        assert claimed == pytest.approx(count / len(known), abs=4.5 / len(known))


def test_only_with_the_spread_of_counties_intervals_keep_their_promise(chapter):
    error = chapter["data_coverage_se"]
    assert error == pytest.approx(np.sqrt(0.89 * 0.11 / 85))
    for model in ["hierarchical", "uranium"]:
        assert chapter[f"{model}_coverage"] == pytest.approx(0.89, abs=2 * error)
    assert chapter["hierarchical_forgetful_coverage"] < 0.89 - 3 * error
    hidden = chapter["uranium_forgetful_coverage"]
    assert chapter["hierarchical_forgetful_coverage"] < hidden < chapter["uranium_coverage"]


def test_map_shows_the_exact_levels(chapter, radon):
    posterior = exact("uranium")
    alpha = pd.Series(posterior.weight @ posterior.line_mean[:, :, 0], posterior.counties)[:85]
    predictor = county_data()["uranium"][:85]
    mu = posterior.weight @ posterior.mu_mean
    own = alpha - mu[0] - mu[2] * predictor
    level, error = np.exp(alpha) - 0.1, 4 * 0.002  # of the mean of a level
    assert chapter["map_level_min"] == pytest.approx(level.min(), rel=error)
    assert chapter["map_level_max"] == pytest.approx(level.max(), rel=error)
    assert chapter["map_level_min_county"] == level.idxmin()
    assert chapter["map_ratio_min"] == pytest.approx(np.exp(own.min()), rel=error)
    assert chapter["map_ratio_max"] == pytest.approx(np.exp(own.max()), rel=error)
    assert chapter["map_ratio_min_county"].upper() == own.idxmin()
    position = radon.groupby("county")[["longitude", "latitude"]].first()
    assert position.loc[level.idxmin(), "latitude"] > position["latitude"].quantile(0.9)


def test_levels_rise_to_the_south_west_and_most_of_that_is_soil(chapter):
    assert chapter["map_level_longitude_correlation"] < -0.2
    assert chapter["map_level_latitude_correlation"] < -0.2
    assert chapter["map_log_ratio_sd"] < 0.3 * chapter["map_log_level_sd"]


@pytest.mark.parametrize("model", ["hierarchical", "uranium"])
def test_family_in_lac_qui_parle(chapter, model):
    above = 1 - exact(model).probability_below(np.log(4 + 0.1), "LAC QUI PARLE", floor=0)
    error = chapter[f"{model}_family_mcse"]
    assert chapter[f"{model}_family_mean"] == pytest.approx(above, abs=4 * error)


def test_answers_to_the_family_differ_little(chapter):
    before, after = [chapter[f"{model}_family_mean"] for model in ["hierarchical", "uranium"]]
    assert abs(before - after) < 0.1


@pytest.mark.parametrize("soil", ["poor", "rich"])
@pytest.mark.parametrize(("end", "probability"), ENDS)
def test_home_in_a_new_county(chapter, soil, end, probability):
    log_radon = np.log(chapter[f"new_home_{soil}_{end}"] + 0.1)
    below = exact("uranium").probability_below(log_radon, f"{soil.upper()}EST", floor=0)
    error = np.sqrt(probability * (1 - probability) / 4000)
    assert below == pytest.approx(probability, abs=4 * error)


def test_unknown_soil_makes_the_interval_of_a_home_hardly_wider(chapter):
    widths = [
        width(with_noise(model, in_county(model, "RICHEST")))
        for model in ["hierarchical", "uranium"]
    ]
    # Of a width of two quantiles of 8,000 draws, relative to it: about 0.015
    ratio = chapter["new_home_width_ratio"]
    assert ratio == pytest.approx(widths[0] / widths[1], abs=4 * 0.015 * np.sqrt(2))
    assert 1 < ratio < 1.2


def test_correlation_without_uranium_leans_to_the_negative(chapter):
    assert chapter["without_rho_mean"] < -4 * chapter["without_rho_mcse"]
    assert chapter["without_rho_low_mcse"] < 0.05
    assert chapter["without_rho_high_mcse"] < 0.05


def test_noise_of_the_shares_hides_a_part_of_the_contextual_effect(chapter):
    models = ["context", "share"]
    before, after = [chapter[f"{model}_gamma_first_floor_mean"] for model in models]
    error = np.hypot(*[chapter[f"{model}_gamma_first_floor_mcse"] for model in models])
    assert after > before + 4 * error
    sd = [chapter[f"{model}_gamma_first_floor_sd"] for model in models]
    assert sd[1] > 1.3 * sd[0]
    assert chapter["share_gamma_first_floor_ess"] > 400
