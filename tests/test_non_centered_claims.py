"""Every result that chapters/non-centered.md states, against the exact posterior where there is one."""

import numpy as np
import pytest
from exact_posterior import probability_of_sigma_beta_below
from monte_carlo import Estimate, assert_agrees, assert_exceeds, assert_share
from scipy.stats import norm

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["non-centered"]


def log_ess(chapter, key):
    """Return the logarithm of an effective sample size; its relative variance is 10 / ESS.

    monte_carlo.py says where that comes from.
    """
    ess = chapter[key]
    return Estimate(np.log(ess), np.sqrt(10 / ess), ess, f"log {key}")


def test_coordinates_lose_their_funnel(chapter):
    assert chapter["coordinates_x_mouth_to_neck"] > 20
    assert_agrees(chapter.estimate("coordinates_z_mouth_to_neck"), 1)


@pytest.mark.parametrize("fit", ["noncentered", "referee"])
@pytest.mark.parametrize("parameter", POPULATION)
def test_posterior_is_the_exact_one(chapter, exact, fit, parameter):
    mean, sd = exact["hierarchical"].mean_and_sd(parameter)
    assert_agrees(chapter.estimate(f"{fit}_{parameter}_mean"), mean)
    assert_agrees(chapter.estimate(f"{fit}_{parameter}_sd"), sd)


@pytest.mark.parametrize("parameter", POPULATION)
def test_noncentered_agrees_with_the_referee(chapter, parameter):
    noncentered, referee = [
        chapter.estimate(f"{fit}_{parameter}_mean") for fit in ["noncentered", "referee"]
    ]
    assert_agrees(noncentered, referee)


def test_noncentered_fit_does_not_diverge(chapter):
    assert chapter["noncentered_divergences_count"] == 0


def test_as_many_draws_of_the_noncentered_fit_are_worth_many_times_as_many(chapter):
    assert 0 < 3 * chapter["centered_sigma_beta_ess"] < chapter["noncentered_sigma_beta_ess"]


@pytest.mark.parametrize("fit", ["noncentered", "referee"])
def test_lower_tail_is_the_exact_one(chapter, radon, exact, fit):
    probability = probability_of_sigma_beta_below(0.05, radon, exact["hierarchical"])
    assert_share(chapter.estimate(f"{fit}_sigma_beta_below_05"), probability)


def test_referee_has_draws_where_the_centered_fit_has_none(chapter, radon, exact):
    smallest = chapter["centered_sigma_beta_smallest"]
    assert chapter["centered_log_sigma_beta_smallest"] == pytest.approx(np.log(smallest))
    probability = probability_of_sigma_beta_below(smallest, radon, exact["hierarchical"])
    assert_share(chapter.estimate("referee_sigma_beta_missed"), probability)


def test_centered_distribution_lies_beside_the_referees(chapter):
    # They are at least as far apart as at the smallest centered draw.
    distance, missed = chapter["centered_ecdf_distance"], chapter["referee_sigma_beta_missed"]
    assert missed - 1e-9 <= distance < 1


def test_referee_gives_most_for_its_steps(chapter):
    worth = {}
    for fit in ["noncentered", "referee"]:
        ess, steps = chapter[f"{fit}_sigma_beta_ess"], chapter[f"{fit}_steps"]
        claimed = chapter[f"{fit}_sigma_beta_ess_for_1000"]
        assert claimed == pytest.approx(1000 * ess / steps)
        worth[fit] = log_ess(chapter, f"{fit}_sigma_beta_ess") - np.log(steps)
    assert_exceeds(worth["referee"], worth["noncentered"])


def test_noncentered_wins_with_few_observations_and_centered_with_many(chapter):
    assert 0 < chapter["regimes_centered_gain_1"] < 0.5
    assert chapter["regimes_centered_gain_64"] > 5
    assert chapter["regimes_centered_gain_256"] > chapter["regimes_centered_gain_16"] > 1
    rounded = float(f"{chapter['regimes_centered_gain_64']:.1g}")
    assert chapter["regimes_centered_gain_64_rounded"] == rounded


