"""Every result that chapters/map-versus-expectation.md states, by hand or by the exact posterior."""

import numpy as np
import pytest
from exact_posterior import probability_of_sigma_beta_below
from monte_carlo import assert_agrees, assert_share
from scipy.optimize import minimize
from scipy.stats import chi

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["map-versus-expectation"]


@pytest.mark.parametrize("coordinate", ["u", "r"])
def test_expectation_is_the_same_in_both_coordinates(chapter, coordinate):
    by_hand = np.exp(1 + 1 / 2)
    assert chapter[f"lognormal_expectation_by_{coordinate}"] == pytest.approx(by_hand)


@pytest.mark.parametrize("fit", ["noncentered", "forgotten"])
@pytest.mark.parametrize("parameter", POPULATION)
def test_posterior_is_the_exact_one_wherever_the_chains_start(chapter, exact, fit, parameter):
    mean, sd = exact["hierarchical"].mean_and_sd(parameter)
    assert_agrees(chapter.estimate(f"{fit}_{parameter}_mean"), mean)
    assert_agrees(chapter.estimate(f"{fit}_{parameter}_sd"), sd)


def test_density_climbs_without_end(chapter):
    climb = [chapter[f"climb_log_density_{exponent}"] for exponent in range(1, 9)]
    assert climb == sorted(climb)
    # Each step to a tenth gains as much as the 85 slopes; the homes do not see sigma_beta.
    assert np.diff(climb) == pytest.approx(85 * np.log(10), abs=0.01)
    assert chapter["climb_per_decade"] == pytest.approx(85 * np.log(10), abs=0.01)
    assert chapter["data_counties_count"] == 85
    decades = chapter["climb_orders_of_magnitude"]  # from the posterior mean to 0.05
    mean = chapter["noncentered_sigma_beta_mean"]
    # The prior of sigma_beta, HalfNormal(1), is a little lower at the mean.
    prior = (mean**2 - 0.05**2) / 2 / np.log(10)
    assert decades == pytest.approx(85 * np.log10(mean / 0.05) + prior)


def test_some_of_the_posterior_is_down_there(chapter, radon, exact):
    probability = probability_of_sigma_beta_below(0.05, radon, exact["hierarchical"])
    assert_share(chapter.estimate("noncentered_sigma_beta_below_05"), probability)


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
    mode, distance = chapter[f"marginal_mode_{name}"], chapter[f"marginal_mode_{name}_distance"]
    assert low < mode < high
    assert abs(distance) < 1
    mean, sd = [chapter[f"noncentered_{name}_{statistic}"] for statistic in ["mean", "sd"]]
    assert distance == pytest.approx((mode - mean) / sd, abs=1e-3)


def test_no_draw_comes_near_the_density_of_the_mode(chapter):
    smallest, median = [chapter[f"noncentered_mode_lead_{which}"] for which in ["min", "median"]]
    # The log density of 175 normal numbers is half of a chi-squared one: this is its spread.
    spread = np.sqrt(175 / 2)
    assert median - 8 * spread < smallest < median
    assert smallest > 50


def test_chains_started_at_the_map_are_worse(chapter):
    """Even if a chain of the others should be stuck, too."""
    ratio = chapter["map_start_steps"] / chapter["default_start_steps"]
    assert chapter["map_start_steps_ratio"] == pytest.approx(ratio)
    assert ratio > 3
    worth = {
        start: chapter[f"{start}_ess"] / chapter[f"{start}_steps"]
        for start in ["map_start", "default_start"]
    }
    assert worth["map_start"] < worth["default_start"] / 3


def test_diagnostics_say_so_with_either_start(chapter):
    for start in ["map_start", "default_start"]:
        assert chapter[f"{start}_rhat"] > 1.01
        assert chapter[f"{start}_ess"] < 400


def test_chains_started_at_the_map_stay_in_the_neck(chapter):
    assert 1 <= chapter["map_start_chains_late"] <= 4
    assert 0 < chapter["default_start_lowest"] < chapter["interval_sigma_beta_high"]


def test_pooled_mode_is_close_to_the_mean(chapter, radon, exact):
    floor, y = radon["floor"].to_numpy(), radon["log_radon"].to_numpy()

    def energy(point):
        alpha, beta, sigma_y = point
        squares = ((y - alpha - beta * floor) ** 2).sum()
        priors = (alpha**2 + beta**2) / 10**2 + sigma_y**2
        return len(y) * np.log(sigma_y) + squares / 2 / sigma_y**2 + priors / 2

    modes = minimize(energy, [1, 0, 1], method="Nelder-Mead", options={"xatol": 1e-6}).x
    distances = []
    for name, mode in zip(["mu_alpha", "mu_beta", "sigma_y"], modes, strict=True):
        mean, sd = exact["pooled"].mean_and_sd(name)
        distances.append(abs(mode - mean) / sd)
    assert_agrees(chapter.estimate("pooled_mode_distance_max"), max(distances))


def test_mode_of_a_probability_moves(chapter):
    assert chapter["beta_mode_in_p"] == pytest.approx(2 / 10, abs=1e-3)
    assert chapter["beta_mode_in_log_odds"] == pytest.approx(3 / 12, abs=1e-3)


def test_one_in_a_million_near_the_mode(chapter):
    dimension = chapter["shell_dimension_one_in_a_million"]
    assert chi(dimension).cdf(1) < 1e-6 < chi(dimension - 1).cdf(1)


def test_prior_alone_does_not_stop_the_climb(chapter):
    assert chapter["climb_per_decade_with_gamma"] == pytest.approx(84 * np.log(10), abs=0.01)
