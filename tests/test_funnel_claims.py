"""Every result that chapters/funnel.md states, against the exact posterior or its own Monte Carlo error.

Tolerances are four standard errors: a true claim fails for one seed in ten thousand.
"""

import numpy as np
import pytest
from exact_posterior import probability_of_sigma_beta_below
from scipy.stats import norm

POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def funnel(claims):
    return claims["funnel"]


def test_sigma_beta_is_what_the_centered_chains_know_least(funnel):
    ess = {name: funnel[f"centered_{name}_ess"] for name in POPULATION}
    assert min(ess, key=ess.get) == "sigma_beta"
    assert max(funnel["centered_sigma_beta_ess"], funnel["centered_sigma_beta_tail_ess"]) < 400


def test_slopes_are_squeezed_together_when_sigma_beta_is_small(funnel):
    assert funnel["centered_squeeze_correlation"] > 0.8


def test_exact_draws_of_the_funnel_have_their_neck(funnel):
    share, n_draws = funnel["funnel_share_below_3"], funnel["funnel_draws_count"]
    assert share == pytest.approx(norm(0, 1.5).cdf(-3))
    error = np.sqrt(share * (1 - share) / n_draws)
    assert funnel["funnel_exact_share_below_3"] == pytest.approx(share, abs=4 * error)
    assert funnel["funnel_exact_count_below_3"] == n_draws * funnel["funnel_exact_share_below_3"]


def test_nuts_does_not_get_into_the_neck(funnel):
    assert funnel["funnel_nuts_count_below_3"] < funnel["funnel_exact_count_below_3"] / 4
    assert funnel["funnel_nuts_share_below_3"] < funnel["funnel_exact_share_below_3"] / 4
    assert funnel["funnel_nuts_smallest"] > funnel["funnel_exact_smallest"] + 1
    assert funnel["funnel_nuts_divergences_count"] > 0
    assert funnel["funnel_nuts_ess"] < 400


def test_long_step_fits_the_mouth_and_diverges_in_the_neck(funnel):
    assert funnel["leapfrog_mouth_long_change"] < 0.2
    assert funnel["leapfrog_neck_long_change"] > 1000


def test_short_step_fits_both(funnel):
    assert funnel["leapfrog_mouth_short_change"] < 0.2
    assert funnel["leapfrog_neck_short_change"] < 0.2


def test_long_steps_never_enter_the_neck(funnel):
    assert funnel["walk_long_smallest"] > -3
    assert funnel["walk_long_divergences_count"] > 10
    assert funnel["walk_long_ess"] < 400


def test_short_steps_crawl(funnel):
    assert funnel["walk_short_ess"] < 100
    assert funnel["walk_short_divergences_count"] < funnel["walk_long_divergences_count"]
    assert funnel["walk_short_smallest"] > -6  # in the picture


@pytest.mark.parametrize("parameter", POPULATION)
def test_referee_is_exact(funnel, exact, parameter):
    mean, sd = exact["hierarchical"].mean_and_sd(parameter)
    error = funnel[f"referee_{parameter}_mcse"]
    assert funnel[f"referee_{parameter}_mean"] == pytest.approx(mean, abs=4 * error)
    sd_error = sd / np.sqrt(funnel[f"referee_{parameter}_ess"])
    assert funnel[f"referee_{parameter}_sd"] == pytest.approx(sd, abs=4 * sd_error)


def test_energy_of_the_referee_is_in_order(funnel):
    assert funnel["referee_bfmi_min"] > 0.5


@pytest.mark.parametrize("bound", ["05", "centered_smallest"])
def test_referee_knows_the_lower_tail(funnel, radon, exact, bound):
    if bound == "05":
        value, key = 0.05, "referee_sigma_beta_below_05"
    else:
        value, key = funnel["centered_sigma_beta_smallest"], "referee_sigma_beta_missed"
    probability = probability_of_sigma_beta_below(value, radon, exact["hierarchical"])
    assert funnel[key] == pytest.approx(probability, abs=4 * funnel[f"{key}_mcse"])


