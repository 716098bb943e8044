"""A class: its folder, its secrets, and the assignments that are made for it from the templates.

An assignment's template is public: a MyST notebook with questions, solutions, hidden tests, plausible
wrong answers, and a function that makes a world. What is secret is the world of a class, which
follows from the instructor's seed, and with it every answer.
"""

import csv
import hashlib
import json
import re
import secrets
import shutil
import warnings
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pandas as pd
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import PyFileConfigLoader

HERE = Path(__file__).parent


# nbgrader reads from objects that it has not yet added to its session, and adds them later.
warnings.filterwarnings("ignore", "Object of type <Submitted", category=SAWarning)


class CourseError(Exception):
    """Something is missing or wrong; the message says what it is and what to do."""


class Course:
    """The folder of a class. All of it is secret but release/."""

    def __init__(self, folder: Path):
        """Open a class's folder, which is made if there is none."""
        self.folder = folder.resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, *parts: str) -> Path:
        """Return a path below the folder and see that its parent exists."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def nbgrader(self) -> NbGraderAPI:
        """Return nbgrader, at work in this folder."""
        config = PyFileConfigLoader("nbgrader_config.py", str(HERE)).load_config()
        config.CourseDirectory.root = str(self.folder)
        config.Application.log_level = config.NbGraderAPI.log_level = "ERROR"
        return NbGraderAPI(CourseDirectory(config=config), config=config)

    def seed(self, given: str | None = None) -> str:
        """Return the class's seed: the one given, the one kept, or a new one, which is kept.

        Raises CourseError if another one is kept: the assignments made so far follow from it.
        """
        file = self.path("seed.txt")
        kept = file.read_text().strip() if file.exists() else None
        if given and kept and given != kept:
            raise CourseError(
                f"This class has the seed in {file} already, and its assignments follow from it. "
                "Leave --seed out, or take another --class folder."
            )
        if not kept:
            kept = given or secrets.token_urlsafe(12)
            file.write_text(f"{kept}\n")
            file.chmod(0o600)
        return kept

    def roster(self) -> pd.DataFrame:
        """Return the students, one row each, as Canvas exports its gradebook; indexed by ID.

        Raises CourseError if the file is missing or is not that.
        """
        file = self.path("roster.csv")
        if not file.exists():
            raise CourseError(
                f"There is no list of students: save the gradebook that Canvas exports as {file}, "
                "or any CSV file with the columns Student and ID."
            )
        roster = pd.read_csv(file, dtype=str, keep_default_na=False, quoting=csv.QUOTE_MINIMAL)
        if missing := {"Student", "ID"} - set(roster.columns):
            raise CourseError(f"{file} has no column {' and no column '.join(sorted(missing))}.")
        roster = roster[roster["ID"] != ""].set_index("ID", drop=False)  # not the points possible
        if bad := [name for name in roster.index if not re.fullmatch(r"[\w@-][\w.@-]*", name)]:
            raise CourseError(f"{file}: {bad[0]!r} cannot be an ID: use letters, digits, . _ - @")
        if roster.index.has_duplicates:
            twice = roster.index[roster.index.duplicated()][0]
            raise CourseError(f"{file} has the ID {twice} twice.")
        return roster

    def released(self, assignment: str) -> NotebookNode:
        """Return the notebook that students got. Raises CourseError if it was not made yet."""
        return self.read_notebook("release", assignment)

    def source(self, assignment: str) -> NotebookNode:
        """Return the notebook with solutions and hidden tests."""
        return self.read_notebook("source", assignment)

    def read_notebook(self, kind: str, assignment: str) -> NotebookNode:
        """Return a notebook of an assignment. Raises CourseError if it was not made yet."""
        file = self.path(kind, assignment, f"{assignment}.ipynb")
        if not file.exists():
            raise CourseError(f"This class has no {assignment} yet: make it first.")
        return nbformat.read(file, as_version=4)

    def world(self, assignment: str, student: str) -> Path:
        """Return the folder with the data and answers of a student, or else of the class."""
        own = self.folder / "worlds" / assignment / student
        return own if own.exists() else self.folder / "worlds" / assignment / "class"

    def files(self, assignment: str, student: str) -> dict[str, str]:
        """Return the texts of a student's data files, by name."""
        folder = self.world(assignment, student)
        return {path.name: path.read_text() for path in sorted(folder.glob("*.csv"))}

    def reference(self, assignment: str, student: str) -> dict:
        """Return the reference answers for a student's data."""
        return json.loads((self.world(assignment, student) / "reference.json").read_text())

    def result(self, assignment: str, student: str) -> dict:
        """Return what is known of a student's submission, empty if nothing is."""
        file = self.folder / "results" / assignment / f"{student}.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def keep_result(self, assignment: str, student: str, result: dict) -> None:
        """Write what is known of a student's submission, all or nothing of it."""
        file = self.path("results", assignment, f"{student}.json")
        part = file.with_suffix(".part")
        part.write_text(json.dumps(result))
        part.replace(file)


