"""What decides about Monte Carlo results passes true ones, for almost every seed, and stops wrong ones."""

from contextlib import nullcontext

import arviz as az
import numpy as np
import pytest
from monte_carlo import (
    BUDGET,
    COMPARISONS,
    LEVEL,
    RECORDS,
    Estimate,
    assert_agrees,
    assert_count,
    assert_exceeds,
    assert_share,
    most_errors,
)
from scipy.signal import lfilter
from scipy.stats import kstest, t


@pytest.fixture(autouse=True)
def unrecorded():
    """Leave nothing of these tests among the comparisons of the run."""
    before = len(RECORDS)
    yield
    del RECORDS[before:]


def test_budget_is_that_of_all_comparisons():
    assert LEVEL * COMPARISONS == pytest.approx(BUDGET)


def test_error_that_is_badly_known_allows_more():
    assert 4.9 < most_errors(np.inf) < 5.1
    assert most_errors(np.inf) < most_errors(400) < most_errors(40) < 7


@pytest.mark.parametrize("correlation", [0, 0.5, 0.8])
def test_errors_of_chains_are_known_as_well_as_supposed(correlation):
    rng = np.random.default_rng(1)
    shape, n_runs = (4, 1000), 400
    noise = np.sqrt(1 - correlation**2) * rng.normal(size=(n_runs, *shape))
    start = correlation * rng.normal(size=(n_runs, 4, 1))
    chains, _ = lfilter([1], [1, -correlation], noise, zi=start)
    errors = np.array([az.mcse(run, chain_axis=0, draw_axis=1) for run in chains])
    ess = [az.ess(run, chain_axis=0, draw_axis=1) for run in chains]
    dof = np.mean(ess) / 10
    # An error from so many degrees of freedom varies by 1 / sqrt(2 dof), relative to it.
    assert errors.std() / errors.mean() < 1 / np.sqrt(2 * dof)
    deviations = chains.mean(axis=(1, 2)) / errors
    assert kstest(t(dof).cdf(deviations), "uniform").pvalue > 0.01


def test_true_result_passes_and_one_that_is_six_errors_off_does_not():
    assert_agrees(Estimate(1.03, 0.01, 4000), 1)
    with pytest.raises(AssertionError, match="6.0 errors"):
        assert_agrees(Estimate(1.06, 0.01, 4000), 1)


def test_errors_of_both_sides_count():
    assert_agrees(Estimate(1.06, 0.01, 4000), Estimate(1, 0.01, 4000))


def test_result_without_an_error_is_refused():
    with pytest.raises(AssertionError, match="no Monte Carlo error"):
        assert_agrees(Estimate(1, 0), 1)


def test_lead_must_be_beyond_doubt():
    assert_exceeds(Estimate(1.06, 0.01, 4000), 1)
    assert_exceeds(1.06, Estimate(1, 0.01, 4000))
    for smaller in [1, Estimate(1, 0.01, 4000)]:
        with pytest.raises(AssertionError, match="errors"):
            assert_exceeds(Estimate(1.04, 0.01, 4000), smaller)
    with pytest.raises(AssertionError, match="-6.0 errors"):
        assert_exceeds(1, Estimate(1.06, 0.01, 4000))


def test_count_of_independent_draws_is_judged_exactly():
    assert_count(30, 2000, 0.01)
    assert_count(0, 30, 0.3)
    for count in [55, 1]:
        with pytest.raises(AssertionError):
            assert_count(count, 2000, 0.01)


@pytest.mark.parametrize(("share", "agrees"), [(0.0, True), (0.003, True), (0.03, False)])
def test_small_share_is_judged_by_the_error_of_the_probability(share, agrees):
    own_error = np.sqrt(share * (1 - share) / 4000)
    estimate = Estimate(share, own_error, 4000, "the share")
    with nullcontext() if agrees else pytest.raises(AssertionError, match="should be 0.001"):
        assert_share(estimate, 0.001)
