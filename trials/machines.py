"""Imitate other machines, and test the book on each: 'make machines', after 'make book'.

The same lock and the same seed give other draws there. 'machines.py python3.13' adds another Python.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from claims import monte_carlo_error
from copies import ROOT, copy_book, run_tests
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

FAST = " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))
MACHINES = {
    "plain-processor": {"NUMBA_CPU_NAME": "generic"},
    "other-blas": {"OPENBLAS_CORETYPE": "Nehalem"},
    "slow-numpy": {"NPY_DISABLE_CPU_FEATURES": FAST},
}
UV = Path(sys.executable).with_name("uv")
# The tests of what is built from the book; it is not built here.
OF_THE_SITE = [
    f"--ignore=tests/test_{name}.py" for name in ["live_figures", "notebooks", "site", "student"]
]


def read_claims(book: Path) -> dict[tuple[str, str], float]:
    """Return the numbers that the chapters of a book claim, by chapter and key."""
    claims = json.loads((book / "_build" / "claims.json").read_text())
    return {
        (chapter, key): value
        for chapter, values in claims.items()
        for key, value in values.items()
        if isinstance(value, float)
    }


def moves(here: dict, there: dict) -> list[float]:
    """Return by how many Monte Carlo errors of a difference claims moved, for those that have one."""
    by_chapter = {}
    for (chapter, key), value in here.items():
        by_chapter.setdefault(chapter, {})[key] = value
    found = []
    for (chapter, key), value in here.items():
        error = monte_carlo_error(key, by_chapter[chapter])
        if error and not key.endswith("_mcse"):
            found.append(abs(there[chapter, key] - value) / (error * np.sqrt(2)))
    return found


def install(python: str) -> Path:
    """Install the lock for another Python and return its executable."""
    venv = ROOT / "_build" / "machines" / f"venv-{Path(python).name}"
    subprocess.run([UV, "venv", "--quiet", "--clear", "--python", python, venv], check=True)
    (executable,) = [*venv.glob("bin/python"), *venv.glob("Scripts/python.exe")]
    command = [UV, "pip", "install", "--quiet", "--python", executable]
    subprocess.run([*command, "--requirement", ROOT / "requirements.txt"], check=True)
    return executable


def main(pythons: list[str]) -> bool:
    """Test the book on each machine, print how far claims moved, and say whether all is green."""
    machines = {name: (variables, sys.executable) for name, variables in MACHINES.items()}
    machines |= {Path(python).name: ({}, install(python)) for python in pythons}
    here, green = read_claims(ROOT), True
    for name, (variables, python) in machines.items():
        book = ROOT / "_build" / "machines" / name
        copy_book(book)
        os.environ |= variables  # for the kernels and the tests alike
        outcomes = run_tests(book, *OF_THE_SITE, python=Path(python))
        for variable in variables:
            del os.environ[variable]
        there = read_claims(book)
        moved = np.mean([there[key] != value for key, value in here.items()])
        off = np.array(moves(here, there))
        failures = outcomes[~outcomes["passed"]]
        print(
            f"{name}: {moved:.0%} of the claims moved, by up to {off.max():.1f} errors, root mean "
            f"square {np.sqrt(np.mean(off**2)):.2f}; {len(failures)} of {len(outcomes)} tests fail",
            flush=True,
        )
        for failure in failures.itertuples():
            print(f"\n{failure.file}, {failure.test}\n{failure.message}")
        green = green and failures.empty
    return green


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
