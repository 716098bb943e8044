"""The whole week, from making an assignment to the grades, with a class that tries everything."""

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from conftest import HERE, WEEK, MadeUpClass, run_week
from nbgrader.api import Gradebook
from submissions import Student, file, solve


def grades(folder):
    """Return all that the gradebook says, as {(student, cell): (auto, manual, to be looked at)}."""
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        return {
            (submission.student_id, grade.name): (
                grade.auto_score,
                grade.manual_score,
                grade.needs_manual_grade,
            )
            for submission in gradebook.assignment_submissions("small")
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def outputs(notebook):
    """Return what the cells of a notebook printed."""
    return [
        "".join(output.get("text", ""))
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
    ]


def test_release_has_no_hidden_test_no_solution_and_no_wrong_answer(released):
    text = json.dumps(released)
    for secret in ["HIDDEN", "SOLUTION", "check.", "mean()", "best guess", "wrong", "make_world"]:
        assert secret not in text


def test_everybody_gets_what_is_due(graded):
    report = graded.report()
    problems = {
        name: report.loc[name].to_dict()
        for name, student in graded.students.items()
        if not (
            (report.loc[name, "points"] == student.points)
            or (pd.isna(report.loc[name, "points"]) and student.points is None)
        )
        or student.reason not in report.loc[name, "status"]
        or student.remark not in str(report.loc[name, "remarks"])
    }
    assert not problems


def test_a_zero_that_nobody_explains_is_one_that_was_earned(graded):
    report = graded.report()
    assert list(report.index[report["points"] == 0]) == ["Untouched, Uwe"]


def test_sandbox_shows_no_secret_and_no_network(graded, server):
    executed = {
        path: path.read_text() for path in (graded.folder / "executed").glob("*/small/*.ipynb")
    }
    assert len(executed) > 20
    shown = {path: "".join(outputs(json.loads(text))) for path, text in executed.items()}
    assert {path: text for path, text in shown.items() if "FOUND" in text} == {}
    assert sum("hidden: " in text for text in shown.values()) == 1
    assert sum("no network:" in text for text in shown.values()) >= 1
    assert sum("no gradebook:" in text for text in shown.values()) >= 1
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.accept()


def test_second_run_runs_nothing_and_changes_nothing(graded):
    before = grades(graded.folder)
    done = graded.week("autograde", "small", "--cell-seconds", 90)
    assert "0 notebooks to run" in done.stdout
    assert grades(graded.folder) == before


def test_files_that_nobody_owns_are_named(graded):
    assert (
        "Not used, no student of the roster is in its name: readme.txt" in graded.printed["collect"]
    )


@pytest.fixture(scope="module")
def hand_graded(graded):
    """Return the class after a person has judged two of the written answers."""
    with Gradebook(f"sqlite:///{graded.folder}/gradebook.db") as gradebook:
        for name, score in {"O'Neil, Jr., Pat": 3, "Script, Sue": 2}.items():
            grade = gradebook.find_grade("words", "small", "small", graded.ids[name])
            grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.db.commit()
    graded.week("feedback", "small")
    graded.week("export", "small")
    return graded


def test_export_is_what_canvas_imports(hand_graded):
    with (hand_graded.folder / "grades-small.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.reader(table))
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "small (77)"]
    assert rows[0] == header
    assert rows[1] == ["    Points Possible", "", "", "", "", "9.0"]
    score = {row[0]: row[-1] for row in rows[2:]}
    assert list(score) == list(hand_graded.students)
    assert score["O'Neil, Jr., Pat"] == "8.0"
    assert score["Absent, Al"] == score["Json, Jo"] == "", "no notebook is no zero"
    assert score["Untouched, Uwe"] == "0.0"
    assert score["Right, Ada"] == "", "nobody has judged her sentence yet"
    assert "Right, Ada (1000): waits for hand grades" in hand_graded.printed["export"]


def test_feedback_shows_points_but_no_hidden_test_and_no_script(hand_graded):
    pages = {
        path: path.read_text()
        for path in (hand_graded.folder / "feedback").rglob("*")
        if path.is_file()
    }
    assert all(path.suffix == ".html" for path in pages)
    page = pages[
        hand_graded.folder / "feedback" / hand_graded.ids["Script, Sue"] / "small/small.html"
    ]
    assert "2 of 2: average" in page
    assert "An answer." in page
    for text in pages.values():
        assert "HIDDEN" not in text
        assert "check.number" not in text
        assert "document.title = 'owned'</script>" not in text
        assert "onerror" not in text.replace("&lt;img src=x onerror=alert(1)&gt;", "")


@pytest.fixture
def honest(made, released, tmp_path):
    """Return a class of four honest students who have handed something in."""
    shutil.copytree(made.folder.with_name("pristine"), tmp_path / "class")
    honest = MadeUpClass(tmp_path / "class")
    students = {
        f"Student, {number}": Student(file(solve(released, number=f"average = {number}")), 3)
        for number in range(4)
    }
    honest.write_roster(students)
    honest.week("collect", "small", honest.write_downloads(students, tmp_path / "files"))
    return honest


def test_interrupted_run_goes_on_where_it_was(honest):
    command = [*WEEK, "autograde", "small", "--workers", "1", "--class", str(honest.folder)]
    listen = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    }  # as in a terminal
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **listen)
    while "1 of 4" not in run.stdout.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    assert "the same command goes on" in run.communicate(timeout=60)[0]
    done = honest.week("autograde", "small")
    assert "4 notebooks to run" not in done.stdout
    assert list(honest.report()["points"]) == [3, 3, 3, 3]


