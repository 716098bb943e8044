"""The ledger's list of tests is written by a complete run of the suite alone."""

from types import SimpleNamespace

import conftest
import pytest
from execution import ROOT

EVERYTHING = {f"tests/{path.name}::test" for path in (ROOT / "tests").glob("test_*.py")}
TESTPATHS = pytest.Config.ArgsSource.TESTPATHS
NAMED = pytest.Config.ArgsSource.ARGS


@pytest.mark.parametrize(
    ("run", "complete"),
    [
        ({}, True),
        ({"source": NAMED}, False),  # pytest tests/test_x.py
        ({"collected": EVERYTHING - {"tests/test_guards.py::test"}}, False),  # --ignore, --lf
        ({"deselected": ["tests/test_guards.py::test"]}, False),  # -k, -m, --lf
        ({"outcomes": {}}, False),  # --co
        ({"outcomes": dict.fromkeys(sorted(EVERYTHING)[1:], "passed")}, False),  # -x, Ctrl-C
    ],
)
def test_only_a_complete_run_counts(monkeypatch, run, complete):
    collected = run.get("collected", EVERYTHING)
    outcomes = run.get("outcomes", dict.fromkeys(collected, "passed"))
    monkeypatch.setattr(conftest, "COLLECTED", collected)
    monkeypatch.setattr(conftest, "OUTCOMES", outcomes)
    monkeypatch.setattr(conftest, "DESELECTED", run.get("deselected", []))
    config = SimpleNamespace(args_source=run.get("source", TESTPATHS))
    assert conftest.is_complete(config) == complete
