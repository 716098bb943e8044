"""Every result that chapters/pooling.md states, against the exact posterior.

What two draws differ by is judged by monte_carlo.py. What is true of the exact posterior is no matter of
draws, and stated of it.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from exact_posterior import MODELS, exact_posterior
from monte_carlo import LEAST_ESS, LEVEL, Estimate, assert_agrees, assert_exceeds
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import chi2, halfnorm, norm

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]
# The pooled model's line is the population of a model whose counties do not differ.
SAME_IN_EXACT = {"alpha": "mu_alpha", "beta": "mu_beta", "sigma_y": "sigma_y"}
ESTIMATES = [
    *[("pooled", parameter, exact) for parameter, exact in SAME_IN_EXACT.items()],
    ("unpooled", "sigma_y", "sigma_y"),
    *[("hierarchical", parameter, parameter) for parameter in POPULATION],
]
N_SURVEYS = 4 * 2000 // 8  # that each model makes up, from every eighth draw


@pytest.fixture(scope="module")
def pooling(claims):
    return claims["pooling"]


@pytest.fixture(scope="module")
def floors(radon):
    """Return on how many floors each county was measured."""
    return radon.groupby("county")["floor"].nunique()


@pytest.fixture(scope="module")
def homes(radon):
    """Return how many homes each county has."""
    return radon.groupby("county").size()


@pytest.fixture(scope="module")
def lines(exact):
    """Return the posterior mean and sd of each county's alpha and beta, by model."""
    return {model: mean_and_sd_of_lines(posterior) for model, posterior in exact.items()}


def mean_and_sd_of_lines(posterior):
    """Return two tables with a row for each county."""
    mean = np.einsum("s,sjk->jk", posterior.weight, posterior.line_mean)
    square = posterior.line_mean**2 + np.einsum("sjkk->sjk", posterior.line_cov)
    sd = np.sqrt(np.einsum("s,sjk->jk", posterior.weight, square) - mean**2)
    return [pd.DataFrame(m, posterior.counties, ["alpha", "beta"]) for m in (mean, sd)]


def log_densities(posterior, homes):
    """Return the log predictive density of each new home."""
    elpd = []
    for (county, floor), group in homes.groupby(["county", "floor"]):
        density = norm(*posterior.new_home(county, floor)).pdf(group[["log_radon"]])
        elpd.append(pd.Series(np.log(density @ posterior.weight), group.index))
    return pd.concat(elpd).reindex(homes.index)


def mixture_quantile(weight, mean, sd, probability):
    """Return a quantile of a mixture of normal distributions."""
    return brentq(lambda x: weight @ norm.cdf(x, mean, sd) - probability, -60, 60, xtol=1e-9)


def interval_width(posterior, county, x):
    """Return the length of the 89 % interval of a county's line, at x = (1, floor)."""
    j, x = posterior.counties.get_loc(county), np.array(x)
    mean, sd = posterior.line_mean[:, j] @ x, np.sqrt(posterior.line_cov[:, j] @ x @ x)
    low, high = [mixture_quantile(posterior.weight, mean, sd, p) for p in [0.055, 0.945]]
    return high - low


def activity_quantile(posterior, probability, county):
    """Return a quantile of the activity in the basement of a new home, in pCi/L."""
    new_home = posterior.new_home(county, floor=0)
    return np.exp(mixture_quantile(posterior.weight, *new_home, probability)) - 0.1


@pytest.mark.parametrize(("model", "parameter", "exact_parameter"), ESTIMATES)
def test_posterior_mean_is_the_exact_one(pooling, exact, model, parameter, exact_parameter):
    mean, _ = exact[model].mean_and_sd(exact_parameter)
    assert_agrees(pooling.estimate(f"{model}_{parameter}_mean"), mean)


@pytest.mark.parametrize(("model", "parameter", "exact_parameter"), ESTIMATES)
def test_posterior_sd_is_the_exact_one(pooling, exact, model, parameter, exact_parameter):
    _, sd = exact[model].mean_and_sd(exact_parameter)
    assert_agrees(pooling.estimate(f"{model}_{parameter}_sd"), sd)


