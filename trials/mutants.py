"""Change every claim that a passing test has read, and see that the test then fails: 'make mutants'.

'mutants.py pooling' tries the claims of one chapter. Nothing is sampled: tests run again on changed numbers.
A value is pinned if a change of 10 % to either side is noticed, loose if only doubling or halving is, and
unnoticed otherwise. The trial fails if a claim that the prose prints is unnoticed.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from copies import ROOT

RESULTS = ROOT / "_build" / "mutants"
SMALL, LARGE = {"a tenth more", "a tenth less"}, {"doubled", "halved"}
ERRORS = ("_mcse", "_se", "_ess")

TRIED, NOTICED = defaultdict(set), defaultdict(set)  # changes of each claim, by "chapter key"
READ = []  # the claims that the present test has read, as (claims of the chapter, key)


def mutants(value) -> dict:
    """Return changed values by the name of the change."""
    if isinstance(value, bool):
        return {"doubled": not value}
    if isinstance(value, str):
        return {"doubled": f"{value}x"}
    if not math.isfinite(value):
        return {}
    step, far = abs(value) / 10 or 0.1, value or 1
    if isinstance(value, int):
        step, half = max(1, round(step)), value // 2 if value else -1
    else:
        half = far / 2 if value else -1.0
    changes = {"a tenth more": value + step, "a tenth less": value - step}
    return changes | {"doubled": 2 * far, "halved": half}


def pytest_collection_modifyitems() -> None:
    """Have the claims tell what a test reads."""
    import conftest

    original = conftest.ChapterClaims.__getitem__

    def read(claims, key):
        READ.append((claims, key))
        return original(claims, key)

    def read_all(claims):
        READ.extend((claims, key) for key in claims)
        return dict.items(claims)

    conftest.ChapterClaims.__getitem__, conftest.ChapterClaims.items = read, read_all


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Run a test that has passed again, once for each change of what it has read."""
    READ.clear()
    outcome = yield
    for claims, key in {(id(claims), key): (claims, key) for claims, key in READ}.values():
        name, value = f"{claims.chapter} {key}", dict.__getitem__(claims, key)
        for change, changed in mutants(value).items():
            if change in NOTICED[name]:
                continue
            TRIED[name].add(change)
            dict.__setitem__(claims, key, changed)
            try:
                item.runtest()
            except (Exception, pytest.fail.Exception):
                NOTICED[name].add(change)
            finally:
                dict.__setitem__(claims, key, value)
    return outcome


def pytest_sessionfinish(session) -> None:
    """Write what was tried and noticed."""
    text = json.dumps({name: [sorted(TRIED[name]), sorted(NOTICED[name])] for name in TRIED})
    Path(os.environ["MUTANTS"]).write_text(text)


def try_file(test: Path) -> dict:
    """Return the changes tried and noticed, by claim, with the tests of one file."""
    result = RESULTS / f"{test.stem}.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "mutants", test]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "MUTANTS": str(result)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if not result.exists() or done.returncode:
        raise RuntimeError(f"{test.name} fails before anything is changed:\n{done.stdout}")
    print(f"{test.name}: done", flush=True)
    return json.loads(result.read_text())


def grade(tried: set, noticed: set) -> str:
    """Return how well a claim is guarded."""
    if noticed >= tried & SMALL and tried & SMALL:
        return "pinned"
    return "loose" if noticed >= tried & LARGE else "unnoticed"


def main(chapters: list[str]) -> bool:
    """Print a table by chapter and what is unnoticed; say whether all that is printed is guarded."""
    from prose import read_blocks  # not for pytest, which also reads this module

    names = chapters or [path.stem for path in sorted((ROOT / "chapters").glob("*.md"))]
    files = [ROOT / "tests" / f"test_{name.replace('-', '_')}_claims.py" for name in names]
    files = [file for file in files if file.exists()]
    RESULTS.mkdir(parents=True, exist_ok=True)
    shared = [ROOT / "tests" / f"test_{name}.py" for name in ["other_engines", "fits", "seeds"]]
    tried, noticed = defaultdict(set), defaultdict(set)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(try_file, [*files, *shared]):
            for claim, (some, of_them) in result.items():
                tried[claim] |= set(some)
                noticed[claim] |= set(of_them)
    rows = []
    for claim in tried:
        chapter, key = claim.split()
        if chapter not in names:
            continue
        blocks = read_blocks(ROOT / "chapters" / f"{chapter}.md")
        printed = key in {match["key"] for block in blocks for match in block.claims}
        kind = "error" if key.endswith(ERRORS) else "printed" if printed else "not printed"
        rows.append((chapter, key, kind, grade(tried[claim], noticed[claim])))
    table = pd.DataFrame(rows, columns=["chapter", "claim", "kind", "guard"])
    print(pd.crosstab([table["chapter"], table["kind"]], table["guard"], margins=True).to_string())
    unnoticed = table[table["guard"] == "unnoticed"]
    for row in unnoticed.itertuples():
        print(f"Unnoticed even when doubled or halved: {row.chapter}, {row.claim} ({row.kind})")
    return "printed" not in set(unnoticed["kind"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", nargs="*", help="as pooling; all, if none is named")
    try:
        sys.exit(not main(parser.parse_args().chapters))
    except RuntimeError as error:
        sys.exit(str(error))
