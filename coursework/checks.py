"""What the hidden tests call: they compare a student's answers with the reference, as data.

A hidden test runs in the grader's own process, after the student's notebook, and sees nothing of it
but the data that collector.py left. Nothing here executes what comes from a student.
"""

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

# A student's Monte Carlo error adds to the reference's. It is not trusted to them, but taken to be at
# most that of a sampler with half the efficiency: four errors of the difference are 4 sqrt(1 + 2).
NUMBER_ERRORS = 7
FIT_ERRORS = 5  # errors by which posterior means and standard deviations of fits may differ


class WrongAnswerError(Exception):
    """An answer is not the right one; the message says what is expected."""


def expect(condition: bool, message: str) -> None:
    """Raise WrongAnswerError with a message unless the condition holds."""
    if not condition:
        raise WrongAnswerError(message)


class Check:
    """The answers to a question, compared with the reference; collects points and messages."""

    def __init__(self, answers: dict, reference: dict):
        """Take the answers of a student and of the solution, as collector.py describes them."""
        self.answers, self.reference = answers, reference
        self.points, self.possible, self.messages = 0, 0, []

    def award(self, points: float, what: str, judge) -> None:
        """Give the points if the judge, a function, does not raise; note the outcome."""
        self.possible += points
        try:
            judge()
            self.points += points
            self.messages.append(f"{points} of {points}: {what}")
        except WrongAnswerError as wrong:
            self.messages.append(f"0 of {points}: {what}: {wrong}")
        except Exception:  # data of another form than ours: lists of unequal lengths, texts, ...
            self.messages.append(f"0 of {points}: {what}: the answer does not have the right form")

    def answer(self, name: str, kind: str) -> dict:
        """Return an answer of the kind expected."""
        answer = self.answers.get(name)
        expect(answer is not None, f"there is no variable {name}")
        if answer["kind"] != kind:
            reason = answer["kind"].removeprefix("no answer: ")
            raise WrongAnswerError(f"{name} should be a {kind.removesuffix('s')} ({reason[:200]})")
        return answer

    def number(
        self, name: str, points: float, statistic: str = "mean", within: float = 1e-6
    ) -> None:
        """Compare a number, or several, with the reference.

        If the solution keeps the draws that a number is the mean (or another statistic) of in a
        variable NAME_draws, the tolerance follows from their Monte Carlo error; otherwise the
        number must be within a relative (below 1, absolute) difference.
        """

        def judge() -> None:
            got = np.array(self.answer(name, "numbers")["values"], dtype=float)
            wanted = np.array(self.reference[name]["values"])
            tolerance = within * np.maximum(np.abs(wanted), 1)
            if draws := self.reference.get(f"{name}_draws"):
                errors = summarize({"draws": {name: draws["values"]}})[f"mcse_{statistic}"]
                tolerance = NUMBER_ERRORS * errors.to_numpy().reshape(wanted.shape)
            expect(got.shape == wanted.shape, f"expected are {wanted.size} numbers")
            near = np.abs(got - wanted) <= tolerance
            expect(near.all(), f"{np.sum(~near)} of {wanted.size} are not what we find")

        self.award(points, name, judge)

    def model(self, name: str, variables: float, priors: float, likelihood: float) -> None:
        """Compare a model's free variables and dims, their densities, and that of the data."""
        reference = self.reference[name]

        def judge_variables() -> None:
            answer = self.answer(name, "model")
            wanted = free(reference)
            names = [f"{key} {list(dims) if dims else ''}".strip() for key, dims in wanted.items()]
            expect(free(answer) == wanted, f"expected are {', '.join(names)}")
            for dim in {dim for dims in wanted.values() for dim in dims}:
                same = answer["coords"][dim] == reference["coords"][dim]
                expect(same, f"{dim} should have the labels of coords, in that order")

        def judge_priors() -> None:
            answer = self.answer(name, "model")
            for key, values in reference["logp"].items():
                same = close(answer["logp"].get(key), values)
                expect(same, f"the prior of {key} is not the one that the question gives")

        def judge_likelihood() -> None:
            same = close(self.answer(name, "model")["data_logp"], reference["data_logp"])
            expect(same, "the density of the data given the parameters is not that of the question")

        self.award(variables, f"{name}, variables", judge_variables)
        self.award(priors, f"{name}, priors", judge_priors)
        self.award(likelihood, f"{name}, likelihood", judge_likelihood)

    def fit(self, name: str, sampling: float, posterior: float) -> None:
        """Check a fit's diagnostics, and compare posterior means and standard deviations."""
        wanted = summarize(self.reference[name])

        def judge_sampling() -> None:
            answer = self.answer(name, "fit")
            summary = summarize(answer).loc[wanted.index]
            expect(answer["divergences"] == 0, f"there are {answer['divergences']:.0f} divergences")
            expect(summary["r_hat"].max() < 1.01, "R-hat should be below 1.01")
            sizes = summary[["ess_bulk", "ess_tail"]].min().min()
            expect(sizes > 400, "the effective sample sizes should be above 400")

        def judge_posterior() -> None:
            summary = summarize(self.answer(name, "fit")).loc[wanted.index]
            expect(summary["ess_bulk"].min() > 400, "too few effective draws to compare")
            for statistic in ["mean", "sd"]:
                errors = np.hypot(summary[f"mcse_{statistic}"], wanted[f"mcse_{statistic}"])
                near = (summary[statistic] - wanted[statistic]).abs() <= FIT_ERRORS * errors
                others = ", ".join(near.index[~near])
                expect(near.all(), f"the posterior {statistic} is another for {others}")

        self.award(sampling, f"{name}, sampling", judge_sampling)
        self.award(posterior, f"{name}, posterior", judge_posterior)


def free(model: dict) -> dict[str, tuple]:
    """Return the dims of a model's free variables, by name."""
    return {name: tuple(dims) for name, dims in model["free"].items()}


def close(values: list, others: list) -> bool:
    """Say whether log densities are equal but for rounding."""
    return np.allclose(values, others, rtol=1e-6, atol=1e-6)


def summarize(fit: dict) -> pd.DataFrame:
    """Return ArviZ' summary of a fit's draws, one row a number."""
    draws = {name: np.array(values, dtype=float) for name, values in fit["draws"].items()}
    variables = {
        name: (["chain", "draw", *[f"{name}_{i}" for i in range(array.ndim - 2)]], array)
        for name, array in draws.items()
    }
    return az.summary(xr.Dataset(variables), round_to="none")