def find_template(name: str) -> Path:
    """Return the template of an assignment, given its name or the path of another template."""
    templates = {path.stem: path for path in sorted((HERE / "assignments").glob("*.md"))}
    if name in templates:
        return templates[name]
    if Path(name).suffix == ".md" and Path(name).exists():
        return Path(name)
    raise CourseError(f"There is no assignment {name}; there are {', '.join(templates)}.")


def read_template(file: Path) -> tuple[NotebookNode, str, list[dict]]:
    """Return a template's notebook, the code of its world, and its wrong answers.

    A wrong answer is a dict: cell (the grade id of the solution that it spoils), replace, by, fails
    (the grade ids of the tests that must notice) and why.
    """
    notebook = jupytext.read(file)
    world = "\n".join(cell.source for cell in notebook.cells if cell.metadata.get("world"))
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("world")]
    wrong = []
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same for the same template
        for answer in cell.metadata.pop("wrong", []):
            wrong.append({"cell": cell.metadata.nbgrader.grade_id, **answer})
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook.metadata["kernelspec"]["language"] = "python"
    return notebook, world, wrong


def questions(notebook: NotebookNode) -> dict[str, dict]:
    """Return the variables that hold the answers, by the grade id of the test that reads them."""
    return {
        cell.metadata.nbgrader.grade_id: dict(cell.metadata.answers)
        for cell in notebook.cells
        if "answers" in cell.metadata
    }


def make_world(code: str, *secret: str) -> tuple[dict[str, str], dict]:
    """Return the data files, as texts by name, and the truth that follow from a secret."""
    digest = hashlib.sha256("\n".join(secret).encode()).digest()
    rng = np.random.default_rng(list(digest))
    namespace = {"np": np, "pd": pd}
    exec(code, namespace)
    files, truth = namespace["make_world"](rng)
    texts = {name: data.to_csv(index=False) for name, data in files.items()}
    return texts, {name: float(value) for name, value in truth.items()}


def make(course: Course, template: Path, seed: str | None, students: list[str]) -> list[str]:
    """Make an assignment for a class, but for the reference answers.

    Writes source/, release/ and worlds/. students are those who get data of their own. Returns the
    names of the worlds that were made. Raises CourseError if nbgrader refuses.
    """
    assignment = template.stem
    notebook, code, _ = read_template(template)
    seed = course.seed(seed)
    shutil.rmtree(course.folder / "worlds" / assignment, ignore_errors=True)
    course.path("worlds", assignment, "template.md").write_text(template.read_text())
    worlds = ["class", *students]
    for world in worlds:
        files, truth = make_world(code, seed, assignment, world)
        for name, text in files.items():
            course.path("worlds", assignment, world, name).write_text(text)
        course.path("worlds", assignment, world, "truth.json").write_text(json.dumps(truth))
    nbformat.write(notebook, course.path("source", assignment, f"{assignment}.ipynb"))
    done = course.nbgrader.generate_assignment(assignment, force=True)
    if not done["success"]:
        raise CourseError(f"nbgrader cannot make {assignment}: {done.get('log') or done['error']}")
    return worlds
