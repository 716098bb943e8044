"""Find each student's notebook among the files that Canvas or Moodle wrote."""

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from course import Course, CourseError
from grading import LARGEST_SUBMISSION

CANVAS = re.compile(r"(?:.*/)?[^/_]*_(?:LATE_)?(?P<id>\d+)_\d+_(?P<file>[^/]+)")
MOODLE = re.compile(r"(?:.*/)?(?P<name>[^/]+)_\d+_assignsubmission_[^/]*/(?P<file>[^/]+)")


def words(name: str) -> tuple[str, ...]:
    """Return a name's words in alphabetical order: "O'Neil, Jr., Pat" is "Pat O'Neil Jr."."""
    return tuple(sorted(re.findall(r"\w+", re.sub(r"['’]", "", name).casefold())))


def printable(name: str) -> str:
    """Return a file's name in a form that every terminal and file can show."""
    return name.encode("utf-8", "backslashreplace").decode()


def entries(downloads: Path) -> Iterator[tuple[str, int, callable]]:
    """Yield path, size in bytes and a function that reads each file of a folder or an archive."""
    if downloads.is_dir():
        for path in sorted(downloads.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(downloads)), path.stat().st_size, path.read_bytes
    elif zipfile.is_zipfile(downloads):
        archive = zipfile.ZipFile(downloads)
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: archive.read(info)
    else:
        raise CourseError(f"{downloads} is neither a folder nor a .zip file.")


def owner(path: str, roster: pd.DataFrame) -> tuple[str, str] | None:
    """Return the ID of the student who handed a file in and the name they gave it, if one knows."""
    if found := MOODLE.fullmatch(path):
        same = roster.index[roster["Student"].map(words) == words(found["name"])]
        if len(same) == 1:
            return same[0], found["file"]
    elif (found := CANVAS.fullmatch(path)) and found["id"] in roster.index:
        return found["id"], found["file"]
    return None


def choose(names: list[str], assignment: str) -> str:
    """Return which of a student's files is the notebook. Raises CourseError if none can be it.

    It is the one called after the assignment; Canvas adds -1, -2, ... to later versions. One with
    another name will do if it is the only one.
    """
    notebooks = [name for name in names if name.lower().endswith(".ipynb")]
    named = re.compile(rf"{assignment}(?:-(\d+))?\.ipynb")
    if right := [name for name in notebooks if named.fullmatch(name)]:
        return max(right, key=lambda name: int(named.fullmatch(name)[1] or 0))
    if len(notebooks) == 1:
        return notebooks[0]
    others = ", ".join(map(printable, names))
    if notebooks:
        raise CourseError(f"there are several notebooks, none called {assignment}.ipynb: {others}")
    raise CourseError(f"there is no notebook, only {others}")


def collect(course: Course, assignment: str, downloads: Path) -> Iterator[str]:
    """Keep each student's newest notebook below submitted/; yield lines that say what was found.

    What cannot be used is noted as the reason why there is no grade.
    """
    roster = course.roster()
    files = defaultdict(dict)
    for path, size, read in entries(downloads):
        if match := owner(path, roster):
            student, name = match
            files[student][name] = (size, read)
        else:
            yield f"Not used, no student of the roster is in its name: {printable(path)}"
    for student, found in files.items():
        folder = course.path("submitted", student, assignment, "collected.json").parent
        notebook = folder / f"{assignment}.ipynb"
        notebook.unlink(missing_ok=True)  # an older one must not be graded in this one's place
        record = {"reason": None, "remarks": []}
        try:
            name = choose(list(found), assignment)
            size, read = found[name]
            if size > LARGEST_SUBMISSION:
                limit = LARGEST_SUBMISSION // 2**20
                raise CourseError(f"the file has {size // 2**20} MB; at most {limit} are read")
            notebook.write_bytes(read())
            if not name.startswith(assignment):
                record["remarks"].append(f"the notebook was called {printable(name)}")
        except CourseError as problem:
            record["reason"] = str(problem)
            yield f"{student}: {problem}"
        (folder / "collected.json").write_text(json.dumps(record))
    yield f"{len(files)} of {len(roster)} students handed something in."