def test_refits_converged_too(pooling):
    assert pooling["refit_count"] == 5 * 3 + 85 * 2
    # An R-hat of four half chains is about sqrt(1 + chi2(3) / 3 / (ESS / 4)), so the worst of so many
    # fits, each with up to three spreads and two R-hats, bulk and tail, is above 1.01 by chance.
    n_rhats = pooling["refit_count"] * 3 * 2
    by_chance = np.sqrt(1 + chi2(3).isf(LEVEL / n_rhats) / 3 / (LEAST_ESS / 4))
    assert 1 <= pooling["refit_worst_rhat"] < by_chance
    n_draws = pooling["refit_count"] * 2 * 1250
    assert pooling["refit_divergences_count"] < n_draws / 10_000


def test_prior_admits_absurd_homes(pooling, radon):
    upstairs = radon["floor"].mean()

    def below(log_radon):
        def given_sigma(sigma):
            probability = [norm.cdf(log_radon, 0, np.hypot(sd, sigma)) for sd in [10, 10 * 2**0.5]]
            return np.dot([1 - upstairs, upstairs], probability) * halfnorm.pdf(sigma)

        return quad(given_sigma, 0, 10)[0]

    shares = {
        "prior_tiny_share_mean": below(np.log(1e-3)),
        "prior_huge_share_mean": 1 - below(np.log(1e3)),
    }
    for key, share in shares.items():
        assert_agrees(pooling.estimate(key), share)
        assert_exceeds(pooling.estimate(key), 0.055)


def test_upstairs_has_a_little_more_than_half_of_the_radon(pooling, exact):
    mean, sd = exact["pooled"].mean_and_sd("mu_beta")
    ratio = np.exp(mean + sd**2 / 2)
    assert_agrees(pooling.estimate("pooled_floor_ratio_mean"), ratio)
    assert 0.5 < ratio < 0.6


def test_unpooled_intervals_shrink_with_the_number_of_homes(pooling, exact, homes):
    singles = [interval_width(exact["unpooled"], c, [1, 0]) for c in homes.index[homes == 1]]
    largest = interval_width(exact["unpooled"], homes.idxmax(), [1, 0])
    assert_agrees(pooling.estimate("unpooled_alpha_width_single"), np.mean(singles))
    assert_agrees(pooling.estimate("unpooled_alpha_width_largest"), largest)
    assert min(singles) > 5 * largest


def test_unpooled_slopes_without_data_are_their_prior(pooling, floors):
    assert pooling["unpooled_prior_slopes_count"] == (floors == 1).sum()
    assert_agrees(pooling.estimate("unpooled_prior_slopes_sd_average"), 10)


def test_county_ratio_is_the_exact_one(pooling, exact):
    posterior = exact["hierarchical"]
    ratio = posterior.weight @ np.exp(posterior.sigma_alpha)
    assert_agrees(pooling.estimate("hierarchical_county_ratio_mean"), ratio)


def test_floor_ratio_is_the_exact_one(pooling, exact):
    posterior = exact["hierarchical"]
    mean, variance = posterior.mu_mean[:, 1], posterior.mu_cov[:, 1, 1]
    ratio = posterior.weight @ np.exp(mean + variance / 2)
    assert_agrees(pooling.estimate("hierarchical_floor_ratio_mean"), ratio)


@pytest.mark.parametrize(("end", "probability"), [("low", 0.055), ("high", 0.945)])
def test_bounds_of_the_spread_of_slopes_are_the_exact_ones(pooling, exact, end, probability):
    below = partial(exact["hierarchical"].cdf, "sigma_beta")
    bound = brentq(lambda x: below(x) - probability, 0, 1.2)
    assert_agrees(pooling.estimate(f"hierarchical_sigma_beta_{end}"), bound)


def test_data_hardly_know_how_much_slopes_differ(exact):
    assert exact["hierarchical"].cdf("sigma_beta", 0.1) > 0.055
    assert exact["hierarchical"].cdf("sigma_beta", 0.4) < 0.945