def test_centered_chains_are_blind_to_the_lower_tail(funnel):
    assert funnel["centered_sigma_beta_smallest"] > 5 * funnel["referee_sigma_beta_smallest"]
    expected = funnel["referee_sigma_beta_missed"] * funnel["centered_draws_count"]
    assert expected > 20  # so many draws should lie where there is none
    assert funnel["centered_chain_low"] >= funnel["centered_sigma_beta_smallest"]
    assert funnel["centered_chain_high"] > 5 * funnel["centered_chain_low"]
    assert funnel["centered_log_sigma_beta_smallest"] == pytest.approx(
        np.log(funnel["centered_sigma_beta_smallest"])
    )


def test_centered_mean_is_off_by_what_is_said(funnel):
    off = funnel["centered_sigma_beta_mean"] - funnel["referee_sigma_beta_mean"]
    assert funnel["centered_sigma_beta_off"] == pytest.approx(off)
    error = np.hypot(funnel["centered_sigma_beta_mcse"], funnel["referee_sigma_beta_mcse"])
    assert funnel["centered_sigma_beta_off_mcse"] == pytest.approx(error)


def test_effective_sample_size_speaks_every_time(funnel):
    assert funnel["repeats_count"] == 10
    assert funnel["repeats_ess_max"] < 400
    assert funnel["repeats_tail_ess_max"] < 400


def test_bfmi_speaks_every_time(funnel):
    assert funnel["repeats_bfmi_max"] < 0.3


def test_divergences_are_sometimes_few(funnel):
    assert funnel["repeats_divergences_min"] < 10
    assert funnel["repeats_divergences_max"] > funnel["repeats_divergences_min"]
    assert funnel["centered_divergences_count"] < funnel["centered_draws_count"]


def test_rhat_is_sometimes_nearly_fine(funnel):
    assert funnel["repeats_rhat_min"] < 1.05 < funnel["repeats_rhat_max"]
    assert funnel["repeats_others_rhat_median"] < 1.02


def test_centered_means_wander_and_are_mostly_too_large(funnel, exact):
    mean, _ = exact["hierarchical"].mean_and_sd("sigma_beta")
    assert funnel["repeats_mean_max"] - funnel["repeats_mean_min"] > 0.02
    assert funnel["repeats_mean_median"] > mean


def test_repeats_are_blind_too(funnel):
    assert funnel["repeats_below_05_median"] < funnel["referee_sigma_beta_below_05"] / 2
    assert funnel["repeats_smallest_min"] > 5 * funnel["referee_sigma_beta_smallest"]


def test_even_the_best_looking_fit_is_broken(funnel):
    assert funnel["best_rhat"] == pytest.approx(funnel["repeats_rhat_min"])
    assert funnel["best_ess"] < 400
    assert funnel["best_bfmi_max"] < 0.3
    assert funnel["best_sigma_beta_smallest"] > 5 * funnel["referee_sigma_beta_smallest"]
    assert funnel["best_divergences_count"] < 8000


def test_neck_is_narrower_than_the_mouth(funnel):
    assert funnel["centered_mouth_to_neck"] > 1.5


def test_sigma_alpha_is_kept_from_zero(funnel):
    assert funnel["referee_sigma_alpha_smallest"] > 0.1


def test_smaller_steps_move_the_wall_and_do_not_remove_it(funnel):
    assert funnel["careful_ess"] < 400
    assert funnel["careful_sigma_beta_smallest"] > 5 * funnel["referee_sigma_beta_smallest"]
    assert funnel["careful_steps_ratio"] > 2


def test_nine_slopes_are_worse_than_one(funnel):
    assert funnel["neal_ess"] < 400
    assert funnel["neal_smallest"] > -3.5
