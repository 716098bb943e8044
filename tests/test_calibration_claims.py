"""Every result that chapters/calibration.md states, against probability theory where it knows.

What the chapter computes from the stored study is computed here once more, from the same file.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from execution import ROOT
from monte_carlo import Estimate, assert_agrees, assert_count
from scipy.stats import binom, norm

Z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)  # a normal distribution in equal portions
MODELS = {"pooled": "pooled", "centered": "centered"}
MODELS |= {"noncentered": "non-centered", "buggy": "buggy"}


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["calibration"]


@pytest.fixture(scope="module")
def study():
    """Return the stored study, and which of its fits look sound."""
    stored = pd.read_csv(ROOT / "data" / "calibration.csv")
    sound = (stored["r_hat"] < 1.01) & (stored["ess"] > 400) & (stored["divergences"] == 0)
    return stored.assign(sound=sound)


def of_model(study, key):
    """Return the simulations of a model."""
    return study[study["model"] == MODELS[key]]


def spread_out(chapter, ranks):
    """Put each rank at the random place between itself and the next where the chapter puts it."""
    return ranks + np.random.default_rng(chapter["calibration_seed"]).uniform(size=len(ranks))


@cache
def band(n_ranks):
    """Return where 99 % of the curves of so many ranks stay, as ArviZ has it."""
    from arviz_stats.ecdf_utils import ecdf_pit

    at, _, low, high = ecdf_pit(np.linspace(0, 1, n_ranks), ci_prob=0.99, n_simulations=1000)
    return at, low, high


def leaves(chapter, ranks):
    """Say whether the curve of ranks from 0 to 100 leaves the band of 99 %."""
    at, low, high = band(len(ranks))
    shares = np.sort(spread_out(chapter, ranks) / 101)
    curve = np.searchsorted(shares, at, side="right") / len(shares)
    return bool(((curve < low) | (curve > high)).any())


# Of a world of the first section whose truth lies at a quantile Z of its posterior, the probability
# that a draw is below the truth, for each posterior that the chapter tries.
BELOW = {
    key: norm.cdf((np.sqrt(0.5) * Z - shift) / sd)
    for key, (shift, sd) in {
        "toy_exact": (0, np.sqrt(0.5)),
        "toy_narrow": (0, 0.5),
        "toy_wide": (0, 1),
        "toy_high": (0.3, np.sqrt(0.5)),
        "exercise_shape": (-0.3, 0.5),
    }.items()
}


def probabilities(below):
    """Return the probability of each rank among nine draws, given those of a draw below the truth."""
    return np.array([binom.pmf(rank, 9, below).mean() for rank in range(10)])


def check_counts(chapter, key, probability):
    """Compare the claimed numbers of worlds at the lowest, the middle and the highest ranks."""
    n = chapter["toy_worlds_count"]
    assert_count(chapter[f"{key}_first_count"], n, probability[0], f"{key} at rank 0")
    middle = probability[4] + probability[5]
    assert_count(chapter[f"{key}_middle_count"], n, middle, f"{key} at ranks 4 and 5")
    assert_count(chapter[f"{key}_last_count"], n, probability[9], f"{key} at rank 9")


@pytest.mark.parametrize("key", BELOW)
def test_ranks_of_a_normal_posterior_are_as_theory_says(chapter, key):
    check_counts(chapter, key, probabilities(BELOW[key]))


def test_ranks_of_a_prior_for_a_posterior_are_as_theory_says(chapter):
    check_counts(chapter, "ignorant_parameter", [0.1] * 10)
    theta, noise = np.random.default_rng(1).permuted([Z, Z], axis=1)
    y, distance = theta + noise, np.abs(noise)
    likelier = norm.cdf(y + distance) - norm.cdf(y - distance)
    probability = probabilities(1 - likelier)
    check_counts(chapter, "ignorant_likelihood", probability)
    assert (np.diff(probability) > 0).all()  # more and more worlds have the higher ranks
    assert probability[0] < 0.02


def test_shapes_are_valley_hill_and_slope():
    valley, hill, slope, both = [
        probabilities(BELOW[key])
        for key in ["toy_narrow", "toy_wide", "toy_high", "exercise_shape"]
    ]
    assert min(valley[0], valley[9]) > 0.15 > 0.1 > valley[1:9].min()
    assert max(hill[0], hill[9]) < 0.06 < 0.1 < hill[1:9].max()
    assert (np.diff(slope) < 0).all()
    assert both[9] > 2 * both[0]  # the exercise: a valley
    assert both[0] > both[1:5].min()


@pytest.mark.parametrize("key", ["toy_exact", "toy_narrow", "toy_wide", "toy_high"])
def test_curves_are_as_theory_says(chapter, key):
    # A rank is put at a random place in its tenth, so the curve of theory is straight in between.
    ends = np.concatenate([[0], probabilities(BELOW[key]).cumsum()])
    quarter, half, last = np.interp([0.25, 0.5, 0.75], np.arange(11) / 10, ends) - [0.25, 0.5, 0.75]
    n = chapter["toy_worlds_count"]
    assert_agrees(chapter.estimate(f"{key}_difference_half", ess=n), half)
    assert_agrees(chapter.estimate(f"{key}_difference_fall", ess=n), quarter - last)


@pytest.mark.parametrize("shape", ["narrow", "wide", "high"])
def test_curves_of_wrong_posteriors_leave_the_band(chapter, shape):
    assert chapter[f"toy_{shape}_leaves_band"]


def test_likelihood_exposes_the_prior(chapter):
    assert chapter["ignorant_likelihood_leaves_band"]


@pytest.mark.parametrize("model", ["noncentered", "buggy"])
def test_usual_checks_see_nothing(chapter, model):
    assert chapter[f"{model}_world_rhat"] < 1.01
    assert chapter[f"{model}_world_ess"] > 400
    assert chapter[f"{model}_world_divergences_count"] == 0
    assert chapter[f"{model}_world_checks_lowest"] > 0.01
    assert chapter[f"{model}_world_checks_highest"] < 0.99


def test_studies_are_as_large_as_the_text_says(chapter, study):
    assert chapter["small_simulations_count"] == 30
    assert chapter["full_simulations_count"] == study["simulation"].nunique() == 1000
    # In the middle a band of 99 % is wider than an interval of 99 % for one point of the curve, and
    # narrower than if all points were independent.
    for key, n in {"small": 30, "full": 1000}.items():
        error = 0.5 / np.sqrt(n)
        assert norm.isf(0.005) < chapter[f"{key}_band_height"] / error < norm.isf(0.005 / n)


@pytest.mark.parametrize("key", MODELS)
def test_verdicts_on_the_stored_study_are_those_of_its_ranks(chapter, study, key):
    ranked = of_model(study, key).loc[:, "alpha":"log_density_beta"].dropna(axis=1)
    leaving = [name for name in ranked if leaves(chapter, ranked[name].to_numpy())]
    assert chapter[f"full_{key}_count"] == ranked.shape[1]
    assert chapter[f"full_{key}_leaving"] == ", ".join(leaving)
    assert chapter[f"full_{key}_leaving_count"] == len(leaving)


def test_pooled_and_noncentered_models_are_calibrated(chapter):
    for model, quantities in {"pooled": 4, "noncentered": 9}.items():
        assert chapter[f"full_{model}_leaving_count"] == 0
        assert chapter[f"full_{model}_count"] == quantities


def test_bug_is_found_but_not_by_the_parameter_that_it_forgets(chapter, study):
    leaving = chapter["full_buggy_leaving"].split(", ")
    assert {"sigma_alpha", "log_density_beta"} <= set(leaving)
    assert "sigma_beta" not in leaving
    shares = spread_out(chapter, of_model(study, "buggy")["log_density_beta"].to_numpy()) / 101
    at = np.arange(1, 1000) / 1000
    lowest = (np.searchsorted(np.sort(shares), at) / 1000 - at).min()
    assert chapter["full_buggy_log_density_beta_lowest"] == pytest.approx(lowest, abs=1e-3)
    assert lowest < -5 * chapter["full_band_height"]


def test_thinning_is_enough_for_most_fits_of_the_noncentered_model(chapter, study):
    for key in ["centered", "noncentered"]:
        quartile = of_model(study, key)["ess"].quantile(0.25)
        assert chapter[f"{key}_ess_quartile"] == pytest.approx(quartile)
    assert chapter["noncentered_ess_quartile"] > 3 * 100
    assert chapter["centered_ess_quartile"] < 0.5 * chapter["noncentered_ess_quartile"]


def test_thirty_worlds_show_the_bug_more_often_than_not(chapter, study):
    ranks = of_model(study, "buggy")["log_density_beta"].to_numpy()
    groups = [ranks[30 * i : 30 * (i + 1)] for i in range(1000 // 30)]
    assert chapter["full_buggy_groups_count"] == len(groups)
    leaving = sum(leaves(chapter, group) for group in groups)
    assert chapter["full_buggy_groups_leaving_count"] == leaving
    assert leaving > len(groups) / 2


def test_centered_model_fails(chapter):
    assert {"sigma_beta", "log_density_beta"} <= set(chapter["full_centered_leaving"].split(", "))


@pytest.mark.parametrize("key", ["centered", "noncentered"])
def test_what_is_said_of_rank_zero_follows_from_the_stored_study(chapter, study, key):
    ours = of_model(study, key)
    zero = ours[ours["sigma_beta"] == 0]
    assert chapter[f"{key}_zero_count"] == len(zero)
    assert chapter[f"{key}_zero_sound_count"] == zero["sound"].sum()
    assert chapter[f"{key}_sound_count"] == ours["sound"].sum()
    truths = np.quantile(zero["true_sigma_beta"], [0.5, 0.9])
    assert chapter[f"{key}_zero_truth_median"] == pytest.approx(truths[0])
    assert chapter[f"{key}_zero_truth_quantile"] == pytest.approx(truths[1])
    first_bar = (spread_out(chapter, ours["sigma_beta"].to_numpy()) < 101 / 20).sum()
    assert chapter[f"{key}_first_bar_count"] == first_bar


def test_centered_model_fails_in_the_neck(chapter):
    assert_count(chapter["noncentered_zero_count"], 1000, 1 / 101, "non-centered at rank 0")
    assert chapter["centered_zero_count"] > binom(1000, 1 / 101).isf(1e-6)
    # Half of the truths of the prior are below 0.67, a tenth below 0.13.
    assert chapter["centered_zero_truth_median"] < 0.13
    assert chapter["centered_zero_truth_quantile"] < 0.67


def test_first_bar_stands_out_in_the_centered_model_alone(chapter):
    assert_count(chapter["noncentered_first_bar_count"], 1000, 1 / 20, "non-centered, first bar")
    assert chapter["centered_first_bar_count"] > binom(1000, 1 / 20).isf(1e-6)


def test_diagnostics_warn_of_the_funnel(chapter):
    sound = chapter["centered_sound_count"]
    assert_count(chapter["centered_zero_sound_count"], sound, 1 / 101, "sound at rank 0")
    assert chapter["centered_zero_sound_count"] < 0.2 * chapter["centered_zero_count"]
    assert sound < chapter["noncentered_sound_count"] < 1000


def test_noncentered_fits_complain_where_noise_is_little_and_centered_ones_where_it_is_much(
    chapter, study
):
    medians = {}
    for key in ["centered", "noncentered"]:
        for sound, part in of_model(study, key).groupby("sound"):
            label = "sound" if sound else "unsound"
            medians[key, label] = np.median(part["true_sigma_y"])
            assert chapter[f"{key}_{label}_sigma_y"] == pytest.approx(medians[key, label])
    assert 2 * medians["noncentered", "unsound"] < medians["noncentered", "sound"]
    assert 2 * medians["centered", "sound"] < medians["centered", "unsound"]


def test_coverage_sees_the_failure_too(chapter, study):
    expected, error = 89 / 101, np.sqrt(89 / 101 * 12 / 101 / 1000)
    for key in ["centered", "noncentered", "buggy"]:
        ranks = of_model(study, key)["sigma_beta"].to_numpy()
        share = np.isin(ranks, np.arange(6, 95)).mean()
        assert chapter[f"{key}_coverage"] == pytest.approx(share)
        assert chapter[f"{key}_coverage_mcse"] == pytest.approx(np.sqrt(share * (1 - share) / 1000))
    for key in ["noncentered", "buggy"]:
        coverage = chapter[f"{key}_coverage"]
        assert_agrees(Estimate(coverage, error, np.inf, f"coverage, {key}"), expected)
    assert chapter["centered_coverage"] < expected - 4 * error


def test_sound_fits_of_the_centered_model_are_calibrated(chapter, study):
    ours = of_model(study, "centered")
    ranks = ours.loc[ours["sound"], "sigma_beta"].to_numpy()
    assert chapter["sound_centered_count"] == chapter["centered_sound_count"] == len(ranks)
    assert chapter["sound_centered_leaves_band"] == leaves(chapter, ranks)
    assert not chapter["sound_centered_leaves_band"]


def test_variance_for_standard_deviation_is_found_in_most_worlds(chapter):
    assert chapter["variance_sigma_y_verdict"] == "leaves"
    worlds = chapter["small_simulations_count"]
    assert worlds / 2 < chapter["variance_extreme_count"] <= worlds


def test_simuk_ranks_free_variables_among_all_draws(chapter):
    assert chapter["simuk_quantities"] == "alpha, beta, sigma_y"
    assert 100 < chapter["simuk_highest_rank"] <= 4000