def test_homes_differ_more_than_twice_as_much_as_counties(pooling):
    homes, counties = [
        pooling.estimate(f"hierarchical_{s}_mean") for s in ["sigma_y", "sigma_alpha"]
    ]
    assert_exceeds(homes, 2 * counties)


def test_only_the_hierarchical_model_makes_up_counties_like_ours(pooling):
    # If a twentieth of all surveys had more, or less, than the real spread:
    error = np.sqrt(0.05 * 0.95 / N_SURVEYS)
    pooled, hierarchical, unpooled = [
        Estimate(pooling[f"{model}_spread_exceeds_share"], error, N_SURVEYS, f"share of {model}")
        for model in ["pooled", "hierarchical", "unpooled"]
    ]
    assert_exceeds(0.05, pooled)
    assert_exceeds(unpooled, 0.95)
    assert_exceeds(hierarchical, 0.05)
    assert_exceeds(0.95, hierarchical)


def test_picture_has_all_counties(pooling, counties):
    assert pooling["data_counties_count"] == len(counties)


def test_observed_spread_is_that_of_the_survey(pooling, radon):
    averages = radon.groupby("county")["log_radon"].transform("mean")
    assert pooling["data_county_spread"] == pytest.approx(averages.std(ddof=0))


@pytest.mark.parametrize("model", MODELS)
def test_spreads_of_simulated_surveys_are_the_exact_ones(pooling, exact, radon, homes, model):
    posterior = exact[model]
    noise = posterior.sigma_y[:, None] ** 2
    share = homes.to_numpy() / len(radon)
    x = np.column_stack([np.ones(len(homes)), radon.groupby("county")["floor"].mean()])
    mean = np.einsum("sjk,jk->sj", posterior.line_mean, x)
    variance = np.einsum("sjkl,jk,jl->sj", posterior.line_cov, x, x) + noise / homes.to_numpy()
    # Of the average of all homes the data know the mean up to the noise, which a survey adds again.
    of_all = (mean @ share) ** 2 + 2 * noise[:, 0] / len(radon)
    square = posterior.weight @ ((mean**2 + variance) @ share - of_all)
    spread = pooling.estimate(f"{model}_spread_mean")
    assert_agrees(spread, np.sqrt(square - pooling[f"{model}_spread_sd"] ** 2))


def test_simulated_spreads_stand_in_their_order(pooling):
    pooled, hierarchical, unpooled = [
        pooling.estimate(f"{model}_spread_mean") for model in ["pooled", "hierarchical", "unpooled"]
    ]
    assert_exceeds(hierarchical, pooled)
    assert_exceeds(unpooled, hierarchical)


def test_small_counties_move_far_and_large_ones_little(pooling, lines, homes):
    shift = (lines["unpooled"][0] - lines["hierarchical"][0])["alpha"].abs()
    small, large = shift[homes <= 5].mean(), shift[homes >= 20].mean()
    assert_agrees(pooling.estimate("shrinkage_alpha_small_average"), small)
    assert_agrees(pooling.estimate("shrinkage_alpha_large_average"), large)
    assert small > 5 * large


def test_slopes_give_way_more_than_levels(pooling, lines, floors):
    before, after = [
        lines[model][0][floors == 2].std(ddof=0) for model in ["unpooled", "hierarchical"]
    ]
    for name in ["alpha", "beta"]:
        assert_agrees(pooling.estimate(f"shrinkage_{name}_sd_before"), before[name])
        assert_agrees(pooling.estimate(f"shrinkage_{name}_sd_after"), after[name])
    kept = after / before
    assert kept["beta"] < kept["alpha"] < 1


def test_few_counties_have_more_than_three_homes_upstairs(radon):
    upstairs = radon[radon["floor"] == 1].groupby("county").size()
    assert (upstairs > 3).mean() < 0.25


