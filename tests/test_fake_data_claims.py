"""Every result that chapters/fake-data.md states, against the exact posterior of its model."""

import numpy as np
import pytest
from exact_posterior import interval
from monte_carlo import assert_agrees, assert_count, assert_share, most_errors
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import norm

PARAMETERS = ["alpha", "mu_beta", "sigma_beta", "sigma_y"]
X = np.linspace(0.1, 10, 100)


@pytest.fixture(scope="module")
def fake(claims):
    return claims["fake-data"]


def make_world(fake, number):
    """Make a world of the chapter once more, from its seed: the true slopes, and y."""
    beta = np.random.default_rng([fake["fake_seed"], number]).normal(2, 1, size=100)
    return beta, 2 + beta * X


@pytest.fixture(scope="module")
def world(fake):
    return make_world(fake, 0)


class Exact:
    """The posterior with flat priors: alpha and mu_beta in closed form, the rest on a grid.

    The grid of sigma_y is cut in two at split.
    """

    def __init__(self, y, x=X, split=0.2):
        self.x, self.y = x, y
        near, far = interval(0, split, 60), interval(split, 5, 60)
        sigma_y, weight_y = np.concatenate([near, far], axis=1)
        sigma_beta, weight_beta = interval(0.5, 2, 40)
        self.sigma_beta, self.sigma_y = [
            grid.ravel() for grid in np.meshgrid(sigma_beta, sigma_y, indexing="ij")
        ]
        variance = (self.sigma_beta[:, None] * x) ** 2 + self.sigma_y[:, None] ** 2
        design = np.column_stack([np.ones_like(x), x])
        products = (design[:, :, None] * design[:, None, :]).reshape(-1, 4)
        precision = ((1 / variance) @ products).reshape(-1, 2, 2)
        self.cov = np.linalg.inv(precision)
        self.line = (self.cov @ ((y / variance) @ design)[..., None])[..., 0]
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

    def share_of_noise_below(self, bound):
        """Return the posterior probability that sigma_y is below a bound."""
        cut = Exact(self.y, self.x, split=bound)
        return cut.weight[cut.sigma_y < bound].sum()

    def combination(self, alpha, mu_beta):
        """Return mean and variance, each (S,), of alpha and mu_beta with factors that are (S,)."""
        factors = np.stack(np.broadcast_arrays(alpha, mu_beta, self.sigma_y)[:2], axis=1)
        mean = (factors * self.line).sum(axis=1)
        return mean, np.einsum("sj,sjk,sk->s", factors, self.cov, factors)

    def slope(self, i):
        """Return mean and sd, each (S,), of the slope of a point."""
        signal = (self.sigma_beta * self.x[i]) ** 2
        own = signal / (signal + self.sigma_y**2)
        mean, variance = self.combination(-own / self.x[i], 1 - own)
        return mean + own * self.y[i] / self.x[i], np.sqrt(
            variance + self.sigma_beta**2 * (1 - own)
        )

    def new_plant(self, x):
        """Return mean and sd, each (S,), of the height of a new plant."""
        mean, variance = self.combination(1, x)
        return mean, np.sqrt(variance + (self.sigma_beta * x) ** 2 + self.sigma_y**2)

    def quantile(self, mean, sd, probability):
        """Return a quantile of what is normal with a mean and sd, each (S,), at each node."""
        low, high = (mean - 9 * sd).min(), (mean + 9 * sd).max()
        return brentq(lambda at: self.weight @ norm.cdf(at, mean, sd) - probability, low, high)


@pytest.fixture(scope="module")
def exact(world):
    return Exact(world[1])


def test_world_is_the_one_that_is_drawn(fake, world):
    _, y = world
    assert fake["fake_y_right_low"] == pytest.approx(y[X > 8].min())
    assert fake["fake_y_right_high"] == pytest.approx(y[X > 8].max())


@pytest.mark.parametrize("fit", ["metropolis", "nuts"])
def test_joint_model_fails_by_the_diagnostics(fake, fit):
    assert fake[f"{fit}_sigma_y_rhat"] > 1.01
    assert fake[f"{fit}_sigma_y_ess"] < 400


def test_joint_fits_are_as_long_as_the_text_says(fake):
    assert fake["metropolis_draws_count"] == 4 * 1000
    assert fake["nuts_draws_count"] == 4 * 2000
    assert fake["marginal_draws_count"] == 4 * 5000


def test_metropolis_stays_between_its_ends(fake):
    assert 0 < fake["metropolis_sigma_y_low"] < fake["metropolis_sigma_y_high"]


def test_joint_model_misses_some_of_the_posterior(fake, exact):
    share = exact.share_of_noise_below(fake["nuts_sigma_y_low"])
    assert_share(fake.estimate("marginal_share_joint_missed"), share)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_marginal_model_is_exact(fake, exact, parameter):
    mean, sd = exact.mean_and_sd(parameter)
    assert_agrees(fake.estimate(f"marginal_{parameter}_mean"), mean)
    assert_agrees(fake.estimate(f"marginal_{parameter}_sd"), sd)


def test_marginal_model_is_worth_more_draws(fake):
    assert max(fake["metropolis_least_ess"], fake["nuts_least_ess"]) < 400
    assert 400 < fake["marginal_least_ess"] <= fake["marginal_sigma_y_ess"]


def test_average_over_a_slope_is_the_formula(fake):
    quadrature = fake["marginal_density_by_quadrature"]
    assert quadrature == pytest.approx(fake["marginal_density_by_formula"], rel=1e-6)


