"""Every test run first executes the chapters that need it, once, before the workers start."""

import json

import pytest
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