def test_picture_of_shrinkage_has_these_counties_and_bounds(pooling, lines, floors):
    assert pooling["data_both_floors_count"] == (floors == 2).sum()
    levels = lines["hierarchical"][0]["alpha"][floors == 2]
    assert_agrees(pooling.estimate("shrinkage_alpha_min"), levels.min())
    assert_agrees(pooling.estimate("shrinkage_alpha_max"), levels.max())


@pytest.fixture(scope="module")
def population(exact):
    """Return the exact posterior means of the population's parameters."""
    return {name: exact["hierarchical"].mean_and_sd(name)[0] for name in POPULATION}


def test_population_counts_like_this_many_homes(pooling, population):
    homes = (population["sigma_y"] / population["sigma_alpha"]) ** 2
    assert_agrees(pooling.estimate("hierarchical_population_homes"), homes)


def test_formula_for_shrinkage_fits(pooling, population, lines, floors, homes, radon):
    m = (population["sigma_y"] / population["sigma_alpha"]) ** 2
    by_hand = (radon.groupby("county")["log_radon"].sum() + m * population["mu_alpha"]) / (
        homes + m
    )
    miss = (by_hand - lines["hierarchical"][0]["alpha"])[floors == 1].abs()
    assert miss.max() < 0.03
    assert_exceeds(0.05, pooling.estimate("shrinkage_formula_miss_max"))


def test_dial_at_the_fit_is_the_exact_one(pooling, population, lines, radon):
    own = radon[radon["floor"] == 0].groupby("county")["log_radon"].agg(["mean", "size"])
    variance = population["sigma_alpha"] ** 2 + population["sigma_y"] ** 2 / own["size"]
    center = np.average(own["mean"], weights=1 / variance)
    level = center + population["sigma_alpha"] ** 2 / variance * (own["mean"] - center)
    miss = (level - lines["hierarchical"][0]["alpha"]).abs()
    for key, value in {
        "center": center,
        "sd": level.std(ddof=0),
        "miss_average": miss.mean(),
        "miss_max": miss.max(),
    }.items():
        assert_agrees(pooling.estimate(f"dial_fitted_{key}"), value)
    assert_agrees(pooling.estimate("dial_lac_qui_parle_level"), level["LAC QUI PARLE"])
    assert pooling["dial_lac_qui_parle_own"] == pytest.approx(own["mean"]["LAC QUI PARLE"])


def test_dial_at_its_ends_needs_no_model(pooling, radon):
    basements = radon[radon["floor"] == 0]
    own = basements.groupby("county")["log_radon"].mean()
    assert pooling["dial_pooled_center"] == pytest.approx(basements["log_radon"].mean())
    assert pooling["dial_pooled_sd"] == pytest.approx(0, abs=1e-9)
    assert pooling["dial_unpooled_center"] == pytest.approx(own.mean())
    assert pooling["dial_unpooled_sd"] == pytest.approx(own.std(ddof=0))


def test_cass_is_drawn_to_the_mean_of_counties(lines, exact, radon):
    level = {model: lines[model][0]["alpha"]["CASS"] for model in MODELS}
    assert level["hierarchical"] > max(level["pooled"], level["unpooled"])
    expected = exact["hierarchical"].expected_log_radon(radon.assign(floor=0))
    assert expected.mean() < exact["hierarchical"].mean_and_sd("mu_alpha")[0] - 0.05


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("county", ["CASS", "LAC QUI PARLE", "ST LOUIS"])
def test_basement_levels_are_the_exact_ones(pooling, lines, model, county):
    key = f"{model}_{county.lower().replace(' ', '_')}_basement_mean"
    assert_agrees(pooling.estimate(key), lines[model][0]["alpha"][county])


def test_largest_county_pulls_the_pooled_line_down(pooling, radon):
    assert pooling["data_st_louis_homes_count"] == radon["county"].value_counts().max()
    st_louis = pooling.estimate("hierarchical_st_louis_basement_mean")
    assert_exceeds(pooling.estimate("pooled_alpha_mean"), st_louis)


