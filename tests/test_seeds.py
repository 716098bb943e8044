"""Every claim lies where other seeds put it, and its Monte Carlo error is as large as they say.

data/seeds.json holds what 'make seeds' found. A claim whose code has changed its distribution falls out of
it, and a new claim is not in it: then the store is stale.
"""

import numpy as np
import pytest
from claims import monte_carlo_error, read_seeds
from execution import ROOT
from monte_carlo import LEVEL, most_errors
from scipy.stats import chi2, nct, norm, skew, t

SEEDS = read_seeds(ROOT)
LEAST_SEEDS = 5


def scale(values):
    """Return the scale on which numbers are closest to symmetric, and how little they vary by chance."""
    if all(isinstance(value, int) for value in values) and min(values) >= 0:
        return lambda x: np.sqrt(x + 3 / 8), 0.5  # Anscombe (1948): of a count, whatever its mean
    candidates = [np.asarray]
    if min(values) > 0:
        candidates.append(np.log)
        if max(values) < 1:
            candidates.append(lambda x: np.log(x) - np.log1p(-x))
    return min(candidates, key=lambda to: abs(skew(to(np.array(values))))), 0


def complaint(value, values):
    """Say where a value lies among those of other seeds, if it does not belong there."""
    if isinstance(value, bool | str):
        known = len(set(values)) == 1
        return f"{value}, always {values[0]} before" if known and value != values[0] else None
    if max(values) == min(values) and not isinstance(value, int):
        same = value == pytest.approx(values[0], rel=1e-2, abs=1e-9)
        return None if same else f"{value:.6g}, always {values[0]:.6g} before"
    to, least = scale([*values, value])
    known = to(np.array(values, dtype=float))
    spread = max(known.std(ddof=1), least) * np.sqrt(1 + 1 / len(known))
    deviation = (to(value) - known.mean()) / spread
    limit = most_errors(len(known) - 1)
    if abs(deviation) > limit:
        return f"{value:.6g}: {deviation:.1f} sd from its mean over {len(known)} seeds, {np.mean(values):.6g}"
    return None


@pytest.mark.parametrize("chapter", SEEDS)
def test_every_claim_lies_where_other_seeds_put_it(chapter, claims):
    complaints = {}
    for key, value in claims[chapter].items():  # which does not note this test as a guard
        values = [entry for entry in SEEDS[chapter]["claims"].get(key, []) if entry is not None]
        if key.endswith("_seed"):
            continue
        if len(values) < LEAST_SEEDS:
            complaints[key] = "is not in data/seeds.json: run make seeds"
        elif found := complaint(value, values):
            complaints[key] = found
    assert complaints == {}


def test_every_chapter_is_in_the_store(claims):
    assert set(claims) == set(SEEDS), "run make seeds"


@pytest.mark.parametrize("chapter", SEEDS)
def test_no_monte_carlo_error_is_larger_than_the_spread_over_seeds(chapter):
    # A spread may be larger: seeds also make other worlds. Of those errors the deviations tell.
    stored = SEEDS[chapter]["claims"]
    complaints = {}
    for key, values in stored.items():
        errors = monte_carlo_error(key, stored)
        if errors is None or key.endswith("_mcse") or np.ptp(values) == 0:
            continue
        dof = len(values) - 1
        ratio = np.var(values, ddof=1) / np.mean(np.square(errors))
        if ratio < chi2(dof).ppf(LEVEL) / dof:
            complaints[key] = f"its spread over seeds is {np.sqrt(ratio):.2f} times its error"
    assert complaints == {}


COMPARISONS = [
    pytest.param(entry["deviations"], entry["dof"], id=name)
    for chapter in SEEDS.values()
    for name, entry in chapter["comparisons"].items()
    # What is the same for all seeds, such as a share of zero, is no matter of chance.
    if len(entry["deviations"]) >= LEAST_SEEDS and np.ptp(entry["deviations"]) > 0
]
AGREEMENTS = [entry for entry in COMPARISONS if entry.id.startswith("agrees")]
LEADS = [entry for entry in COMPARISONS if entry.id.startswith("exceeds")]


@pytest.mark.parametrize(("deviations", "dof"), AGREEMENTS)
def test_deviations_from_the_truth_are_as_wide_as_their_errors(deviations, dof):
    squares = (norm.ppf(t(dof).cdf(deviations)) ** 2).sum()
    low, high = chi2(len(deviations)).ppf([LEVEL / 2, 1 - LEVEL / 2])
    assert low < squares < high, f"{np.sqrt(squares / len(deviations)):.2f} errors wide"


@pytest.mark.parametrize(("deviations", "dof"), LEADS)
def test_lead_is_large_enough_to_be_seen_with_every_seed(deviations, dof):
    lead, dof = np.mean(deviations), np.mean(dof)
    assert nct(dof, lead).cdf(most_errors(dof, sides=1)) < LEVEL, f"{lead:.1f} errors on average"


@pytest.mark.parametrize(
    ("value", "values", "belongs"),
    [
        (1.0, [1.0] * 8, True),
        (1.1, [1.0] * 8, False),
        (True, [True] * 8, True),
        (False, [True] * 8, False),
        (0, [0, 0, 1, 0, 0, 0, 0, 1], True),
        (90, [0, 0, 1, 0, 0, 0, 0, 1] * 4, False),
        (1.0, np.random.default_rng(1).normal(1, 0.01, size=30).tolist(), True),
        (1.1, np.random.default_rng(1).normal(1, 0.01, size=30).tolist(), False),
        (5e3, np.random.default_rng(1).lognormal(1, 0.1, size=30).tolist(), False),
    ],
)
def test_value_that_does_not_belong_is_noticed(value, values, belongs):
    assert (complaint(value, values) is None) == belongs
