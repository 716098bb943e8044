"""The commands of a teacher's week. README.md, beside this file, tells how they are used."""

import argparse
import copy
import hashlib
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import hand_grading
import nbformat
import pandas as pd
import sandbox
from collecting import collect
from course import HERE, Course, CourseError, find_template, make, questions, read_template
from distributed import Client, LocalCluster, as_completed
from grading import UnreadableError, fill_in, grade_id, judge_all, read_submission, restore, visible
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry

NOTHING = "handed nothing in"


def run(*job) -> dict:
    """Run a notebook on a worker, which gets this function by value, as all of the main module."""
    return sandbox.run(*job)


def run_all(jobs: dict[str, tuple], options: argparse.Namespace) -> Iterator[tuple[str, dict]]:
    """Run notebooks in sandboxes, as many at a time as there are workers; yield what each left.

    jobs are (notebook, questions, files) by name. Raises SandboxError if there is no sandbox.
    """
    if not jobs:
        return
    if options.no_sandbox:
        print("WARNING: without a sandbox, the notebooks run with your own rights.")
    elif not options.scheduler:
        sandbox.check_sandbox()
    limits = {"cell_seconds": options.cell_seconds, "notebook_seconds": options.notebook_seconds}
    workers = {"n_workers": 1, "threads_per_worker": options.workers, "processes": False}
    cloudpickle.register_pickle_by_value(sandbox)  # other machines need no copy of this folder
    local = {"memory_limit": 0, "dashboard_address": "localhost:0"}
    cluster = options.scheduler or LocalCluster(**workers, **local)
    with Client(cluster) as client:
        start = time.monotonic()
        futures = {
            client.submit(run, *job, limits, not options.no_sandbox, pure=False): name
            for name, job in jobs.items()
        }
        for done, future in enumerate(as_completed(futures), 1):
            yield futures[future], future.result()
            left = (time.monotonic() - start) / done * (len(jobs) - done) / 60
            print(f"  {done} of {len(jobs)} notebooks, {left:.1f} minutes left", flush=True)


def command_make(course: Course, options: argparse.Namespace) -> None:
    """Make an assignment and its reference answers from the instructor's seed."""
    template = find_template(options.assignment)
    name = template.stem
    students = list(course.roster().index) if options.per_student else []
    worlds = make(course, template, options.seed, students)
    notebook = course.source(name)
    asked = questions(notebook)
    for variables in asked.values():  # the solution also keeps draws, to know its errors by
        variables |= {f"{variable}_draws": None for variable in variables}
    jobs = {world: (visible(notebook), asked, course.files(name, world)) for world in worlds}
    for world, result in run_all(jobs, options):
        answers = result["answers"]
        for variables in questions(notebook).values():
            for variable in variables:
                kind = answers.get(variable, {}).get("kind", "missing")
                if result["end"] != "done" or kind not in ("numbers", "model", "fit"):
                    raise CourseError(
                        f"The solution of {name} fails for this seed: {variable} is {kind} "
                        f"({result['end']}). Mend {template} or take another seed."
                    )
        file = course.path("worlds", name, world, "reference.json")
        file.write_text(json.dumps(answers))
    print(f"Made {name} in {course.folder}. Now check it.")


def variants(course: Course, name: str) -> dict[str, tuple[NotebookNode, set[str] | None]]:
    """Return notebooks to check an assignment with, and the tests that each should fail.

    They are the solution with another random seed, the untouched notebook (None: it should get no
    point) and the solution with each of the wrong answers.
    """
    solution = visible(course.source(name))
    other = copy.deepcopy(solution)
    for cell in other.cells:
        cell.source = cell.source.replace("RANDOM_SEED = 1", "RANDOM_SEED = 2")
    notebooks = {
        "the solution": (other, set()),
        "the untouched notebook": (course.released(name), None),
    }
    for wrong in read_template(course.folder / "worlds" / name / "template.md")[2]:
        notebook = copy.deepcopy(solution)
        (cell,) = [cell for cell in notebook.cells if grade_id(cell) == wrong["cell"]]
        if wrong["replace"] not in cell.source:
            raise CourseError(
                f"assignments/{name}.md: {wrong['cell']} has no {wrong['replace']!r}."
            )
        cell.source = cell.source.replace(wrong["replace"], wrong["by"])
        notebooks[f"{wrong['cell']}: {wrong['why']}"] = (notebook, set(wrong["fails"]))
    return notebooks


