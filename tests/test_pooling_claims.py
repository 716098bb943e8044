"""Every result that chapters/pooling.md states, against the exact posterior or its own Monte Carlo error.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

import numpy as np
import pandas as pd
import pytest
from exact_posterior import MODELS, exact_posterior, probability_of_sigma_beta_below
from scipy.stats import halfnorm, norm

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]
# The pooled model's line is the population of a model whose counties do not differ.
SAME_IN_EXACT = {"alpha": "mu_alpha", "beta": "mu_beta", "sigma_y": "sigma_y"}
ESTIMATES = [
    *[("pooled", parameter, exact) for parameter, exact in SAME_IN_EXACT.items()],
    ("unpooled", "sigma_y", "sigma_y"),
    *[("hierarchical", parameter, parameter) for parameter in POPULATION],
]


@pytest.fixture(scope="module")
def pooling(claims):
    return claims["pooling"]


def standard_error(probability, draws=4000):
    """Return the Monte Carlo error of a share of draws, 8,000 of which are worth more than 4,000."""
    return np.sqrt(probability * (1 - probability) / draws)


@pytest.mark.parametrize(("model", "parameter", "exact_parameter"), ESTIMATES)
def test_posterior_mean_is_the_exact_one(pooling, exact, model, parameter, exact_parameter):
    mean, _ = exact[model].mean_and_sd(exact_parameter)
    error = pooling[f"{model}_{parameter}_mcse"]
    assert pooling[f"{model}_{parameter}_mean"] == pytest.approx(mean, abs=4 * error)


@pytest.mark.parametrize(("model", "parameter", "exact_parameter"), ESTIMATES)
def test_posterior_sd_is_the_exact_one(pooling, exact, model, parameter, exact_parameter):
    _, sd = exact[model].mean_and_sd(exact_parameter)
    error = sd / np.sqrt(
        pooling[f"{model}_{parameter}_ess"]
    )  # of a normal's sd, with room to spare
    assert pooling[f"{model}_{parameter}_sd"] == pytest.approx(sd, abs=4 * error)


def test_refits_converged_too(pooling):
    assert pooling["refit_count"] == 5 * 3 + 85 * 2
    assert pooling["refit_worst_rhat"] < 1.03  # the worst of many fits, each of two short chains
    n_draws = pooling["refit_count"] * 2 * 1250
    assert pooling["refit_divergences_count"] < n_draws / 100_000


def test_prior_admits_absurd_homes(pooling):
    assert pooling["prior_activity_low"] < 1e-6
    assert pooling["prior_activity_high"] > 1e6


def test_half_normal_prior_puts_95_percent_below_2():
    assert halfnorm.cdf(2) == pytest.approx(0.95, abs=0.005)


def test_upstairs_has_a_little_more_than_half_of_the_radon(pooling, exact):
    mean, sd = exact["pooled"].mean_and_sd("mu_beta")
    error = pooling["pooled_floor_ratio_mcse"]
    assert pooling["pooled_floor_ratio_mean"] == pytest.approx(
        np.exp(mean + sd**2 / 2), abs=4 * error
    )
    assert 0.5 < pooling["pooled_floor_ratio_mean"] < 0.6
    assert pooling["pooled_beta_drop"] == -pooling["pooled_beta_mean"]


def test_unpooled_intervals_shrink_with_the_number_of_homes(pooling):
    assert pooling["unpooled_alpha_width_single"] > 5 * pooling["unpooled_alpha_width_largest"]


def test_unpooled_slopes_without_data_are_their_prior(pooling, radon):
    lacking = radon.groupby("county")["floor"].nunique() == 1
    assert pooling["unpooled_prior_slopes_count"] == lacking.sum()
    error = 10 / np.sqrt(2 * 4000 * lacking.sum())
    assert pooling["unpooled_prior_slopes_sd_average"] == pytest.approx(10, abs=4 * error)


def test_county_ratio_is_the_exact_one(pooling, exact):
    posterior = exact["hierarchical"]
    ratio = posterior.weight @ np.exp(posterior.sigma_alpha)
    error = pooling["hierarchical_county_ratio_mcse"]
    assert pooling["hierarchical_county_ratio_mean"] == pytest.approx(ratio, abs=4 * error)


def test_floor_ratio_is_the_exact_one(pooling, exact):
    posterior = exact["hierarchical"]
    mean, variance = posterior.mu_mean[:, 1], posterior.mu_cov[:, 1, 1]
    ratio = posterior.weight @ np.exp(mean + variance / 2)
    error = pooling["hierarchical_floor_ratio_mcse"]
    assert pooling["hierarchical_floor_ratio_mean"] == pytest.approx(ratio, abs=4 * error)


def test_data_hardly_know_how_much_slopes_differ(pooling, radon, exact):
    for end, probability in [("low", 0.055), ("high", 0.945)]:
        bound = pooling[f"hierarchical_sigma_beta_{end}"]
        below = probability_of_sigma_beta_below(bound, radon, exact["hierarchical"])
        error = standard_error(probability, draws=pooling["hierarchical_sigma_beta_ess"] / 2)
        assert below == pytest.approx(probability, abs=4 * error)
        room = 4 * pooling[f"hierarchical_sigma_beta_{end}_mcse"]
        beyond = [
            probability_of_sigma_beta_below(max(bound + shift, 1e-6), radon, exact["hierarchical"])
            for shift in [-room, room]
        ]
        assert beyond[0] < probability < beyond[1]
    assert pooling["hierarchical_sigma_beta_low"] < 0.1
    assert pooling["hierarchical_sigma_beta_high"] > 0.4


def test_homes_differ_more_than_twice_as_much_as_counties(pooling):
    assert pooling["hierarchical_sigma_y_mean"] > 2 * pooling["hierarchical_sigma_alpha_mean"]


def test_only_the_hierarchical_model_makes_up_counties_like_ours(pooling):
    assert pooling["pooled_spread_exceeds_share"] < 0.01
    assert pooling["unpooled_spread_exceeds_share"] > 0.99
    assert 0.05 < pooling["hierarchical_spread_exceeds_share"] < 0.95


def test_picture_has_all_counties(pooling, counties):
    assert pooling["data_counties_count"] == len(counties)


def test_observed_spread_is_that_of_the_survey(pooling, radon):
    averages = radon.groupby("county")["log_radon"].transform("mean")
    assert pooling["data_county_spread"] == pytest.approx(averages.std(ddof=0))


def test_simulated_spreads_stand_in_their_order(pooling):
    pooled, hierarchical, unpooled = [
        pooling[f"{model}_spread_mean"] for model in ["pooled", "hierarchical", "unpooled"]
    ]
    error = max(pooling[f"{model}_spread_mcse"] for model in MODELS)
    assert error < 0.005  # two digits are shown
    assert pooled + 4 * error < hierarchical < unpooled - 4 * error


def test_small_counties_move_far_and_large_ones_little(pooling):
    assert pooling["shrinkage_alpha_small_average"] > 5 * pooling["shrinkage_alpha_large_average"]


def test_slopes_give_way_more_than_levels(pooling):
    kept = {
        name: pooling[f"shrinkage_{name}_sd_after"] / pooling[f"shrinkage_{name}_sd_before"]
        for name in ["alpha", "beta"]
    }
    assert kept["beta"] < kept["alpha"] < 1


def test_few_counties_have_more_than_three_homes_upstairs(radon):
    upstairs = radon[radon["floor"] == 1].groupby("county").size()
    assert (upstairs > 3).mean() < 0.25


def test_picture_of_shrinkage_has_these_counties_and_bounds(pooling, exact, radon, counties):
    floors = radon.groupby("county")["floor"].nunique()
    assert pooling["data_both_floors_count"] == (floors == 2).sum()
    levels = exact["hierarchical"].expected_log_radon(
        pd.DataFrame({"county": floors.index[floors == 2], "floor": 0})
    )
    assert pooling["shrinkage_alpha_min"] == pytest.approx(levels.min(), abs=0.02)
    assert pooling["shrinkage_alpha_max"] == pytest.approx(levels.max(), abs=0.02)


def test_population_counts_like_this_many_homes(pooling, exact):
    sigma_y, sigma_alpha = [
        exact["hierarchical"].mean_and_sd(name)[0] for name in ["sigma_y", "sigma_alpha"]
    ]
    homes = (sigma_y / sigma_alpha) ** 2
    relative_error = 2 * pooling["hierarchical_sigma_alpha_mcse"] / sigma_alpha
    assert pooling["hierarchical_population_homes"] == pytest.approx(homes, rel=4 * relative_error)


def test_formula_for_shrinkage_fits(pooling):
    assert pooling["shrinkage_formula_error_max"] < 0.02


def test_cass_is_drawn_to_the_mean_of_counties(pooling, exact, radon):
    others = max(pooling[f"{model}_cass_basement_mean"] for model in ["pooled", "unpooled"])
    assert pooling["hierarchical_cass_basement_mean"] > others
    expected = exact["hierarchical"].expected_log_radon(radon.assign(floor=0))
    assert expected.mean() < exact["hierarchical"].mean_and_sd("mu_alpha")[0] - 0.05


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("county", ["CASS", "LAC QUI PARLE", "ST LOUIS"])
def test_basement_levels_are_the_exact_ones(pooling, exact, model, county):
    home = pd.DataFrame({"county": [county], "floor": [0]})
    (level,) = exact[model].expected_log_radon(home)
    key = f"{model}_{county.lower().replace(' ', '_')}_basement"
    assert pooling[f"{key}_mean"] == pytest.approx(level, abs=4 * pooling[f"{key}_mcse"])


def test_largest_county_pulls_the_pooled_line_down(pooling, radon):
    assert pooling["data_st_louis_homes_count"] == radon["county"].value_counts().max()
    assert pooling["hierarchical_st_louis_basement_mean"] < pooling["pooled_alpha_mean"] - 0.2


def test_crow_wing_gets_most_of_the_floor_effect_back(pooling, radon):
    assert (radon.query("county == 'CROW WING'")["floor"] == 1).sum() == 3
    beta = {
        model: pooling[f"{model}_crow_wing_beta_mean"] for model in ["unpooled", "hierarchical"]
    }
    assert abs(beta["unpooled"]) < 0.1 + 4 * pooling["unpooled_crow_wing_beta_mcse"]
    least = 0.6 * abs(pooling["hierarchical_mu_beta_mean"])
    assert -beta["hierarchical"] > least - 4 * pooling["hierarchical_crow_wing_beta_mcse"]


def test_freeborn_stays_high_but_less_so(pooling):
    for floor, name in enumerate(["basement", "first_floor"]):
        level = {
            model: pooling[f"{model}_freeborn_{name}_mean"]
            for model in ["unpooled", "hierarchical"]
        }
        state = pooling["pooled_alpha_mean"] + floor * pooling["pooled_beta_mean"]
        assert state < level["hierarchical"] < level["unpooled"]


def test_hierarchical_slopes_without_data_are_nearly_as_certain_as_those_with(pooling):
    with_data = pooling["hierarchical_both_floors_slope_sd_average"]
    without = pooling["hierarchical_basement_only_slope_sd_average"]
    assert with_data < without < 1.5 * with_data
    assert without < pooling["unpooled_prior_slopes_sd_average"] / 10


def test_cass_has_a_usable_first_floor(pooling):
    assert pooling["cass_first_floor_width"] < 2


def test_hierarchical_leads_when_one_home_is_left_out(pooling):
    assert pooling["pooled_loo_lag"] > 2 * pooling["pooled_loo_lag_se"]
    assert pooling["unpooled_loo_lag"] > 2 * pooling["unpooled_loo_lag_se"]


def test_loo_cannot_be_trusted_for_the_unpooled_model_alone(pooling):
    others = pooling["pooled_loo_bad_k_count"] + pooling["hierarchical_loo_bad_k_count"]
    assert pooling["unpooled_loo_bad_k_count"] > 10 * max(others, 1)


def test_loo_warns_of_homes_that_are_almost_alone(pooling, radon):
    assert pooling["unpooled_loo_bad_k_neighbours_median"] <= 1
    homes = radon.groupby(["county", "floor"])["home"].transform("size")
    assert pooling["data_neighbours_median"] == homes.median() - 1


def test_held_out_homes_confirm_loo_where_it_did_not_warn(pooling):
    shortcut, long_way = pooling["pooled_loo_lag"], pooling["pooled_held_out_lag"]
    assert long_way == pytest.approx(shortcut, abs=pooling["pooled_held_out_lag_se"])


def test_held_out_homes_prove_the_warning_right(pooling):
    shortcut, long_way = pooling["unpooled_loo_lag"], pooling["unpooled_held_out_lag"]
    assert long_way > shortcut + 4 * pooling["unpooled_loo_lag_se"]
    assert long_way > 4 * pooling["unpooled_held_out_lag_se"]


@pytest.mark.parametrize("model", MODELS)
def test_held_out_rmsd_is_the_exact_one(pooling, radon, counties, model):
    fold = np.arange(len(radon)) % 5
    error = np.empty(len(radon))
    for held_out in range(5):
        homes = radon[fold == held_out]
        posterior = exact_posterior(radon[fold != held_out], counties, n_nodes=20, **MODELS[model])
        error[fold == held_out] = homes["log_radon"] - posterior.expected_log_radon(homes)
    rmsd = np.sqrt(np.mean(error**2))
    # 2,500 draws leave an error of 10 / sqrt(2500) in the mean of a slope that is all prior, of
    # which fewer than fifty held-out homes are predicted, at errors of about two.
    monte_carlo = np.sqrt(50) * 2 * (10 / np.sqrt(2500)) / (len(radon) * rmsd)
    assert pooling[f"{model}_held_out_rmsd"] == pytest.approx(rmsd, abs=4 * monte_carlo)


def test_held_out_rmsd_puts_the_models_in_order(pooling):
    rmsd = [pooling[f"{model}_held_out_rmsd"] for model in ["hierarchical", "pooled", "unpooled"]]
    assert rmsd == sorted(rmsd)
    error = pooling["pooled_held_out_mse_difference_se"]
    assert pooling["pooled_held_out_mse_difference"] > 2 * error


def test_errors_on_the_fitted_homes_flatter_the_unpooled_model(pooling):
    in_sample = [pooling[f"{m}_in_sample_rmsd"] for m in ["unpooled", "hierarchical", "pooled"]]
    assert in_sample == sorted(in_sample)


def test_no_model_can_have_the_rmsd_of_the_old_post(pooling):
    assert min(pooling[f"{model}_held_out_rmsd"] for model in MODELS) > 0.13 * 4


def test_narrower_prior_would_cost_the_unpooled_model_less(radon, counties):
    def held_out_elpd(prior_sd):
        elpd = 0
        for k in range(5):
            fold = np.arange(len(radon)) % 5 == k
            fixed = {"sigma_alpha": prior_sd, "sigma_beta": prior_sd, "mu_sd": 0}
            posterior = exact_posterior(radon[~fold], counties, **fixed)
            for home in radon[fold].itertuples():
                density = norm(*posterior.new_home(home.county, home.floor)).pdf(home.log_radon)
                elpd += np.log(posterior.weight @ density)
        return elpd

    assert held_out_elpd(2) > held_out_elpd(10) + 20


def test_one_home_in_a_new_county_is_predicted_alike_by_pooled_and_hierarchical(pooling):
    assert abs(pooling["pooled_by_home_lag"]) < pooling["pooled_by_home_lag_se"]
    assert pooling["hierarchical_new_home_sd"] == pytest.approx(
        pooling["pooled_sigma_y_mean"], abs=0.01
    )


def test_new_county_at_once_is_predicted_better_by_the_hierarchical_model(pooling):
    assert pooling["pooled_county_lag"] > 1.5 * pooling["pooled_county_lag_se"]


def test_density_of_a_new_county_at_once_is_the_exact_one(pooling, radon, counties):
    def left_out_elpd(**fixed):
        return exact_posterior(radon, counties, n_nodes=16, leave_out=True, **fixed).left_out.sum()

    # 2,500 draws leave an error of well below one in the logarithm of a sum over 85 counties.
    exact_lag = left_out_elpd() - left_out_elpd(sigma_alpha=0, sigma_beta=0)
    assert pooling["pooled_county_lag"] == pytest.approx(exact_lag, abs=4)


@pytest.mark.parametrize("model", MODELS)
def test_family_in_lac_qui_parle(pooling, exact, model):
    probability = 1 - exact[model].probability_below(np.log(4 + 0.1), "LAC QUI PARLE", floor=0)
    assert pooling[f"{model}_family_probability"] == pytest.approx(
        probability, abs=4 * pooling[f"{model}_family_probability_mcse"]
    )


@pytest.mark.parametrize("model", MODELS)
def test_median_for_the_family(pooling, exact, model):
    log_radon = np.log(pooling[f"{model}_family_median"] + 0.1)
    below = exact[model].probability_below(log_radon, "LAC QUI PARLE", floor=0)
    assert below == pytest.approx(0.5, abs=4 * standard_error(0.5))


def test_family_gets_an_answer_between_the_extremes(pooling):
    pooled, hierarchical, unpooled = [
        pooling[f"{model}_family_probability"] for model in ["pooled", "hierarchical", "unpooled"]
    ]
    assert pooled < hierarchical < unpooled


def test_homes_that_give_a_county_nine_tenths_of_the_weight(pooling, radon):
    homes = pooling["own_weight_homes"]
    assert homes == np.ceil(9 * pooling["hierarchical_population_homes"])
    basements = radon[radon["floor"] == 0]["county"].value_counts()
    assert pooling["own_weight_counties_count"] == (basements >= homes).sum()


@pytest.mark.parametrize(("end", "probability"), [("low", 0.055), ("high", 0.945)])
def test_interval_for_grant_county(pooling, exact, end, probability):
    log_radon = np.log(pooling[f"grant_activity_{end}"] + 0.1)
    below = exact["hierarchical"].probability_below(log_radon, county=None, floor=0)
    assert below == pytest.approx(probability, abs=4 * standard_error(probability))
    assert pooling[f"grant_activity_{end}_mcse"] < 0.1 * pooling[f"grant_activity_{end}"]


def test_most_of_the_doubt_about_grant_county_is_about_the_home(pooling):
    assert 0.1 < pooling["grant_county_share"] < 0.25


def test_one_slope_for_all_predicts_as_well(pooling):
    assert abs(pooling["one_slope_loo_difference"]) < 2 * pooling["one_slope_loo_difference_se"]