def test_density_of_a_point_is_normal(fake, world):
    density = norm(2.2 + 1.9 * X[49], np.hypot(1.1 * X[49], 0.4)).pdf(world[1][49])
    assert fake["marginal_density_by_formula"] == pytest.approx(density)


def test_slopes_are_recovered(fake, exact, world):
    beta, _ = world
    below = np.array([exact.weight @ norm.cdf(beta[i], *exact.slope(i)) for i in range(100)])
    # The ends of an interval are quantiles of draws, so a truth that is very near one may be on
    # either side of it.
    ess = fake["marginal_sigma_y_ess"]
    room = most_errors(ess / 10) * np.sqrt(0.055 * 0.945 / ess)
    surely, perhaps = [
        ((0.055 + shift < below) & (below < 0.945 - shift)).sum() for shift in [room, -room]
    ]
    assert surely <= fake["slopes_covered_count"] <= perhaps
    means = [exact.weight @ exact.slope(i)[0] for i in range(100)]
    missed_by = fake.estimate("slopes_error_median", ess=fake["marginal_alpha_ess"])
    assert_agrees(missed_by, np.median(np.abs(means - beta)))


def test_most_worlds_have_more_slopes_in_their_intervals_than_promised(fake):
    more = 0
    for number in range(1, 11):
        beta, y = make_world(fake, number)
        exact = Exact(y)
        below = np.array([exact.weight @ norm.cdf(beta[i], *exact.slope(i)) for i in range(100)])
        more += ((0.055 < below) & (below < 0.945)).sum() > 89
    assert more > 5


@pytest.mark.parametrize(("which", "i"), [("first", 0), ("last", 99)])
def test_widths_of_intervals_are_exact(fake, exact, which, i):
    low, high = [exact.quantile(*exact.slope(i), end) for end in [0.055, 0.945]]
    assert_agrees(fake.estimate(f"slopes_width_{which}"), high - low)


def test_first_slope_falls_back_on_the_population(exact):
    population = 2 * norm.ppf(0.945)
    width = {
        i: exact.quantile(*exact.slope(i), 0.945) - exact.quantile(*exact.slope(i), 0.055)
        for i in [0, 99]
    }
    assert width[0] > population / 2
    assert width[99] < population / 10


def test_band_holds_as_many_points_as_it_should(fake):
    assert_count(fake["predictive_inside_count"], 100, 0.89, "points in the band")


def test_noise_well_below_a_tenth_cannot_be_seen(fake, world):
    _, y = world
    candidates = np.geomspace(0.001, 3, 200)
    density = norm(2 + 2 * X, np.hypot(X, candidates[:, None])).logpdf(y).sum(axis=1)
    change = np.ptp(density[candidates < 0.05])
    assert fake["noise_log_likelihood_change"] == pytest.approx(change)
    assert fake["noise_log_likelihood_at_3"] == pytest.approx(density[-1] - density[0])
    assert change < (density[0] - density[-1]) / 10


def test_draws_of_the_noise_reach_down_to_zero(fake, exact):
    share = exact.share_of_noise_below(0.1)
    assert_share(fake.estimate("marginal_sigma_y_share_below_tenth"), share)


def test_bound_on_the_noise_holds_89_percent(fake, exact):
    bound = brentq(lambda at: exact.share_of_noise_below(at) - 0.89, 0.05, 3)
    assert_agrees(fake.estimate("marginal_sigma_y_bound"), bound)


def test_diagnostics_pass_the_marginal_fits_and_not_the_joint_ones(fake):
    assert fake["study_worlds_count"] == 30
    assert 1 / 2 < fake["marginal_study_sound_share"] <= 1
    assert 0 <= fake["joint_study_sound_share"] < 1 / 2


@pytest.mark.parametrize("model", ["marginal", "joint"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(fake, model):
    # The error is that of 30 independent worlds, as well known as that of 290 dependent draws.
    assert_agrees(fake.estimate(f"{model}_study_coverage", ess=10 * (30 - 1)), 0.89)


def test_joint_fits_stop_on_the_way_down_in_most_worlds(fake):
    assert 15 < fake["study_joint_lower_count"] <= 30


@pytest.mark.parametrize(("end", "probability"), [("low", 0.055), ("high", 0.945)])
def test_next_plant(fake, exact, end, probability):
    height = exact.quantile(*exact.new_plant(7), probability)
    assert_agrees(fake.estimate(f"next_plant_{end}"), height)
    truth = 16 + 7 * norm.ppf(probability)
    assert fake[f"next_plant_true_{end}"] == pytest.approx(truth)
    assert abs(height - truth) < 7


def test_noise_is_found_where_there_is_some(fake):
    assert_count(fake["noisy_worlds_covered_count"], 30, 0.89, "noises in their intervals")
    assert 15 < fake["noisy_worlds_above_tenth_count"] <= 30


def test_point_at_the_origin_makes_a_funnel(fake, world):
    assert fake["origin_divergences_count"] > 0
    beta, _ = world
    x = np.where(X == X.min(), 0.001, X)
    exact = Exact(2 + beta * x, x, split=0.05)

    def sd_of_alpha(part):
        weight, means = exact.weight[part] / exact.weight[part].sum(), exact.line[part, 0]
        variance = weight @ (means**2 + exact.cov[part, 0, 0]) - (weight @ means) ** 2
        return np.sqrt(variance)

    assert sd_of_alpha(exact.sigma_y < 0.05) < sd_of_alpha(exact.sigma_y > 0.1) / 2