def command_check(course: Course, options: argparse.Namespace) -> None:
    """See that the solution passes, the stub gets nothing and wrong answers fail where they should."""
    name = options.assignment
    notebooks = variants(course, name)
    source, files = course.source(name), course.files(name, "class")
    reference, asked = course.reference(name, "class"), questions(source)
    jobs = {label: (notebook, asked, files) for label, (notebook, _) in notebooks.items()}
    problems = []
    for label, result in run_all(jobs, options):
        checks = judge_all(source, result["answers"], reference)
        failed = {test for test, check in checks.items() if check.points < check.possible}
        expected = notebooks[label][1]
        points = sum(check.points for check in checks.values())
        if expected is None:
            right = points == 0
        else:
            right = failed == expected
        print(f"  {'right' if right else 'WRONG'}: {label}: {points} points", flush=True)
        if not right:
            problems.append(label)
            print("\n".join(f"    {m}" for check in checks.values() for m in check.messages))
    for cell in source.cells:
        if grade_id(cell) in asked:
            possible = judge_all(source, {}, reference)[grade_id(cell)].possible
            if possible != cell.metadata.nbgrader.points:
                problems.append(f"{grade_id(cell)}: its hidden tests give {possible} points")
    if problems:
        raise CourseError(f"{name} must not be released: {'; '.join(problems)}.")
    course.path("worlds", name, "checked").touch()
    print(f"{name} can be released.")


def command_release(course: Course, options: argparse.Namespace) -> None:
    """Pack what students get: the notebook and the data, for each student or for all."""
    name = options.assignment
    if not course.path("worlds", name, "checked").exists():
        raise CourseError(f"Check {name} first: ./week check {name}")
    notebook = course.path("release", name, f"{name}.ipynb").read_bytes()
    worlds = [path.name for path in (course.folder / "worlds" / name).iterdir() if path.is_dir()]
    for world in sorted(worlds) if len(worlds) == 1 else sorted(set(worlds) - {"class"}):
        label = name if world == "class" else f"{name}-{world}"
        package = course.path("release", f"{label}.zip")
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"{name}/{name}.ipynb", notebook)
            for data, text in course.files(name, world).items():
                file.writestr(f"{name}/{data}", text)
        print(f"Give to {'your students' if world == 'class' else world}: {package}")


def command_collect(course: Course, options: argparse.Namespace) -> None:
    """Take the notebooks out of a folder or an archive that Canvas or Moodle made."""
    for line in collect(course, options.assignment, options.downloads):
        print(line)


