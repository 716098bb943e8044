"""Copies of the book to try something on, and what its tests say about them."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
NOT_COPIED = ["_build", ".venv", ".git"]


def copy_book(destination: Path) -> None:
    """Copy the book into a folder, except for what is made from it; keep what was made there."""
    for path in destination.iterdir() if destination.exists() else []:
        if path.name not in NOT_COPIED:  # a chapter that is gone here must go there, too
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    made = ["__pycache__", ".*_cache", ".ipynb_checkpoints", "class"]  # class: a teacher's secrets
    ignore = shutil.ignore_patterns(*NOT_COPIED, *made)
    shutil.copytree(ROOT, destination, ignore=ignore, dirs_exist_ok=True)


def run_tests(book: Path, *arguments: str, python: Path = Path(sys.executable)) -> pd.DataFrame:
    """Run tests of a copy, which executes its chapters, and keep the outcome in _build/tests.xml.

    Prints which chapter is done. Returns one row a test with the columns file, test, passed and
    message. Raises RuntimeError with what was printed if no test ran, as when a chapter fails.
    """
    report = book / "_build" / "tests.xml"
    report.unlink(missing_ok=True)
    command = [python, "-m", "pytest", f"--junitxml={report}", *arguments]
    printed = []
    with subprocess.Popen(
        command, cwd=book, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as tests:
        for line in tests.stdout:
            printed.append(line)
            if re.match(r"\S+: (done|failed)", line):
                print(f"{book.name}, {line}", end="", flush=True)
    if tests.returncode not in (0, 1) or not report.exists():
        raise RuntimeError(f"{book.name}: {''.join(printed).strip()}")
    outcomes = read_report(report)
    if tests.returncode and outcomes["passed"].all():  # as when a claim has no test
        end = {"file": "conftest", "test": "the run as a whole", "passed": False}
        outcomes.loc[len(outcomes)] = end | {"message": "".join(printed[-20:])}
    return outcomes


def read_report(report: Path) -> pd.DataFrame:
    """Return one row a test with the columns file, test, passed and message."""
    rows = []
    for case in ET.parse(report).iter("testcase"):
        problems = [case.find("failure"), case.find("error")]
        messages = [problem.get("message") for problem in problems if problem is not None]
        rows.append(
            {
                "file": case.get("classname").split(".")[-1],
                "test": case.get("name"),
                "passed": not messages,
                "message": "\n".join(messages),
            }
        )
    return pd.DataFrame(rows)
