"""Every result that chapters/map-versus-expectation.md states, by hand or by the exact posterior.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

import numpy as np
import pytest
from exact_posterior import probability_of_sigma_beta_below
from scipy.stats import chi

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["map-versus-expectation"]


@pytest.mark.parametrize("coordinate", ["u", "r"])
def test_expectation_is_the_same_in_both_coordinates(chapter, coordinate):
    by_hand = np.exp(1 + 1 / 2)
    assert chapter[f"lognormal_expectation_by_{coordinate}"] == pytest.approx(by_hand)


@pytest.mark.parametrize("parameter", POPULATION)
def test_posterior_is_the_exact_one(chapter, exact, parameter):
    mean, sd = exact["hierarchical"].mean_and_sd(parameter)
    error = chapter[f"noncentered_{parameter}_mcse"]
    assert chapter[f"noncentered_{parameter}_mean"] == pytest.approx(mean, abs=4 * error)
    sd_error = sd / np.sqrt(chapter[f"noncentered_{parameter}_ess"])
    assert chapter[f"noncentered_{parameter}_sd"] == pytest.approx(sd, abs=4 * sd_error)


def test_density_climbs_without_end(chapter):
    climb = [chapter[f"climb_log_density_{exponent}"] for exponent in range(1, 9)]
    assert climb == sorted(climb)
    # Each step to a tenth gains as much as the 85 slopes; the homes do not see sigma_beta.
    assert np.diff(climb) == pytest.approx(85 * np.log(10), abs=0.01)
    assert chapter["climb_per_decade"] == pytest.approx(85 * np.log(10), abs=0.01)
    assert chapter["data_counties_count"] == 85
    decades = chapter["climb_orders_of_magnitude"]  # from the posterior mean to 0.01
    factor = chapter["noncentered_sigma_beta_mean"] / 0.01
    # The prior of sigma_beta, HalfNormal(1), is a little lower at the mean.
    prior = (chapter["noncentered_sigma_beta_mean"] ** 2 - 0.01**2) / 2 / np.log(10)
    assert decades == pytest.approx(85 * np.log10(factor) + prior, abs=0.1)


def test_hardly_anything_is_down_there(chapter, radon, exact):
    probability = probability_of_sigma_beta_below(0.01, radon, exact["hierarchical"])
    error = chapter["noncentered_sigma_beta_below_01_mcse"]
    claimed = chapter["noncentered_sigma_beta_below_01"]
    assert claimed == pytest.approx(probability, abs=4 * error)


@pytest.mark.parametrize("start", [1, 2])
def test_centered_optimizer_falls_into_a_neck(chapter, start):
    sigmas = [chapter[f"centered_{start}_map_sigma_{name}"] for name in ["alpha", "beta"]]
    lows = [chapter[f"interval_sigma_{name}_low"] for name in ["alpha", "beta"]]
    assert min(sigma / low for sigma, low in zip(sigmas, lows, strict=True)) < 1e-2


def test_centered_optimizer_stops_elsewhere_for_each_start(chapter):
    between = [
        abs(chapter[f"centered_1_map_{name}"] - chapter[f"centered_2_map_{name}"])
        / chapter[f"noncentered_{name}_sd"]
        for name in POPULATION
    ]
    assert max(between) > 1


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_noncentered_mode_has_far_too_large_spreads(chapter, start, name):
    high = chapter[f"interval_sigma_{name}_high"]
    assert chapter[f"noncentered_{start}_map_sigma_{name}"] > 3 * high


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_prior_alone_stops_the_noncentered_mode(chapter, name):
    narrow = chapter[f"noncentered_1_map_sigma_{name}"]
    # The mode balances S / 2 sigma^2 against sigma^2 / 2 s^2: it grows like the root of s.
    assert chapter[f"wide_map_sigma_{name}"] == pytest.approx(np.sqrt(10) * narrow, rel=0.2)


@pytest.mark.parametrize("name", POPULATION)
def test_both_starts_find_the_noncentered_mode(chapter, name):
    one, two = [chapter[f"noncentered_{start}_map_{name}"] for start in [1, 2]]
    assert one == pytest.approx(two, rel=0.01)


@pytest.mark.parametrize("name", POPULATION)
def test_marginal_mode_lies_in_the_middle_of_the_posterior(chapter, name):
    low, high = [chapter[f"interval_{name}_{end}"] for end in ["low", "high"]]
    assert low < chapter[f"marginal_mode_{name}"] < high
    assert abs(chapter[f"marginal_mode_{name}_distance"]) < 1


def test_no_draw_comes_near_the_density_of_the_mode(chapter):
    assert chapter["noncentered_mode_lead_median"] > chapter["noncentered_mode_lead_min"] > 50


def test_chains_started_at_the_map_are_worse(chapter):
    assert chapter["map_start_rhat"] > max(1.05, chapter["default_start_rhat"])
    assert chapter["map_start_ess"] < chapter["default_start_ess"]
    assert chapter["map_start_steps_ratio"] > 3
    ratio = chapter["map_start_steps"] / chapter["default_start_steps"]
    assert chapter["map_start_steps_ratio"] == pytest.approx(ratio)


def test_chains_started_at_the_map_stay_in_the_neck(chapter):
    assert chapter["map_start_chains_late"] >= 1
    assert chapter["default_start_chains_late"] == 0
    assert chapter["default_start_lowest"] > 0.003


def test_pooled_mode_is_close_to_the_mean(chapter):
    assert chapter["pooled_mode_distance_max"] < 0.15


def test_mode_of_a_probability_moves(chapter):
    assert chapter["beta_mode_in_p"] == pytest.approx(2 / 10, abs=1e-3)
    assert chapter["beta_mode_in_log_odds"] == pytest.approx(3 / 12, abs=1e-3)


def test_one_in_a_million_near_the_mode(chapter):
    dimension = chapter["shell_dimension_one_in_a_million"]
    assert chi(dimension).cdf(1) < 1e-6 < chi(dimension - 1).cdf(1)


def test_prior_alone_does_not_stop_the_climb(chapter):
    assert chapter["climb_per_decade_with_gamma"] == pytest.approx(84 * np.log(10), abs=0.01)


def test_bad_start_is_forgotten_without_a_neck(chapter):
    assert chapter["forgotten_rhat"] < 1.01
    assert chapter["forgotten_ess"] > 400
