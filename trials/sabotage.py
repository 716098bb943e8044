"""Spoil a copy of the book in one way at a time, and see that its tests notice: 'make sabotage'."""

import argparse
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from copies import ROOT, copy_book, run_tests
from sabotages import SABOTAGES, Sabotage

# The tests of what is built from the book; it is not built here.
OF_THE_SITE = [
    f"--ignore=tests/test_{name}.py" for name in ["live_figures", "notebooks", "site", "student"]
]


def spoil(sabotage: Sabotage) -> str:
    """Apply a sabotage to a copy; return what noticed it, nothing if nothing did.

    Raises ValueError if the text to replace does not stand in the file exactly once.
    """
    book = ROOT / "_build" / "sabotage" / sabotage.name.replace(" ", "-")
    copy_book(book)
    # What the sabotage leaves alone is not executed again.
    cache = book / "_build" / ".jupyter_cache"
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(ROOT / "_build" / ".jupyter_cache", cache)
    path = book / sabotage.file
    text = path.read_text("utf-8")
    if text.count(sabotage.old) != 1:
        raise ValueError(
            f"Sabotage '{sabotage.name}': its text stands {text.count(sabotage.old)} times in "
            f"{sabotage.file}, not once. Bring trials/sabotages.py up to date."
        )
    path.write_text(text.replace(sabotage.old, sabotage.new), "utf-8")
    claims = ROOT / "tests" / f"test_{path.stem.replace('-', '_')}_claims.py"
    likely = [f"tests/{name}" for name in [claims.name, "test_fits.py", "test_prose.py"]]
    for tests in [
        likely if claims.exists() else [],
        OF_THE_SITE,
    ]:  # the likely ones first, then all
        try:
            outcomes = run_tests(book, "--numprocesses=1", *tests)
        except RuntimeError as error:
            return str(error).split("\n")[-1]
        failures = outcomes.loc[~outcomes["passed"], "test"]
        if len(failures):
            return f"{len(failures)} of the tests, such as {failures.iloc[0]}"
    return ""


def main(names: list[str]) -> bool:
    """Try all sabotages, or those named, print what noticed each, and say whether all were."""
    chosen = [sabotage for sabotage in SABOTAGES if not names or sabotage.name in names]
    n_noticed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for sabotage, by in zip(chosen, pool.map(spoil, chosen), strict=True):
            print(f"{sabotage.name}: {'noticed by ' + by if by else 'NOT NOTICED'}", flush=True)
            n_noticed += bool(by)
    print(f"{n_noticed} of {len(chosen)} sabotages were noticed.")
    return n_noticed == len(chosen)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="the sabotages to try; all, if none is named")
    try:
        sys.exit(not main(parser.parse_args().names))
    except ValueError as error:
        sys.exit(str(error))
