"""Try every claim with other seeds: what 'make seeds N=10' runs."""

import argparse
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pandas as pd
from copies import ROOT, copy_book, read_report, run_tests

SEEDS = ROOT / "_build" / "seeds"
TESTS = [f"tests/{path.name}" for path in sorted((ROOT / "tests").glob("test_*_claims.py"))]


def plant(seed: int) -> Path:
    """Copy the book into a folder of its own, with another RANDOM_SEED in every chapter."""
    book = SEEDS / f"seed-{seed}"
    copy_book(book)
    for chapter in (book / "chapters").glob("*.md"):
        text = chapter.read_text("utf-8")
        new = re.sub(r"^RANDOM_SEED = \d+$", f"RANDOM_SEED = {seed}", text, flags=re.M)
        chapter.write_text(new, "utf-8")
    return book


def last_change() -> float:
    """Return when something was last changed that an outcome depends on, as a time stamp."""
    folders = ["chapters", "data", "tests", "build_tools"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.[!p]*")]
    return max(path.stat().st_mtime for path in [*files, ROOT / "requirements.txt"])


def try_seed(seed: int) -> pd.DataFrame:
    """Return what the tests of the claims say with a seed; what was done before is kept."""
    book = plant(seed)
    report = book / "_build" / "tests.xml"
    if report.exists() and report.stat().st_mtime > last_change():
        return read_report(report)
    try:
        return run_tests(book, *TESTS, "tests/test_fits.py")
    except RuntimeError as error:  # a chapter fails
        outcome = {"file": "chapters", "test": "every chapter runs", "passed": False}
        return pd.DataFrame([outcome | {"message": str(error)}])


def main(n_seeds: int) -> bool:
    """Try the seeds 1, 2, ..., n_seeds, print the table and say whether all claims hold."""
    chapters = len(list((ROOT / "chapters").glob("*.md")))
    pool = ThreadPoolExecutor(max(1, os.cpu_count() // chapters))  # chapters run in parallel anyway
    runs = {pool.submit(try_seed, seed): seed for seed in range(1, n_seeds + 1)}
    outcomes = []
    for done, run in enumerate(as_completed(runs), start=1):
        outcome = run.result().assign(seed=runs[run])
        outcomes.append(outcome)
        held = f"{outcome['passed'].sum()} of {len(outcome)} claims hold"
        print(f"seed-{runs[run]}: {held} ({done} of {n_seeds} seeds are done)", flush=True)

    outcomes = pd.concat(outcomes)
    table = outcomes.groupby(["file", "test"], sort=False)["passed"].agg(["sum", "size"])
    table.columns = ["holds", "of"]
    print(table.to_string())
    failures = outcomes[~outcomes["passed"]]
    for failure in failures.itertuples():
        print(f"\nseed-{failure.seed}: {failure.file}, {failure.test}\n{failure.message}")
    always = (table["holds"] == table["of"]).sum()
    print(f"\n{always} of {len(table)} claims hold for all {n_seeds} seeds.")
    return failures.empty


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n_seeds", type=int, help="how many seeds: 1, 2, ..., n_seeds")
    n_seeds = parser.parse_args().n_seeds
    try:
        sys.exit(not main(n_seeds))
    except KeyboardInterrupt:
        print("\nInterrupted. Chapters and seeds that were done are kept; run it again to go on.")
        os._exit(130)
