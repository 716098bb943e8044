"""How many submissions a minute are graded, with one worker and with two: 60 made-up students."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from conftest import HERE, MadeUpClass
from submissions import Student, file, solve
from test_week import grades

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = MadeUpClass(Path(folder) / "made")
        made.week("make", HERE / "small.md")
        released = json.loads((made.folder / "release/small/small.ipynb").read_text())
        students = {
            f"Student, {number}": Student(file(solve(released, f"average = {number}")), 3)
            for number in range(60)
        }
        made.write_roster(students)
        made.week("collect", "small", made.write_downloads(students, Path(folder) / "files"))
        found = []
        for workers in map(int, sys.argv[1:] or [1, 2]):
            copy = MadeUpClass(Path(folder) / f"workers-{workers}")
            shutil.copytree(made.folder, copy.folder)
            start = time.monotonic()
            copy.week("autograde", "small", "--workers", workers)
            minutes = (time.monotonic() - start) / 60
            print(f"{workers} workers: {60 / minutes:.1f} submissions a minute", flush=True)
            found.append(grades(copy.folder))
        assert all(one == found[0] for one in found), "the gradebooks differ"