def test_crow_wing_gets_most_of_the_floor_effect_back(pooling, lines, radon):
    assert (radon.query("county == 'CROW WING'")["floor"] == 1).sum() == 3
    beta = {model: lines[model][0]["beta"]["CROW WING"] for model in ["unpooled", "hierarchical"]}
    for model, value in beta.items():
        assert_agrees(pooling.estimate(f"{model}_crow_wing_beta_mean"), value)
    average = lines["hierarchical"][0]["beta"].mean()
    assert abs(beta["unpooled"]) < 0.05 * abs(average)
    assert beta["hierarchical"] < 0.6 * average


def test_freeborn_stays_high_but_less_so(pooling, lines):
    for floor, name in enumerate(["basement", "first_floor"]):
        level = {}
        for model in MODELS:
            level[model] = lines[model][0].loc["FREEBORN"] @ [1, floor]
            if model != "pooled":
                assert_agrees(pooling.estimate(f"{model}_freeborn_{name}_mean"), level[model])
        assert level["pooled"] < level["hierarchical"] < level["unpooled"]


def test_hierarchical_slopes_without_data_are_nearly_as_certain_as_those_with(
    pooling, lines, floors
):
    sd = lines["hierarchical"][1]["beta"].groupby(floors).mean()
    without, with_data = sd[1], sd[2]
    assert_agrees(pooling.estimate("hierarchical_basement_only_slope_sd_average"), without)
    assert_agrees(pooling.estimate("hierarchical_both_floors_slope_sd_average"), with_data)
    assert with_data < without < 1.5 * with_data


def test_cass_has_a_usable_first_floor(pooling, exact):
    width = interval_width(exact["hierarchical"], "CASS", [1, 1])
    assert_agrees(pooling.estimate("cass_first_floor_width"), width)
    assert width < 2


def leave_one_home_out(posterior, homes):
    """Return the log predictive density of each home by a fit to the others.

    Given the standard deviations the models are linear, so that a home is left out by its leverage.
    """
    elpd = []
    for (county, floor), group in homes.groupby(["county", "floor"]):
        j, x = posterior.counties.get_loc(county), np.array([1, floor])
        left = 1 - posterior.line_cov[:, j] @ x @ x / posterior.sigma_y**2
        residual = (group[["log_radon"]].to_numpy() - posterior.line_mean[:, j] @ x) / left
        density = norm.logpdf(residual, 0, posterior.sigma_y / np.sqrt(left))
        elpd.append(pd.Series(-logsumexp(-density, b=posterior.weight, axis=1), group.index))
    return pd.concat(elpd).reindex(homes.index)


@pytest.fixture(scope="module")
def left_out(radon, counties):
    """Return the elpd of each home by the exact leave-one-out, by model."""
    models = MODELS | {"one_slope": {"sigma_beta": 0}}
    return pd.DataFrame(
        {
            name: leave_one_home_out(exact_posterior(radon, counties, n_nodes=20, **fixed), radon)
            for name, fixed in models.items()
        }
    )


def total_and_se(differences):
    """Return the sum of homes' or counties' differences, and its standard error."""
    return differences.sum(), np.sqrt(len(differences)) * differences.std()


def test_hierarchical_leads_when_one_home_is_left_out(pooling, left_out):
    lag, se = total_and_se(left_out["hierarchical"] - left_out["pooled"])
    assert_agrees(pooling.estimate("pooled_loo_lag"), lag)
    assert_agrees(pooling.estimate("pooled_loo_lag_se"), se)
    assert lag > 4 * se


def test_one_slope_for_all_predicts_as_well(pooling, left_out):
    lead, se = total_and_se(left_out["one_slope"] - left_out["hierarchical"])
    assert_agrees(pooling.estimate("one_slope_loo_difference"), lead)
    assert_agrees(pooling.estimate("one_slope_loo_difference_se"), se)
    assert 0 < lead < se


def test_loo_cannot_be_trusted_for_the_unpooled_model_alone(pooling, neighbours):
    bad = {model: pooling[f"{model}_loo_bad_k_count"] for model in MODELS}
    assert bad["unpooled"] > 0.8 * (neighbours == 0).sum()
    assert bad["unpooled"] < (neighbours <= 1).sum()
    assert bad["pooled"] == 0
    assert bad["hierarchical"] < bad["unpooled"] / 3


