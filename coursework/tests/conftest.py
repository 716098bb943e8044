"""A class that lives through the whole week, once for all tests."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from pdf import find_chromium
from submissions import make_class

HERE = Path(__file__).parent
WEEK = [sys.executable, str(HERE.parent / "week.py")]


def run_week(folder, *arguments, check=True, **more):
    """Run a command of the week for the class in a folder."""
    done = subprocess.run(
        [*WEEK, *map(str, arguments), "--class", str(folder)],
        capture_output=True,
        text=True,
        **more,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class MadeUpClass:
    """A class's folder, its students by name, and what the commands printed."""

    def __init__(self, folder):
        self.folder, self.printed = folder, {}

    def week(self, command, *arguments, **more):
        done = run_week(self.folder, command, *arguments, **more)
        self.printed[command] = done.stdout + done.stderr
        return done

    def report(self, name="small"):
        return pd.read_csv(
            self.folder / f"report-{name}.csv", index_col="Student", dtype={"ID": str}
        )

    def write_roster(self, names):
        """Write the students as Canvas exports them."""
        self.ids = {name: str(1000 + number) for number, name in enumerate(names)}
        with (self.folder / "roster.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "small (77)"]
            )
            writer.writerow(["    Points Possible", "", "", "", "", "9"])
            for name, student in self.ids.items():
                writer.writerow([name, student, f"s{student}", f"{student}@example.edu", "1", ""])

    def write_downloads(self, students, folder):
        """Write the files as Canvas packs them."""
        folder.mkdir()
        for name, student in students.items():
            short = "".join(filter(str.isalnum, name.lower()))
            for file, content in student.files.items():
                (folder / f"{short}_{self.ids[name]}_5000_{file}").write_bytes(content)
        (folder / "readme.txt").write_text("not a submission")
        return folder


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, browser_type):
    """Return how pytest-playwright starts its browser: Chromium, the system's if there is one."""
    found = find_chromium()
    if not found and not Path(browser_type.executable_path).exists():
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("There is no Chromium: install it, or name it in the environment variable CHROMIUM.")
    return browser_type_launch_args | {"executable_path": found}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return a class with an assignment that is made, checked and released."""
    made = MadeUpClass(tmp_path_factory.mktemp("class"))
    made.week("make", HERE / "small.md", "--seed", "a secret")
    made.week("check", "small")
    made.week("release", "small")
    shutil.copytree(made.folder, made.folder.with_name("pristine"))
    return made


@pytest.fixture(scope="session")
def released(made):
    """Return the notebook in the package that students get."""
    with zipfile.ZipFile(made.folder / "release" / "small.zip") as package:
        return json.loads(package.read("small/small.ipynb"))


@pytest.fixture(scope="session")
def server():
    """Listen on this machine for a notebook that gets out; return a list of who called."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(scope="session")
def graded(made, released, server, tmp_path_factory):
    """Return the class after everybody's submission was collected and graded."""
    made.students = make_class(released, made.folder, server.getsockname()[1])
    made.write_roster(made.students)
    downloads = made.write_downloads(made.students, tmp_path_factory.mktemp("canvas") / "files")
    made.week("collect", "small", downloads)
    made.week("autograde", "small", "--cell-seconds", 90)
    return made
