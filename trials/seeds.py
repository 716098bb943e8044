"""Try every claim with other seeds, and keep what they say: what 'make seeds N=30' runs.

The seeds are 1, 2, ..., N. What was executed and tested before is kept, as long as nothing that it depends
on has changed. data/seeds.json keeps the claims of each chapter, and the deviations of the tests' Monte
Carlo comparisons, for as many seeds as were tried with its present code: the tests, the ledger and
contributors read there how far a claim moves.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from pathlib import Path

import pandas as pd
from claims import read_seeds
from copies import ROOT, copy_book, read_report, run_tests
from execution import fingerprint, read_chapters

SEEDS = ROOT / "_build" / "seeds"
STORE = ROOT / "data" / "seeds.json"
TESTS = [f"tests/{path.name}" for path in sorted((ROOT / "tests").glob("test_*_claims.py"))]
TESTS += [f"tests/test_{name}.py" for name in ["chapters", "fits", "other_engines", "prose"]]


def plant(seed: int) -> Path:
    """Copy the book into a folder of its own, with another RANDOM_SEED in every chapter."""
    book = SEEDS / f"seed-{seed}"
    copy_book(book)
    for chapter in (book / "chapters").glob("*.md"):
        text = chapter.read_text("utf-8")
        new = re.sub(r"^RANDOM_SEED = \d+$", f"RANDOM_SEED = {seed}", text, flags=re.M)
        chapter.write_text(new, "utf-8")
    return book


def contents(book: Path) -> str:
    """Hash all that an outcome depends on."""
    digest = hashlib.sha256()
    for folder in ["chapters", "data", "tests", "build_tools"]:
        for path in sorted((book / folder).rglob("*")):
            if path.suffix in (".md", ".py", ".csv", ".bib") or path.name == "matplotlibrc":
                digest.update(path.relative_to(book).as_posix().encode() + path.read_bytes())
    return digest.update((book / "requirements.txt").read_bytes()) or digest.hexdigest()


def try_seed(seed: int) -> pd.DataFrame:
    """Return what the tests of claims, fits and prose say with a seed."""
    book = plant(seed)
    report, key = book / "_build" / "tests.xml", book / "_build" / "tests.key"
    if report.exists() and key.exists() and key.read_text() == contents(book):
        return read_report(report)
    key.unlink(missing_ok=True)
    try:
        outcomes = run_tests(book, *TESTS)
    except RuntimeError as error:  # a chapter fails
        outcome = {"file": "chapters", "test": "every chapter runs", "passed": False}
        return pd.DataFrame([outcome | {"message": str(error)}])
    key.write_text(contents(book))
    return outcomes


def rounded(value):
    """Return a value as it is kept."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


def chapter_of(test_file: str) -> str:
    """Return the chapter whose claims a file of tests proves."""
    return Path(test_file).stem.removeprefix("test_").removesuffix("_claims").replace("_", "-")


def gather(seeds: list[int]) -> dict:
    """Return what the store should keep of some seeds."""
    claims = {
        seed: json.loads((SEEDS / f"seed-{seed}/_build/claims.json").read_text()) for seed in seeds
    }
    compared = {
        seed: json.loads((SEEDS / f"seed-{seed}/_build/comparisons.json").read_text())
        for seed in seeds
    }
    store = {}
    for chapter, notebook in read_chapters(ROOT).items():
        comparisons = {}
        for seed in seeds:
            for entry in compared[seed]:
                file, test = entry["test"].split("::")
                if chapter in (entry["name"].split()[0], chapter_of(file)):
                    kept = comparisons.setdefault(
                        f"{entry['kind']} {test}: {entry['name']}", {"dof": [], "deviations": []}
                    )
                    kept["dof"].append(rounded(min(entry["dof"], 1e6)))
                    kept["deviations"].append(rounded(entry["deviation"]))
        keys = dict.fromkeys(key for seed in seeds for key in claims[seed][chapter])
        store[chapter] = {
            "code": fingerprint(notebook, ROOT, python="any"),
            "claims": {
                key: [rounded(claims[seed][chapter].get(key)) for seed in seeds] for key in keys
            },
            "comparisons": comparisons,
        }
    return store


def keep(new: dict) -> None:
    """Write the store; a chapter that is kept for more seeds, by the same code, stays as it is."""
    old = read_seeds(ROOT)

    def size(entry):
        return max(map(len, entry["claims"].values()), default=0)

    for chapter, entry in old.items():
        if (
            chapter in new
            and entry["code"] == new[chapter]["code"]
            and size(entry) > size(new[chapter])
        ):
            new[chapter] = entry
    text = json.dumps(new, indent=1)
    text = re.sub(r"\[[^][]*\]", lambda array: re.sub(r"\s+", " ", array[0]), text)  # a line each
    part = STORE.with_suffix(".part")
    part.write_text(text + "\n")
    part.replace(STORE)


def main(n_seeds: int) -> bool:
    """Try the seeds 1, 2, ..., n_seeds, print the table and say whether all claims hold."""
    seeds = list(range(1, n_seeds + 1))
    outcomes = []
    for seed in seeds:
        outcome = try_seed(seed).assign(seed=seed)
        outcomes.append(outcome)
        held = f"{outcome['passed'].sum()} of {len(outcome)} tests pass"
        print(f"seed-{seed}: {held} ({seed} of {n_seeds} seeds are done)", flush=True)

    outcomes = pd.concat(outcomes)
    table = outcomes.groupby(["file", "test"], sort=False)["passed"].agg(["sum", "size"])
    table.columns = ["passes", "of"]
    failing = table[table["passes"] < table["of"]]
    if len(failing):
        print(failing.to_string())
    failures = outcomes[~outcomes["passed"]]
    for failure in failures.itertuples():
        print(f"\nseed-{failure.seed}: {failure.file}, {failure.test}\n{failure.message}")
    print(f"\n{len(table) - len(failing)} of {len(table)} tests pass for all {n_seeds} seeds.")
    if "every chapter runs" not in set(outcomes["test"]):
        keep(gather(seeds))
        print(f"What the seeds said is in {STORE.relative_to(ROOT)}.")
    return failures.empty


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("n_seeds", type=int, help="how many seeds: 1, 2, ..., n_seeds")
    n_seeds = parser.parse_args().n_seeds
    try:
        sys.exit(not main(n_seeds))
    except KeyboardInterrupt:
        print("\nInterrupted. Chapters and seeds that were done are kept; run it again to go on.")
        os._exit(130)