@pytest.fixture(scope="module")
def neighbours(radon):
    """Return how many other homes each home has on its floor of its county."""
    return radon.groupby(["county", "floor"])["home"].transform("size") - 1


def test_loo_warns_of_homes_that_are_almost_alone(pooling, neighbours):
    assert pooling["unpooled_loo_bad_k_neighbours_median"] in [0, 1]
    assert pooling["data_neighbours_median"] == neighbours.median()


@pytest.fixture(scope="module")
def held_out(radon, counties):
    """Return the error and the log predictive density of each home by fold, by model, exactly."""
    fold = np.arange(len(radon)) % 5
    tables = {}
    for model, fixed in MODELS.items():
        parts = []
        for k in range(5):
            posterior = exact_posterior(radon[fold != k], counties, n_nodes=20, **fixed)
            homes = radon[fold == k]
            error = homes["log_radon"] - posterior.expected_log_radon(homes)
            elpd = log_densities(posterior, homes)
            parts.append(pd.DataFrame({"error": error, "elpd": elpd}))
        tables[model] = pd.concat(parts)
    return tables


def test_held_out_homes_confirm_loo_where_it_did_not_warn(pooling, held_out, left_out):
    long_way, se = total_and_se(held_out["hierarchical"]["elpd"] - held_out["pooled"]["elpd"])
    assert_agrees(pooling.estimate("pooled_held_out_lag"), long_way)
    assert_agrees(pooling.estimate("pooled_held_out_lag_se"), se)
    shortcut, se = total_and_se(left_out["hierarchical"] - left_out["pooled"])
    assert abs(long_way - shortcut) < se


def test_held_out_homes_prove_the_warning_right(pooling, held_out):
    long_way, se = total_and_se(held_out["hierarchical"]["elpd"] - held_out["unpooled"]["elpd"])
    assert_agrees(pooling.estimate("unpooled_held_out_lag"), long_way)
    assert_agrees(pooling.estimate("unpooled_held_out_lag_se"), se)
    assert long_way > 4 * se
    # A quarter of it or more, PSIS-LOO does not see.
    assert pooling["unpooled_loo_lag"] < 0.75 * long_way
    assert pooling["unpooled_loo_lag"] > 2 * pooling["unpooled_loo_lag_se"]


@pytest.mark.parametrize("model", MODELS)
def test_held_out_rmsd_is_the_exact_one(pooling, held_out, model):
    rmsd = np.sqrt((held_out[model]["error"] ** 2).mean())
    assert_agrees(pooling.estimate(f"{model}_held_out_rmsd"), rmsd)


def test_held_out_rmsd_puts_the_models_in_order(held_out):
    square = pd.DataFrame({model: homes["error"] ** 2 for model, homes in held_out.items()})
    assert list(square.mean().sort_values().index) == ["hierarchical", "pooled", "unpooled"]
    gain, se = total_and_se(square["pooled"] - square["hierarchical"])
    assert gain > 2 * se


@pytest.mark.parametrize("model", MODELS)
def test_in_sample_rmsd_is_the_exact_one(pooling, exact, radon, model):
    error = radon["log_radon"] - exact[model].expected_log_radon(radon)
    assert_agrees(pooling.estimate(f"{model}_in_sample_rmsd"), np.sqrt((error**2).mean()))


def test_errors_on_the_fitted_homes_flatter_the_unpooled_model(pooling):
    unpooled, hierarchical, pooled = [
        pooling.estimate(f"{model}_in_sample_rmsd")
        for model in ["unpooled", "hierarchical", "pooled"]
    ]
    assert_exceeds(hierarchical, unpooled)
    assert_exceeds(pooled, hierarchical)


def test_no_model_can_have_the_rmsd_of_the_old_post(exact):
    sigma_y, sd = exact["hierarchical"].mean_and_sd("sigma_y")
    assert sigma_y - 10 * sd > 0.13