def fingerprint(job: tuple, options: argparse.Namespace) -> str:
    """Return a key that changes with all that a submission's result depends on."""
    limits = [options.cell_seconds, options.notebook_seconds, options.no_sandbox]
    locks = [(folder / "requirements.txt").read_text() for folder in (HERE, HERE.parent)]
    text = json.dumps([job, limits, sandbox.PROGRAMS, locks], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def command_autograde(course: Course, options: argparse.Namespace) -> None:
    """Run and grade what was handed in and not graded yet, and report on everybody."""
    name = options.assignment
    roster, released = course.roster(), course.released(name)
    asked = questions(released)
    jobs, prepared = {}, {}
    for student in roster.index:
        folder = course.folder / "submitted" / student / name
        if not folder.exists():
            continue
        try:
            collected = json.loads((folder / "collected.json").read_text())
            if collected["reason"]:
                raise UnreadableError(collected["reason"])
            notebook, remarks = restore(read_submission(folder / f"{name}.ipynb"), released)
            remarks = collected["remarks"] + remarks
        except UnreadableError as problem:
            course.keep_result(name, student, {"reason": str(problem), "remarks": []})
            continue
        job = (notebook, asked, course.files(name, student))
        key = fingerprint(job, options)
        if course.result(name, student).get("key") != key:
            jobs[student], prepared[student] = job, (key, remarks)
    print(f"{len(jobs)} notebooks to run, {options.workers} at a time.")
    for student, result in run_all(jobs, options):
        key, remarks = prepared[student]
        executed = fill_in(jobs[student][0], result.pop("outputs"))
        file = course.path("executed", student, name, f"{name}.ipynb")
        nbformat.write(executed, file)
        result["remarks"] = [*remarks, *result["remarks"]]
        course.keep_result(name, student, result | {"key": key, "reason": None})
    source = nbformat.writes(course.source(name))
    for student in roster.index:
        result = course.result(name, student)
        if not result.get("key"):
            continue
        # Points also depend on the hidden tests and on the reference.
        reference = json.dumps(course.reference(name, student))
        basis = hashlib.sha256("".join([result["key"], source, reference]).encode()).hexdigest()
        mark = course.path("results", name, f"{student}.graded")
        if mark.exists() and mark.read_text() == basis:
            continue
        mark.unlink(missing_ok=True)
        done = course.nbgrader.autograde(name, student, force=True, create=True)
        if done["success"]:
            mark.write_text(basis)
        else:
            result["reason"] = "nbgrader could not grade it: " + done.get("log", "")[-500:]
            course.keep_result(name, student, result | {"key": None})
    table = report(course, name)
    table.to_csv(course.path(f"report-{name}.csv"))
    print(table[["Student", "status", "points"]].to_string())
    print(f"Remarks and reasons: {course.path(f'report-{name}.csv')}")


def report(course: Course, name: str) -> pd.DataFrame:
    """Return a row for each student: status, points, whether hand grades are due, and remarks."""
    rows = []
    with Gradebook(f"sqlite:///{course.folder}/gradebook.db") as gradebook:
        for student, row in course.roster().iterrows():
            result = course.result(name, student)
            status, points, waiting = NOTHING, None, False
            if result.get("reason"):
                status = f"not graded: {result['reason']}"
            elif result:
                end = result["end"]
                status = "graded" if end == "done" else f"graded up to where {end}"
                try:
                    submission = gradebook.find_submission(name, student)
                    points, waiting = submission.score, submission.needs_manual_grade
                except MissingEntry:
                    status = "not graded: run autograde again"
            rows.append(
                {
                    "ID": student,
                    "Student": row["Student"],
                    "status": status,
                    "points": points,
                    "hand grades due": waiting,
                    "remarks": "; ".join(result.get("remarks", [])),
                }
            )
    return pd.DataFrame(rows).set_index("ID")


def command_hand_grade(course: Course, options: argparse.Namespace) -> None:
    """Open nbgrader's formgrader in the browser, for what a person must judge."""
    hand_grading.serve(course, options.assignment, options.port, options.browser)


def command_feedback(course: Course, options: argparse.Namespace) -> None:
    """Write a page for each student: the notebook, points and comments, without hidden tests."""
    name = options.assignment
    for student, row in report(course, name).iterrows():
        if row["points"] is None or pd.isna(row["points"]):
            continue
        done = course.nbgrader.generate_feedback(name, student, force=True)
        if not done["success"]:
            raise CourseError(f"{student}: {done.get('log') or done['error']}")
        print(course.folder / "feedback" / student / name / f"{name}.html")


def command_export(course: Course, options: argparse.Namespace) -> None:
    """Write the grades in the layout that Canvas imports; blank where there is none."""
    name = options.assignment
    table, roster = report(course, name), course.roster()
    titles = [column for column in roster if column.split(" (")[0] == name]
    title = titles[0] if titles else name
    identity = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    grades = roster[[column for column in identity if column in roster]].copy()
    grades[title] = table["points"].where(~table["hand grades due"])
    possible = sum(
        cell.metadata.nbgrader.get("points", 0)
        for cell in course.source(name).cells
        if grade_id(cell)
    )
    first = pd.DataFrame([{"Student": "    Points Possible", title: possible}])
    file = course.path(f"grades-{name}.csv")
    pd.concat([first, grades])[grades.columns].to_csv(file, index=False)
    for student, row in table.iterrows():
        if row["hand grades due"] or row["status"] != "graded":
            due = "waits for hand grades, " if row["hand grades due"] else ""
            print(f"{row['Student']} ({student}): {due}{row['status']}")
    print(f"Import into Canvas: {file}")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command and its options."""
    parser = argparse.ArgumentParser(prog="week", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, function in COMMANDS.items():
        sub = commands.add_parser(command, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(function=function)
        sub.add_argument("assignment", help="its name, as pooling")
        sub.add_argument("--class", dest="folder", type=Path, default=HERE / "class")
        if command == "make":
            sub.add_argument("--seed", help="the class's secret; without it, one is invented")
            sub.add_argument("--per-student", action="store_true", help="own data for each student")
        if command == "collect":
            sub.add_argument("downloads", type=Path, help="a folder or a .zip file")
        if command == "hand-grade":
            sub.add_argument("--port", type=int, help=f"else {hand_grading.PORT} or the next free")
            sub.add_argument("--no-browser", dest="browser", action="store_false")
        if command in ("make", "check", "autograde"):
            sub.add_argument("--workers", type=int, default=os.cpu_count())
            sub.add_argument("--scheduler", help="the address of a Dask scheduler, tcp://...")
            sub.add_argument("--no-sandbox", action="store_true", help="trust the notebooks")
            for limit in ("cell_seconds", "notebook_seconds"):
                option = f"--{limit.replace('_', '-')}"
                sub.add_argument(option, type=int, default=sandbox.LIMITS[limit])
    return parser.parse_args(arguments)


COMMANDS = {
    "make": command_make,
    "check": command_check,
    "release": command_release,
    "collect": command_collect,
    "autograde": command_autograde,
    "hand-grade": command_hand_grade,
    "feedback": command_feedback,
    "export": command_export,
}

if __name__ == "__main__":
    # nbgrader calls a program that is installed beside Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    options = parse()
    try:
        options.function(Course(options.folder), options)
    except (CourseError, sandbox.SandboxError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("Interrupted. What was done is kept; the same command goes on from there.")
        os._exit(130)  # sandboxes end with this process