def test_lines_cross_where_the_figure_says(chapter):
    gain = {n: chapter[f"regimes_centered_gain_{n}"] for n in [1, 2, 4, 8, 16, 64, 256]}
    crossing = chapter["regimes_crossing_count"]
    assert max(n for n in gain if gain[n] < 1) < crossing < min(n for n in gain if gain[n] > 1)
    assert 4 < crossing < 16
    assert chapter["regimes_crossing_weight"] == pytest.approx(crossing / (crossing + 4))
    assert chapter["exercise_crossing_count"] == float(f"{4 * crossing:.1g}")
    for n in [1, 256]:
        centered, noncentered = [
            chapter[f"regimes_{form}_ess_{n}"] for form in ["centered", "noncentered"]
        ]
        assert centered / noncentered == pytest.approx(gain[n])


@pytest.mark.parametrize(("name", "homes_of"), [("alpha", "size"), ("beta", "sum")])
def test_weights_of_the_data_are_those_of_the_exact_posterior(
    chapter, exact, radon, name, homes_of
):
    sigma_y, sigma = [exact["hierarchical"].mean_and_sd(f"sigma_{of}")[0] for of in ["y", name]]
    homes = radon.groupby("county")["floor"].agg(["size", "sum"])[homes_of]
    weight = homes / (homes + (sigma_y / sigma) ** 2)
    assert_agrees(chapter.estimate(f"weight_{name}_median"), weight.median())
    assert_agrees(chapter.estimate(f"weight_{name}_high"), weight.quantile(0.9))


def test_slopes_hear_the_population_and_levels_hear_both(chapter):
    crossing = chapter["regimes_crossing_weight"]
    assert chapter["weight_beta_median"] < crossing / 2
    assert chapter["weight_alpha_median"] < crossing < chapter["weight_alpha_max"] < 1


def test_form_of_beta_decides(chapter):
    for centered in ["cc", "nc"]:
        for noncentered in ["nn", "cn"]:
            ess = [chapter[f"choice_{form}_sigma_beta_ess"] for form in [centered, noncentered]]
            assert 0 < 2 * ess[0] < ess[1]


def test_neither_form_of_alpha_is_clearly_ahead(chapter):
    centered, noncentered = [
        log_ess(chapter, f"choice_{form}_sigma_alpha_ess") for form in ["cn", "nn"]
    ]
    assert_exceeds(centered - noncentered, -np.log(2.5))
    assert_exceeds(noncentered - centered, -np.log(2.5))


def test_form_between_is_better_than_either(chapter):
    between = log_ess(chapter, "choice_pn_sigma_alpha_ess")
    for form in ["cn", "nn"]:
        assert_exceeds(between, log_ess(chapter, f"choice_{form}_sigma_alpha_ess"))


def test_fixed_funnel_has_its_neck(chapter):
    assert chapter["neal_ess"] > 4000
    assert_share(chapter.estimate("neal_share_below_3"), norm(0, 1.5).cdf(-3))


def test_crossing_moves_as_expected(chapter):
    assert chapter["exercise_crossing_few_ratio"] < 1 < chapter["exercise_crossing_many_ratio"]


def test_scale_of_heavier_tails_is_smaller(chapter):
    noncentered, student = [
        chapter.estimate(f"{fit}_sigma_beta_mean") for fit in ["noncentered", "student"]
    ]
    assert_exceeds(noncentered, student)
    assert_exceeds(student, 0.5 * noncentered)  # a standard deviation is 1.4 scales


def test_centered_fit_fails_by_its_effective_sample_sizes(chapter):
    # At least one of the two is below the bound, in the bulk or in the tail.
    sizes = [chapter[f"centered_sigma_beta_{size}"] for size in ["ess", "tail_ess"]]
    assert 0 < min(sizes) < 400