def test_narrower_prior_would_cost_the_unpooled_model_less(radon, counties):
    def held_out_elpd(prior_sd):
        elpd = 0
        for k in range(5):
            fold = np.arange(len(radon)) % 5 == k
            fixed = {"sigma_alpha": prior_sd, "sigma_beta": prior_sd, "mu_sd": 0}
            posterior = exact_posterior(radon[~fold], counties, **fixed)
            elpd += log_densities(posterior, radon[fold]).sum()
        return elpd

    assert held_out_elpd(2) > held_out_elpd(10) + 20


def test_one_home_in_a_new_county_is_predicted_alike_by_pooled_and_hierarchical(
    pooling, exact, population
):
    lag, se = [pooling.estimate(f"pooled_by_home_lag{end}") for end in ["", "_se"]]
    assert_exceeds(2 * se, lag)
    assert_exceeds(2 * se, -1 * lag)
    spread = np.hypot(population["sigma_y"], population["sigma_alpha"])
    assert_agrees(pooling.estimate("hierarchical_new_home_sd"), spread)
    assert spread == pytest.approx(exact["pooled"].mean_and_sd("sigma_y")[0], abs=0.01)


@pytest.fixture(scope="module")
def lead_at_once(radon, counties):
    """Return by how much the hierarchical model predicts each county's homes at once better."""
    hierarchical, pooled = [
        exact_posterior(radon, counties, n_nodes=20, leave_out=True, **MODELS[model]).left_out
        for model in ["hierarchical", "pooled"]
    ]
    return pd.Series(hierarchical - pooled)


def test_new_county_at_once_is_predicted_better_by_the_hierarchical_model(pooling, lead_at_once):
    lag, se = total_and_se(lead_at_once)
    assert_agrees(pooling.estimate("pooled_county_lag"), lag)
    assert_agrees(pooling.estimate("pooled_county_lag_se"), se)
    assert lag > 1.5 * se


@pytest.mark.parametrize("model", MODELS)
def test_family_in_lac_qui_parle(pooling, exact, model):
    probability = 1 - exact[model].probability_below(np.log(4 + 0.1), "LAC QUI PARLE", floor=0)
    assert_agrees(pooling.estimate(f"{model}_family_probability_mean"), probability)


@pytest.mark.parametrize("model", MODELS)
def test_median_for_the_family(pooling, exact, model):
    median = activity_quantile(exact[model], 0.5, "LAC QUI PARLE")
    assert_agrees(pooling.estimate(f"{model}_family_median"), median)


def test_family_gets_an_answer_between_the_extremes(pooling):
    pooled, hierarchical, unpooled = [
        pooling.estimate(f"{model}_family_probability_mean")
        for model in ["pooled", "hierarchical", "unpooled"]
    ]
    assert_exceeds(hierarchical, pooled)
    assert_exceeds(unpooled, hierarchical)


def test_homes_that_give_a_county_nine_tenths_of_the_weight(pooling, radon):
    homes = pooling["own_weight_homes"]
    assert homes == np.ceil(9 * pooling["hierarchical_population_homes"])
    basements = radon[radon["floor"] == 0]["county"].value_counts()
    assert pooling["own_weight_counties_count"] == (basements >= homes).sum()


@pytest.mark.parametrize(("end", "probability"), [("low", 0.055), ("high", 0.945)])
def test_interval_for_grant_county(pooling, exact, end, probability):
    bound = activity_quantile(exact["hierarchical"], probability, county=None)
    assert_agrees(pooling.estimate(f"grant_activity_{end}"), bound)


def test_most_of_the_doubt_about_grant_county_is_about_the_home(pooling, exact):
    posterior = exact["hierarchical"]
    mean, sd = posterior.new_home(None, floor=0)
    variance = posterior.weight @ (mean**2 + sd**2) - (posterior.weight @ mean) ** 2
    share = 1 - posterior.weight @ posterior.sigma_y**2 / variance
    assert_agrees(pooling.estimate("grant_county_share"), share)
    assert 0.1 < share < 0.25
