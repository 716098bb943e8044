"""Every result that chapters/calibration.md states, against probability theory where it knows.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

import numpy as np
import pytest
from scipy.stats import binom, norm

N_WORLDS = 2000
Z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)  # a normal distribution in equal portions


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["calibration"]


def probabilities(below):
    """Return the probability of each rank among nine draws, given those of a draw below the truth."""
    return [binom.pmf(rank, 9, below).mean() for rank in range(10)]


def check_counts(chapter, key, probability):
    """Compare the claimed numbers of worlds at the lowest, the middle and the highest ranks."""
    for name, p in {
        "first": probability[0],
        "middle": probability[4] + probability[5],
        "last": probability[9],
    }.items():
        error = np.sqrt(N_WORLDS * p * (1 - p))
        assert chapter[f"{key}_{name}_count"] == pytest.approx(N_WORLDS * p, abs=4 * error)


@pytest.mark.parametrize(
    ("key", "shift", "sd"),
    [
        ("toy_exact", 0, np.sqrt(0.5)),
        ("toy_narrow", 0, 0.5),
        ("toy_wide", 0, 1),
        ("toy_high", 0.3, np.sqrt(0.5)),
        ("exercise_shape", -0.3, 0.5),
    ],
)
def test_ranks_of_a_normal_posterior_are_as_theory_says(chapter, key, shift, sd):
    check_counts(chapter, key, probabilities(norm.cdf((np.sqrt(0.5) * Z - shift) / sd)))


def test_ranks_of_a_prior_for_a_posterior_are_as_theory_says(chapter):
    check_counts(chapter, "ignorant_parameter", [0.1] * 10)
    theta, noise = np.random.default_rng(1).permuted([Z, Z], axis=1)
    y, distance = theta + noise, np.abs(noise)
    likelier = norm.cdf(y + distance) - norm.cdf(y - distance)
    check_counts(chapter, "ignorant_likelihood", probabilities(1 - likelier))


def test_exact_posterior_has_level_ranks(chapter):
    error = np.sqrt(N_WORLDS * 0.1 * 0.9)
    lowest, highest = [chapter[f"toy_exact_{end}_count"] for end in ["lowest", "highest"]]
    assert 200 - 4 * error < lowest < 200 < highest < 200 + 4 * error


@pytest.mark.parametrize("shape", ["narrow", "wide", "high"])
def test_shapes_are_plain_to_see(chapter, shape):
    counts = {at: chapter[f"toy_{shape}_{at}_count"] for at in ["first", "middle", "last"]}
    low, high = binom(N_WORLDS, 0.1).interval(0.99)
    assert {
        "narrow": min(counts["first"], counts["last"]) > high,
        "wide": max(counts["first"], counts["last"]) < low,
        "high": counts["first"] > high and counts["last"] < low,
    }[shape]


def test_slope_and_valley_of_the_exercise_are_there(chapter):
    first, last = [chapter[f"exercise_shape_{end}_count"] for end in ["first", "last"]]
    assert last > 2 * first
    assert 2 * first > chapter["exercise_shape_middle_count"] * 0.7


def test_curves_of_wrong_posteriors_leave_the_band_and_have_their_shapes(chapter):
    top, bottom = [
        {
            shape: chapter[f"toy_{shape}_difference_{end}"]
            for shape in ["exact", "narrow", "wide", "high"]
        }
        for end in ["max", "min"]
    ]
    for shape in ["narrow", "wide", "high"]:
        assert chapter[f"toy_{shape}_leaves_band"]
    # Kolmogorov: the largest distance exceeds 2.2 / root n for one seed in ten thousand.
    assert max(top["exact"], -bottom["exact"]) < 2.2 / np.sqrt(N_WORLDS)
    for shape in ["narrow", "wide"]:
        assert top[shape] == pytest.approx(-bottom[shape], abs=4 * 0.5 / np.sqrt(N_WORLDS))
    assert top["high"] > 5 * -bottom["high"]


def test_likelihood_exposes_the_prior(chapter):
    assert chapter["ignorant_likelihood_leaves_band"]
    assert chapter["ignorant_likelihood_last_count"] > 200 + 4 * np.sqrt(180)


@pytest.mark.parametrize("model", ["noncentered", "buggy"])
def test_usual_checks_see_nothing(chapter, model):
    assert chapter[f"{model}_world_rhat"] < 1.01
    assert chapter[f"{model}_world_ess"] > 400
    assert chapter[f"{model}_world_divergences_count"] == 0
    assert chapter[f"{model}_world_checks_lowest"] > 0.01
    assert chapter[f"{model}_world_checks_highest"] < 0.99


def test_studies_are_as_large_as_the_text_says(chapter):
    assert chapter["small_simulations_count"] == 30
    assert chapter["full_simulations_count"] == 1000
    # The middle of the band: about 3.2 standard errors of a share, for a band of 99 %.
    for study, n in {"small": 30, "full": 1000}.items():
        assert chapter[f"{study}_band_height"] == pytest.approx(3.2 * 0.5 / np.sqrt(n), rel=0.15)


def test_pooled_and_noncentered_models_are_calibrated(chapter):
    for model, quantities in {"pooled": 4, "noncentered": 9}.items():
        assert chapter[f"full_{model}_leaving_count"] == 0
        assert chapter[f"full_{model}_leaving"] == ""
        assert chapter[f"full_{model}_count"] == quantities


def test_bug_is_found_but_not_by_the_parameter_that_it_forgets(chapter):
    leaving = chapter["full_buggy_leaving"].split(", ")
    assert {"sigma_alpha", "log_density_beta"} <= set(leaving)
    assert "sigma_beta" not in leaving
    assert len(leaving) == chapter["full_buggy_leaving_count"]
    assert chapter["full_buggy_count"] == 9
    assert chapter["full_buggy_log_density_beta_lowest"] < -5 * chapter["full_band_height"]


def test_thinning_is_enough_for_most_fits_of_the_noncentered_model(chapter):
    assert chapter["noncentered_ess_quartile"] > 3 * 100
    assert chapter["centered_ess_quartile"] < 0.5 * chapter["noncentered_ess_quartile"]


def test_thirty_worlds_show_the_bug_more_often_than_not(chapter):
    assert chapter["full_buggy_groups_count"] == 1000 // chapter["small_simulations_count"]
    leaving = chapter["full_buggy_groups_leaving_count"]
    assert 0.5 < leaving / chapter["full_buggy_groups_count"] <= 1


def test_centered_model_fails(chapter):
    leaving = chapter["full_centered_leaving"].split(", ")
    assert {"sigma_beta", "log_density_beta"} <= set(leaving)
    assert len(leaving) == chapter["full_centered_leaving_count"]
    assert chapter["full_centered_count"] == 9


def test_centered_model_fails_in_the_neck(chapter):
    count = {model: chapter[f"{model}_zero_count"] for model in ["centered", "noncentered"]}
    low, high = binom(1000, 1 / 101).interval(0.9999)
    assert low <= count["noncentered"] <= high < count["centered"]
    # Half of the truths of the prior are below 0.67, a tenth below 0.13.
    assert chapter["centered_zero_truth_median"] < 0.13
    assert chapter["centered_zero_truth_quantile"] < 0.67
    for end in ["median", "quantile"]:  # below one of a few draws, by chance: the very smallest
        assert chapter[f"noncentered_zero_truth_{end}"] < chapter[f"centered_zero_truth_{end}"]


def test_first_bar_stands_out_in_the_centered_model_alone(chapter):
    low, high = binom(1000, 1 / 20).interval(0.9999)
    assert low < chapter["noncentered_first_bar_count"] < high
    assert chapter["centered_first_bar_count"] > high


def test_diagnostics_warn_of_the_funnel(chapter):
    expected = binom(chapter["centered_sound_count"], 1 / 101)
    assert chapter["centered_zero_sound_count"] <= expected.ppf(0.999)
    assert chapter["centered_zero_sound_count"] < 0.2 * chapter["centered_zero_count"]
    assert chapter["noncentered_zero_sound_count"] <= chapter["noncentered_zero_count"]
    assert chapter["centered_sound_count"] < chapter["noncentered_sound_count"] < 1000


def test_noncentered_fits_complain_where_noise_is_little_and_centered_ones_where_it_is_much(
    chapter,
):
    medians = {
        (model, state): chapter[f"{model}_{state}_sigma_y"]
        for model in ["centered", "noncentered"]
        for state in ["sound", "unsound"]
    }
    assert 2 * medians["noncentered", "unsound"] < medians["noncentered", "sound"]
    assert 2 * medians["centered", "sound"] < medians["centered", "unsound"]


def test_coverage_sees_the_failure_too(chapter):
    expected = 89 / 101
    for model in ["noncentered", "buggy"]:
        error = 4 * chapter[f"{model}_coverage_se"]
        assert chapter[f"{model}_coverage"] == pytest.approx(expected, abs=error)
    assert chapter["centered_coverage"] < expected - 4 * chapter["centered_coverage_se"]
    assert chapter["centered_coverage_se"] == pytest.approx(0.01, abs=0.005)


def test_sound_fits_of_the_centered_model_are_calibrated(chapter):
    assert not chapter["sound_centered_leaves_band"]
    assert chapter["sound_centered_count"] == chapter["centered_sound_count"]


def test_variance_for_standard_deviation_is_found(chapter):
    assert chapter["variance_sigma_y_verdict"] == "leaves"
    assert chapter["variance_extreme_count"] > 15
    assert chapter["variance_rhat"] < 1.01


def test_simuk_ranks_free_variables_among_all_draws_and_takes_its_time(chapter):
    assert chapter["simuk_quantities"] == "alpha, beta, sigma_y"
    assert 100 < chapter["simuk_highest_rank"] <= 4000
    assert chapter["simuk_slowdown"] > 3
