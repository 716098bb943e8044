"""The one place that decides whether a Monte Carlo result is what it should be.

The same lock and the same seed give other draws on another processor, so every run is one sample of what
readers see. All comparisons share one BUDGET: if all claims are true, the suite fails for fewer than one
reader in a thousand. Each comparison gets an equal part of it, LEVEL; the suite fails if there are more
comparisons than the budget was divided by.

A deviation is counted in Monte Carlo errors. Such an error is itself an estimate, from few effective draws
a bad one: its square is a variance times an autocorrelation time, whose relative variance is about
10 / ESS with the usual window of five times (Sokal 1997, "Monte Carlo Methods in Statistical Mechanics:
Foundations and New Algorithms", section 3). So an error is known at least as well as the standard deviation
of ESS / 10 independent numbers, and a deviation follows Student's t with so many degrees of freedom.
test_monte_carlo.py tries this on chains whose truth is known.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binom, t

BUDGET = 1 / 1000  # the probability that any comparison of true claims fails
COMPARISONS = 2000  # that share it, at most
LEVEL = BUDGET / COMPARISONS
LEAST_ESS = 400  # of every fit that is shown as sound; test_fits.py sees to it

RECORDS = []  # what was compared in this process, in the order of time


@dataclass(frozen=True)
class Estimate:
    """A Monte Carlo result: its value, its standard error, and the effective draws behind the error."""

    value: float
    error: float
    ess: float = LEAST_ESS
    name: str = "the estimate"

    @property
    def dof(self) -> float:
        """Return the degrees of freedom of a deviation that is measured in this error."""
        return self.ess / 10

    def __sub__(self, other: "Estimate | float") -> "Estimate":
        """Return the difference from a number, or from the result of other, independent draws."""
        if not isinstance(other, Estimate):
            return Estimate(self.value - other, self.error, self.ess, self.name)
        error = np.hypot(self.error, other.error)
        # Welch and Satterthwaite's degrees of freedom of a difference
        parts = self.error**4 / self.ess + other.error**4 / other.ess
        ess = error**4 / parts if parts else np.inf
        return Estimate(self.value - other.value, error, ess, f"{self.name} minus {other.name}")

    def __rsub__(self, other: float) -> "Estimate":
        """Return how far a number lies above the result."""
        return Estimate(other - self.value, self.error, self.ess, self.name)

    def __mul__(self, factor: float) -> "Estimate":
        """Return a multiple of the result."""
        return Estimate(self.value * factor, self.error * abs(factor), self.ess, self.name)

    __rmul__ = __mul__


def most_errors(dof: float, sides: int = 2) -> float:
    """Return by how many errors a true result may be off, given the error's degrees of freedom."""
    return float(t.isf(LEVEL / sides, dof))


def record(kind: str, name: str, deviation: float, dof: float, limit: float) -> None:
    """Note a comparison for the line at the end of the run and for the trial of other seeds."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rsplit(" ", 1)[0]
    RECORDS.append(
        {"test": test, "kind": kind, "name": name, "deviation": float(deviation)}
        | {"dof": float(dof), "limit": float(limit)}
    )


def assert_agrees(estimate: Estimate, reference: Estimate | float) -> None:
    """Assert that a result is a reference, up to both Monte Carlo errors."""
    difference = estimate - reference
    assert difference.error > 0, f"{estimate.name} has no Monte Carlo error"
    deviation, limit = difference.value / difference.error, most_errors(difference.dof)
    record("agrees", estimate.name, deviation, difference.dof, limit)
    wanted = getattr(reference, "value", reference)
    assert abs(deviation) <= limit, (
        f"{estimate.name} is {estimate.value:.6g} and should be {wanted:.6g}: "
        f"{abs(deviation):.1f} errors of {difference.error:.2g}; at most {limit:.1f}"
    )


def assert_share(share: Estimate, probability: float) -> None:
    """Assert that a share of the draws is a probability, up to its Monte Carlo error.

    Where few draws fell, their own spread says little about the error; the probability says it, for as
    many effective draws.
    """
    spread = np.sqrt(share.value * (1 - share.value))
    of_truth = np.sqrt(probability * (1 - probability))
    error = share.error * of_truth / spread if spread else of_truth / np.sqrt(share.ess)
    assert_agrees(replace(share, error=error), probability)


def assert_exceeds(larger: Estimate | float, smaller: Estimate | float) -> None:
    """Assert that a result is larger than another, or than a number, beyond doubt.

    The lead counts as real if it is larger than what one comparison of equals may show.
    """
    lead = larger - smaller
    assert lead.error > 0, f"{lead.name} has no Monte Carlo error"
    deviation, limit = lead.value / lead.error, most_errors(lead.dof, sides=1)
    record("exceeds", lead.name, deviation, lead.dof, limit)
    assert deviation > limit, (
        f"{lead.name}: the lead is {lead.value:.3g}, {deviation:.1f} errors of {lead.error:.2g}; "
        f"more than {limit:.1f} are needed"
    )


def assert_count(count: int, n: int, probability: float, name: str = "the count") -> None:
    """Assert that so many of n independent draws may well have what each has with a probability."""
    lower, upper = binom.cdf(count, n, probability), binom.sf(count - 1, n, probability)
    error = np.sqrt(n * probability * (1 - probability))
    limit = most_errors(np.inf)
    record("agrees", name, (count - n * probability) / error, np.inf, limit)
    assert 2 * min(lower, upper) > LEVEL, (
        f"{name} is {count} of {n} and should be about {n * probability:.1f}"
    )


def summarize(records: list[dict]) -> str:
    """Return a line on all comparisons of a run."""
    agreeing = [entry for entry in records if entry["kind"] == "agrees"]
    if not agreeing:
        return ""
    # In errors that are known exactly, so that different degrees of freedom compare.
    worst = max(agreeing, key=lambda entry: abs(entry["deviation"]) / entry["limit"])
    return (
        f"{len(records)} Monte Carlo comparisons (the budget is for {COMPARISONS}); the largest deviation "
        f"is {abs(worst['deviation']):.1f} errors, at most {worst['limit']:.1f} are allowed: "
        f"{worst['name']} in {worst['test'].split('::')[-1]}"
    )
