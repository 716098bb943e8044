"""Every test run first executes the chapters that need it, once, before the workers start."""

import json

import pandas as pd
import pytest
from build_radon import check_radon
from exact_posterior import MODELS, exact_posterior
from execution import ROOT, BookError, execute_chapters


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist: the main process has done it
        return
    try:
        execute_chapters()
    except BookError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def claims():
    """Return every result that the prose states, as {chapter: {key: value}}."""
    return json.loads((ROOT / "_build" / "claims.json").read_text())


@pytest.fixture(scope="session")
def radon():
    """Return the survey."""
    return check_radon()


@pytest.fixture(scope="session")
def counties(radon):
    """Return the counties of the survey in the order in which the models have them."""
    return pd.Index(sorted(radon["county"].unique()))


@pytest.fixture(scope="session")
def exact(radon, counties):
    """Return the exact posterior of each of the three models."""
    return {name: exact_posterior(radon, counties, **fixed) for name, fixed in MODELS.items()}
