"""Try the newest versions that requirements.in allows, in an environment of their own: 'make canary'."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from copies import ROOT, copy_book, run_tests

CANARY = ROOT / "_build" / "canary"
UV = Path(sys.executable).with_name("uv")


def versions(lock: Path) -> dict[str, str]:
    """Return the version of each package in a lock."""
    return dict(re.findall(r"^(\S+?)==(\S+)", lock.read_text("utf-8"), flags=re.M))


def resolve(lock: Path) -> None:
    """Write a lock with the newest versions."""
    command = [UV, "pip", "compile", "requirements.in", "--output-file", lock, "--upgrade"]
    options = ["--universal", "--python-version", "3.12", "--generate-hashes", "--quiet"]
    subprocess.run([*command, *options], cwd=ROOT, check=True)


def install(lock: Path) -> Path:
    """Install a lock into a new environment and return its Python."""
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, CANARY / "venv"], check=True)
    (python,) = [*CANARY.glob("venv/bin/python"), *CANARY.glob("venv/Scripts/python.exe")]
    command = [UV, "pip", "install", "--quiet", "--python", python, "--requirement", lock]
    subprocess.run(command, check=True)
    return python


def main() -> bool:
    """Print what is new and what breaks, and say whether nothing does."""
    shutil.rmtree(CANARY, ignore_errors=True)
    book = CANARY / "book"
    copy_book(book)
    resolve(book / "requirements.txt")
    old, new = versions(ROOT / "requirements.txt"), versions(book / "requirements.txt")
    changed = {name: (old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    for name, (before, after) in changed.items():
        print(f"{name}: {before or 'not needed'} -> {after or 'not needed'}", flush=True)
    if not changed:
        print("Nothing is newer than the lock.")
        return True

    python = install(book / "requirements.txt")
    site = subprocess.run([python, "build_tools/book.py"], cwd=book)
    if site.returncode:
        print("The book breaks; see above.")
        return False
    outcomes = run_tests(book, python=python)
    failures = outcomes[~outcomes["passed"]]
    for failure in failures.itertuples():
        print(f"\n{failure.file}, {failure.test}\n{failure.message}")
    print(f"\n{len(failures)} of {len(outcomes)} tests fail with {len(changed)} changed versions.")
    return failures.empty


if __name__ == "__main__":
    sys.exit(not main())
