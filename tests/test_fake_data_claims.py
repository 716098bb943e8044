"""Every result that chapters/fake-data.md states, against the exact posterior of its model.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

import numpy as np
import pytest
from exact_posterior import interval
from scipy.special import softmax
from scipy.stats import norm

PARAMETERS = ["alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def fake(claims):
    return claims["fake-data"]


@pytest.fixture(scope="module")
def world(fake):
    """Make the chapter's world once more, from its seed."""
    x = np.linspace(0.1, 10, 100)
    return x, 2 + np.random.default_rng(fake["fake_seed"]).normal(2, 1, size=100) * x


class Exact:
    """The posterior with flat priors: alpha and mu_beta in closed form, the rest on a grid."""

    def __init__(self, x, y):
        near, far = interval(0, 0.2, 30), interval(0.2, 4, 60)
        sigma_y, weight_y = np.concatenate([near, far], axis=1)
        sigma_beta, weight_beta = interval(0.5, 2, 40)
        self.sigma_beta, self.sigma_y = [
            grid.ravel() for grid in np.meshgrid(sigma_beta, sigma_y, indexing="ij")
        ]
        variance = (self.sigma_beta[:, None] * x) ** 2 + self.sigma_y[:, None] ** 2
        design = np.column_stack([np.ones_like(x), x])
        precision = np.einsum("ij,si,ik->sjk", design, 1 / variance, design)
        self.cov = np.linalg.inv(precision)
        self.line = np.einsum("sjk,ik,si->sj", self.cov, design, y / variance)
        squares = ((y - self.line @ design.T) ** 2 / variance).sum(axis=1)
        log_weight = -(np.log(variance).sum(axis=1) + squares) / 2
        log_weight -= np.linalg.slogdet(precision).logabsdet / 2
        self.weight = softmax(log_weight + np.log(np.outer(weight_beta, weight_y).ravel()))

    def mean_and_sd(self, parameter):
        index = PARAMETERS.index(parameter)
        if index < 2:
            means, variances = self.line[:, index], self.cov[:, index, index]
        else:
            means, variances = getattr(self, parameter), 0
        mean = self.weight @ means
        return mean, np.sqrt(self.weight @ (means**2 + variances) - mean**2)


@pytest.fixture(scope="module")
def exact(world):
    return Exact(*world)


def test_world_is_the_one_that_is_drawn(fake, world):
    x, y = world
    assert fake["fake_y_right_low"] == pytest.approx(y[x > 8].min())
    assert fake["fake_y_right_high"] == pytest.approx(y[x > 8].max())


@pytest.mark.parametrize("fit", ["metropolis", "nuts"])
def test_joint_model_fails_by_the_diagnostics(fake, fit):
    assert fake[f"{fit}_sigma_y_rhat"] > 1.01
    assert fake[f"{fit}_sigma_y_ess"] < 400


@pytest.mark.parametrize("fit", ["metropolis", "nuts"])
def test_joint_model_never_gets_near_zero_noise(fake, fit):
    assert fake[f"{fit}_sigma_y_low"] > 5 * fake["marginal_sigma_y_low"]


def test_metropolis_drifts_in_long_waves(fake):
    assert fake["metropolis_sigma_y_high"] > 3 * fake["metropolis_sigma_y_low"]


def test_joint_model_misses_some_of_the_posterior(fake, exact):
    share = exact.weight[exact.sigma_y < fake["nuts_sigma_y_low"]].sum()
    # The grid has a node for each two hundredths of the noise's posterior.
    room = 0.02 + 4 * fake["marginal_share_joint_missed_mcse"]
    assert fake["marginal_share_joint_missed"] == pytest.approx(share, abs=room)
    assert fake["marginal_share_joint_missed"] * fake["nuts_draws_count"] > 20


def test_joint_fits_are_of_equal_length(fake):
    assert fake["metropolis_draws_count"] == fake["nuts_draws_count"]


def test_covered_truths_say_little_about_a_fit(fake):
    covered = {
        fit: fake[f"{fit}_truths_covered_count"] for fit in ["metropolis", "nuts", "marginal"]
    }
    assert max(covered.values()) - min(covered.values()) <= 1


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_marginal_model_is_exact(fake, exact, parameter):
    mean, sd = exact.mean_and_sd(parameter)
    error = fake[f"marginal_{parameter}_mcse"]
    assert fake[f"marginal_{parameter}_mean"] == pytest.approx(mean, abs=4 * error)
    sd_error = 2 * sd / np.sqrt(fake[f"marginal_{parameter}_ess"])  # with room for heavy tails
    assert fake[f"marginal_{parameter}_sd"] == pytest.approx(sd, abs=4 * sd_error)