def test_scheduler_gives_the_same_gradebook(honest, tmp_path):
    plain = tmp_path / "plain"
    shutil.copytree(honest.folder, plain)
    run_week(plain, "autograde", "small", "--workers", "1")
    address = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    file_option = ["--scheduler-file", str(address)]
    ports = ["--port", "0", "--dashboard-address", ":0"]
    elsewhere = {"cwd": tmp_path, "stderr": subprocess.DEVNULL}  # where no code of ours is
    scheduler = subprocess.Popen([*dask, "scheduler", *ports, *file_option], **elsewhere)
    workers = subprocess.Popen(
        [*dask, "worker", *file_option, "--nworkers", "2", "--nthreads", "1"], **elsewhere
    )
    try:
        while not address.exists():
            time.sleep(0.2)
        honest.week("autograde", "small", "--scheduler", json.loads(address.read_text())["address"])
    finally:
        workers.terminate()
        scheduler.terminate()
    assert grades(honest.folder) == grades(plain)


def test_new_submission_replaces_the_grade_and_a_broken_one_leaves_none(honest, released, tmp_path):
    honest.week("autograde", "small")
    better = {
        "Student, 0": Student(file(solve(released), "small-1.ipynb"), 5),
        "Student, 1": Student({"small-1.ipynb": b"{"}, None),
    }
    honest.week("collect", "small", honest.write_downloads(better, tmp_path / "later"))
    done = honest.week("autograde", "small")
    assert "1 notebooks to run" in done.stdout
    report = honest.report()
    assert report.loc["Student, 0", "points"] == 5
    assert pd.isna(report.loc["Student, 1", "points"])
    assert "not JSON" in report.loc["Student, 1", "status"]
    assert report.loc["Student, 2", "points"] == 3


def test_without_bubblewrap_nothing_runs_unless_told_so(made, tmp_path):
    done = run_week(made.folder, "check", "small", check=False, env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "bwrap is not installed" in done.stderr
    assert "--no-sandbox" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_sandbox_grades_are_the_same_and_the_risk_is_said(honest):
    done = honest.week("autograde", "small", "--no-sandbox")
    assert "WARNING: without a sandbox" in done.stdout
    assert list(honest.report()["points"]) == [3, 3, 3, 3]


def test_moodle_downloads_are_found_by_the_students_names(honest, released, tmp_path):
    folders = {
        "1, Student_81_assignsubmission_file_": "Student, 1",
        "Student 2_82_assignsubmission_file": "Student, 2",
        "Someone Else_83_assignsubmission_file": None,
    }
    for folder in folders:
        (tmp_path / "moodle" / folder).mkdir(parents=True)
        (tmp_path / "moodle" / folder / "small.ipynb").write_text(folder)
    done = honest.week("collect", "small", tmp_path / "moodle")
    for folder, student in folders.items():
        if student:
            kept = honest.folder / "submitted" / honest.ids[student] / "small" / "small.ipynb"
            assert kept.read_text() == folder
        else:
            assert folder in done.stdout
    assert "2 of 4 students handed something in" in done.stdout


def test_each_student_can_have_data_of_their_own(tmp_path):
    made = MadeUpClass(tmp_path / "class")
    made.folder.mkdir()
    made.write_roster(["Own, Olga", "Copied, Carl"])
    made.week("make", HERE / "small.md", "--seed", "a secret", "--per-student")
    made.week("check", "small")
    made.week("release", "small")
    packages = {}
    for name, student in made.ids.items():
        with zipfile.ZipFile(made.folder / "release" / f"small-{student}.zip") as package:
            packages[name] = {Path(file).name: package.read(file) for file in package.namelist()}
    olga, carl = packages.values()
    assert olga["data.csv"] != carl["data.csv"]
    average = pd.read_csv(io.BytesIO(olga["data.csv"]))["y"].mean()
    answered = {
        "Own, Olga": Student(file(solve(json.loads(olga["small.ipynb"]))), 5),
        "Copied, Carl": Student(
            file(solve(json.loads(carl["small.ipynb"]), number=f"average = {average}")), 3
        ),
    }
    made.week("collect", "small", made.write_downloads(answered, tmp_path / "files"))
    made.week("autograde", "small")
    assert made.report()["points"].to_dict() == {
        name: student.points for name, student in answered.items()
    }
