"""Every result that chapters/non-centered.md states, against the exact posterior.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

import numpy as np
import pytest
from exact_posterior import probability_of_sigma_beta_below
from scipy.stats import norm

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["non-centered"]


def test_coordinates_lose_their_funnel(chapter):
    assert chapter["coordinates_x_mouth_to_neck"] > 20
    assert chapter["coordinates_z_mouth_to_neck"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("fit", ["noncentered", "referee"])
@pytest.mark.parametrize("parameter", POPULATION)
def test_posterior_is_the_exact_one(chapter, exact, fit, parameter):
    mean, sd = exact["hierarchical"].mean_and_sd(parameter)
    error = chapter[f"{fit}_{parameter}_mcse"]
    assert chapter[f"{fit}_{parameter}_mean"] == pytest.approx(mean, abs=4 * error)
    sd_error = sd / np.sqrt(chapter[f"{fit}_{parameter}_ess"])
    assert chapter[f"{fit}_{parameter}_sd"] == pytest.approx(sd, abs=4 * sd_error)


@pytest.mark.parametrize("parameter", POPULATION)
def test_noncentered_agrees_with_the_referee(chapter, parameter):
    fits = ["noncentered", "referee"]
    error = np.hypot(*[chapter[f"{fit}_{parameter}_mcse"] for fit in fits])
    noncentered, referee = [chapter[f"{fit}_{parameter}_mean"] for fit in fits]
    assert noncentered == pytest.approx(referee, abs=4 * error)


def test_noncentered_fit_does_not_diverge(chapter):
    assert chapter["noncentered_divergences_count"] == 0


def test_centered_fit_fails(chapter):
    assert chapter["centered_sigma_beta_ess"] < 400
    assert chapter["centered_sigma_beta_tail_ess"] < 400


@pytest.mark.parametrize("fit", ["noncentered", "referee"])
def test_lower_tail_is_the_exact_one(chapter, radon, exact, fit):
    probability = probability_of_sigma_beta_below(0.05, radon, exact["hierarchical"])
    error = chapter[f"{fit}_sigma_beta_below_05_mcse"]
    assert chapter[f"{fit}_sigma_beta_below_05"] == pytest.approx(probability, abs=4 * error)


def test_only_the_centered_fit_has_no_small_values(chapter):
    smallest = {
        fit: chapter[f"{fit}_sigma_beta_smallest"] for fit in ["centered", "noncentered", "referee"]
    }
    assert smallest["centered"] > 5 * max(smallest["noncentered"], smallest["referee"])
    for fit in ["centered", "noncentered"]:
        logarithm = chapter[f"{fit}_log_sigma_beta_smallest"]
        assert logarithm == pytest.approx(np.log(smallest[fit]))
    assert chapter["noncentered_log_sigma_beta_smallest"] < -6  # as deep as the picture


def test_referee_has_draws_where_the_centered_fit_has_none(chapter, radon, exact):
    smallest = chapter["centered_sigma_beta_smallest"]
    probability = probability_of_sigma_beta_below(smallest, radon, exact["hierarchical"])
    error = chapter["referee_sigma_beta_missed_mcse"]
    assert chapter["referee_sigma_beta_missed"] == pytest.approx(probability, abs=4 * error)
    assert 8000 * chapter["referee_sigma_beta_missed"] > 20  # draws that should be there


def test_noncentered_distribution_lies_on_the_referees(chapter):
    effective = 1 / chapter["noncentered_sigma_beta_ess"] + 1 / chapter["referee_sigma_beta_ess"]
    # Kolmogorov: the largest distance exceeds two root effective for one seed in three thousand.
    assert chapter["noncentered_ecdf_distance"] < 2 * np.sqrt(effective)
    assert chapter["centered_ecdf_distance"] > chapter["noncentered_ecdf_distance"]


def test_second_of_sampling_is_worth_most_with_the_referee_and_least_centered(chapter):
    centered, noncentered, referee = [
        chapter[f"{fit}_sigma_beta_ess_per_second"]
        for fit in ["centered", "noncentered", "referee"]
    ]
    assert 3 * centered < noncentered < referee


def test_noncentered_wins_with_few_observations_and_centered_with_many(chapter):
    assert chapter["regimes_centered_gain_1"] < 0.5
    assert chapter["regimes_centered_gain_64"] > 5
    assert chapter["regimes_centered_gain_256"] > chapter["regimes_centered_gain_16"] > 1
    rounded = chapter["regimes_centered_gain_64_rounded"]
    assert rounded == pytest.approx(chapter["regimes_centered_gain_64"], rel=0.5)


def test_lines_cross_where_the_figure_says(chapter):
    gain = {n: chapter[f"regimes_centered_gain_{n}"] for n in [1, 2, 4, 8, 16, 64, 256]}
    crossing = chapter["regimes_crossing_count"]
    assert max(n for n in gain if gain[n] < 1) < crossing < min(n for n in gain if gain[n] > 1)
    assert 4 < crossing < 16
    assert chapter["regimes_crossing_weight"] == pytest.approx(crossing / (crossing + 4))
    assert chapter["exercise_crossing_count"] == pytest.approx(4 * crossing, rel=0.2)
    for n in [1, 256]:
        centered, noncentered = [
            chapter[f"regimes_{form}_ess_{n}"] for form in ["centered", "noncentered"]
        ]
        assert centered / noncentered == pytest.approx(gain[n])


def test_slopes_hear_the_population_and_levels_hear_both(chapter, exact, radon):
    sigma_y, sigma_alpha, sigma_beta = [
        exact["hierarchical"].mean_and_sd(f"sigma_{name}")[0] for name in ["y", "alpha", "beta"]
    ]
    homes = radon.groupby("county")["floor"].agg(["size", "sum"])
    alpha = homes["size"] / (homes["size"] + (sigma_y / sigma_alpha) ** 2)
    beta = homes["sum"] / (homes["sum"] + (sigma_y / sigma_beta) ** 2)
    assert chapter["weight_alpha_median"] == pytest.approx(alpha.median(), abs=0.02)
    assert chapter["weight_alpha_high"] == pytest.approx(alpha.quantile(0.9), abs=0.02)
    assert chapter["weight_beta_median"] == pytest.approx(beta.median(), abs=0.02)
    assert chapter["weight_beta_median"] < 0.25 < chapter["weight_alpha_median"]


def test_form_of_beta_decides(chapter):
    for form_of_alpha in ["c", "n"]:
        assert chapter[f"choice_{form_of_alpha}c_sigma_beta_ess"] < 400
        assert chapter[f"choice_{form_of_alpha}n_sigma_beta_ess"] > 400


def test_forms_of_alpha_are_about_as_good_and_the_one_between_is_better(chapter):
    centered, noncentered, partially = [
        chapter[f"choice_{form}n_sigma_alpha_ess"] for form in ["c", "n", "p"]
    ]
    assert 0.5 < centered / noncentered < 2
    assert partially > 1.5 * max(centered, noncentered)


def test_mended_funnel_has_its_neck(chapter):
    share = norm(0, 1.5).cdf(-3)
    assert chapter["neal_ess"] > 4000
    error = chapter["neal_share_below_3_mcse"]
    assert chapter["neal_share_below_3"] == pytest.approx(share, abs=4 * error)


def test_crossing_moves_as_expected(chapter):
    assert chapter["exercise_crossing_few_ratio"] < 1 < chapter["exercise_crossing_many_ratio"]


def test_scale_of_heavier_tails_is_smaller(chapter):
    error = np.hypot(chapter["student_sigma_beta_mcse"], chapter["noncentered_sigma_beta_mcse"])
    lead = chapter["noncentered_sigma_beta_mean"] - chapter["student_sigma_beta_mean"]
    assert lead > 4 * error