@pytest.mark.parametrize("fit", ["metropolis", "nuts"])
@pytest.mark.parametrize("parameter", ["mu_beta", "sigma_beta"])
def test_joint_means_are_close_to_the_exact_ones(fake, exact, fit, parameter):
    mean, sd = exact.mean_and_sd(parameter)
    assert fake[f"{fit}_{parameter}_mean"] == pytest.approx(mean, abs=sd)


def test_marginal_model_is_a_hundred_times_as_efficient_as_metropolis(fake):
    assert fake["marginal_ess_per_second"] > 100 * fake["metropolis_ess_per_second"]
    assert fake["marginal_ess_per_second"] > 10 * fake["nuts_ess_per_second"]


@pytest.mark.parametrize("fit", ["metropolis", "nuts"])
def test_gain_is_rounded_from_this_run(fake, fit):
    gain = fake["marginal_ess_per_second"] / fake[f"{fit}_ess_per_second"]
    assert fake[f"marginal_gain_over_{fit}"] == pytest.approx(gain, rel=0.5)


def test_average_over_a_slope_is_the_formula(fake):
    quadrature = fake["marginal_density_by_quadrature"]
    assert quadrature == pytest.approx(fake["marginal_density_by_formula"], rel=1e-6)


def test_slopes_are_recovered(fake):
    assert fake["slopes_covered_count"] >= 89
    assert fake["slopes_error_median"] < 0.2  # a fifth of their standard deviation


def test_first_slope_falls_back_on_the_population(fake):
    population = 2 * norm.ppf(0.945)
    assert fake["slopes_width_first"] > population / 2
    assert fake["slopes_width_last"] < population / 10


def test_band_holds_as_many_points_as_it_should(fake):
    error = np.sqrt(100 * 0.89 * 0.11)
    assert fake["predictive_inside_count"] == pytest.approx(89, abs=4 * error)


def test_noise_well_below_a_tenth_cannot_be_seen(fake):
    assert fake["noise_log_likelihood_change"] < 0.5
    assert fake["noise_log_likelihood_at_3"] < -5


def test_draws_of_the_noise_reach_down_to_zero(fake, exact):
    share = exact.weight[exact.sigma_y < 0.1].sum()
    # The grid has fifteen nodes below 0.1.
    room = 0.02 + 4 * fake["marginal_sigma_y_share_below_tenth_mcse"]
    assert fake["marginal_sigma_y_share_below_tenth"] == pytest.approx(share, abs=room)
    assert fake["marginal_sigma_y_share_below_tenth"] > 0.03
    assert fake["marginal_sigma_y_low"] < 0.005


def test_bound_on_the_noise_holds_89_percent(fake, exact):
    bound, error = fake["marginal_sigma_y_bound"], fake["marginal_sigma_y_bound_mcse"]
    room = 0.02  # the grid has a node for each two hundredths of the posterior
    assert exact.weight[exact.sigma_y < bound - 4 * error].sum() < 0.89 + room
    assert exact.weight[exact.sigma_y < bound + 4 * error].sum() > 0.89 - room


def test_marginal_fits_are_sound_in_all_worlds_and_joint_fits_in_none(fake):
    assert fake["study_worlds_count"] == 30
    assert fake["marginal_study_sound_share"] >= 0.95
    assert fake["joint_study_sound_share"] <= 0.05


def test_intervals_hold_the_truth_at_least_as_often_as_they_say(fake):
    assert fake["marginal_study_coverage"] > 0.89 - 4 * fake["marginal_study_coverage_se"]


def test_joint_fits_hold_the_truth_about_as_often(fake):
    difference = fake["joint_study_coverage"] - fake["marginal_study_coverage"]
    assert abs(difference) < 4 * fake["marginal_study_coverage_se"]


@pytest.mark.parametrize(("end", "probability"), [("low", 0.055), ("high", 0.945)])
def test_next_plant(fake, exact, end, probability):
    variance = exact.cov @ [1, 7] @ [1, 7] + 49 * exact.sigma_beta**2 + exact.sigma_y**2
    below = norm(exact.line @ [1, 7], np.sqrt(variance)).cdf(fake[f"next_plant_{end}"])
    error = np.sqrt(0.055 * 0.945 / 2000)
    assert exact.weight @ below == pytest.approx(probability, abs=4 * error)
    assert fake[f"next_plant_{end}"] == pytest.approx(fake[f"next_plant_true_{end}"], abs=5)


def test_noise_is_found_where_there_is_some(fake):
    assert fake["noisy_worlds_covered_count"] >= 20 * 0.89 - 4 * np.sqrt(20 * 0.89 * 0.11)
    assert fake["noisy_worlds_above_tenth_count"] >= 15


def test_point_at_the_origin_makes_a_funnel(fake):
    assert fake["origin_divergences_count"] > 0
    assert fake["origin_alpha_sd_small_noise"] < fake["origin_alpha_sd_large_noise"] / 2
