"""Describe the answers in a notebook's variables as plain data, in the student's kernel.

What runs here can be made to lie, so nothing is judged here. Models are described by their log
density at points that say nothing of the posterior, fits by their draws: to lie well, one would
have to know the right answer.
"""

import json
import os
from pathlib import Path

import numpy as np
import pymc as pm
import xarray as xr

POINTS = 3  # where a model's log density is evaluated
LARGEST = 1_000_000  # numbers in one array


def plain(values) -> list | float:
    """Return numbers of any kind as a float or as nested lists of floats."""
    array = np.asarray(values, dtype=float)
    if array.size > LARGEST:
        raise ValueError(f"it has {array.size:,} numbers; at most {LARGEST:,} are read")
    return array.tolist()


def describe_model(model: pm.Model) -> dict:
    """Return a model's free variables with their dims, its coords, and log densities.

    They are, at each of the points, the log density of every free variable given the others and
    that of all the data. The points are random numbers, positive for names that begin with sigma.
    """
    shapes = model.eval_rv_shapes()
    points = []
    for seed in range(POINTS):
        point = {}
        for rv in model.free_RVs:
            rng = np.random.default_rng([seed, *rv.name.encode()])
            value = rng.normal(size=[int(length) for length in shapes[rv.name]])
            value = np.abs(value) if rv.name.startswith("sigma") else value
            if transform := model.rvs_to_transforms[rv]:
                value = transform.forward(value, *rv.owner.inputs).eval()
            point[model.rvs_to_values[rv].name] = value
        points.append(point)
    free = [rv.name for rv in model.free_RVs]
    terms = model.logp(model.free_RVs, jacobian=False, sum=False)
    data = model.logp(model.observed_RVs + model.potentials, jacobian=False)
    logp = model.compile_fn(
        [*[term.sum() for term in terms], data],
        inputs=model.value_vars,
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )
    values = np.array([logp(point) for point in points], dtype=float).T.tolist()
    return {
        "kind": "model",
        "free": {name: list(model.named_vars_to_dims.get(name, ())) for name in free},
        "coords": {dim: [str(label) for label in labels] for dim, labels in model.coords.items()},
        "logp": dict(zip(free, values, strict=False)),
        "data_logp": values[-1],
    }


def describe_fit(fit: xr.DataTree, variables: list[str]) -> dict:
    """Return the draws of some variables, each as (chain, draw, ...), and the divergences."""
    draws = {
        name: plain(fit["posterior"][name].transpose("chain", "draw", ...))
        for name in variables
        if name in fit["posterior"]
    }
    return {
        "kind": "fit",
        "draws": draws,
        "divergences": int(fit["sample_stats"]["diverging"].sum()),
    }


def describe(value, variables: list[str] | None) -> dict:
    """Return an answer as data; of a fit, the variables asked for."""
    try:
        if isinstance(value, pm.Model):
            return describe_model(value)
        if isinstance(value, xr.DataTree):
            return describe_fit(value, variables or [])
        return {"kind": "numbers", "values": plain(value)}
    except Exception as error:  # whatever is wrong with it is the student's answer
        return {"kind": f"no answer: {type(error).__name__}: {str(error)[:200]}"}


def collect(questions: dict[str, list[str] | None]) -> None:
    """Write the answers that are there, by the names of their variables."""
    from IPython import get_ipython

    namespace = get_ipython().user_ns
    answers = {
        name: describe(namespace[name], variables)
        for name, variables in questions.items()
        if name in namespace
    }
    Path(os.environ["ANSWERS_FILE"]).write_text(json.dumps(answers))
