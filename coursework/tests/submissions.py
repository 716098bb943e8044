"""A class of made-up students: honest ones, wrong ones, unlucky ones and hostile ones.

Each of them hands in files, and each has an outcome that is due: points, or a reason why there are
none, and remarks that the teacher should find in the report.
"""

import copy
import json
from dataclasses import dataclass

NUMBER = "average = data['y'].mean()"
MODEL = """\
with pm.Model() as model:
    mu = pm.Normal("mu", mu=0, sigma=10)
    pm.Normal("y", mu=mu, sigma=1, observed=data["y"])
"""
WORDS = "The mean is the best guess."


@dataclass
class Student:
    """Files handed in, by name, and what should come of them: points by machine, reason, remark."""

    files: dict[str, bytes]
    points: float | None
    reason: str = "graded"
    remark: str = ""


def cell(notebook, grade_id):
    """Return the cell of a notebook that nbgrader knows by a name."""
    (found,) = [
        c
        for c in notebook["cells"]
        if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    ]
    return found


def solve(released, number=NUMBER, model=MODEL, words=WORDS):
    """Return the released notebook with answers."""
    notebook = copy.deepcopy(released)
    answers = {"number-answer": number, "model-answer": model, "words": words}
    for grade_id, source in answers.items():
        cell(notebook, grade_id)["source"] = source
    return notebook


def file(notebook, name="small.ipynb"):
    """Return a notebook as the file that is handed in."""
    return {name: json.dumps(notebook).encode()}


def first(code):
    """Return a number's answer that follows some code."""
    return f"{code}\n{NUMBER}"


IGNORES_INTERRUPTS = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    pass
"""
PATCHED_ASSERT = """
import builtins, IPython
class AssertionError(Exception): pass
builtins.AssertionError = AssertionError
IPython.get_ipython().showtraceback = lambda *args, **kwargs: None
IPython.get_ipython().set_custom_exc((Exception,), lambda *args, **kwargs: None)
average = 0
"""
PATCHED_PYMC = """
class AnyModel(pm.Model): pass
pm.Model.compile_fn = lambda *args, **kwargs: lambda point: [0.0, 0.0]
pm.Model.logp = lambda self, *args, **kwargs: []
with pm.Model() as model:
    mu = pm.Normal("mu", mu=0, sigma=1)
"""
PATCHED_COLLECTOR = """
import collector
class Any(float):
    def __eq__(self, other): return True
collector.plain = lambda values: [True, "nan", Any(1)]
average = 0
"""
FORGED_REPORT = """
import glob, json, os
lie = json.dumps({"answers": {"average": {"kind": "numbers", "values": "inf"}}, "points": 99}) + "\\n"
for name in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        with open(name, "w") as pipe:
            pipe.write(lie)
    except OSError:
        pass
average = 0
"""
READ_EVERYTHING = """
import os
ours = {{"small.md", "reference.json", "truth.json", "gradebook.db", "roster.csv", "seed.txt"}}
for top, folders, names in os.walk("/"):
    others = ("/proc", "/sys", "/usr", "/lib")  # with nbgrader's own test data, further down
    folders[:] = [f for f in folders if os.path.join(top, f) not in others and f != "site-packages"]
    for name in names:
        path = os.path.join(top, name)
        if name in ours:
            print("FOUND", path)
        if name.endswith((".ipynb", ".md", ".json", ".py")):
            with open(path, errors="replace") as text:
                if "check" + '.number("average"' in text.read():
                    print("FOUND a hidden test in", path)
for path in {paths!r}:
    print("FOUND" if os.path.exists(path) else "hidden:", path)
"""
WRITE_GRADEBOOK = """
import sqlite3
try:
    base = sqlite3.connect({gradebook!r})
    base.execute("update grade set manual_score = 99")
    base.commit()
    print("FOUND the gradebook")
except sqlite3.Error as error:
    print("no gradebook:", error)
"""
NETWORK = """
import socket
for address in [("127.0.0.1", {port}), ("192.0.2.1", 80)]:
    try:
        socket.create_connection(address, timeout=2).sendall(b"hello")
        print("FOUND a network")
    except OSError as error:
        print("no network:", error)
"""
SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"


def make_class(released, course, port):
    """Return the students by name, given the released notebook, the class's folder, and a port."""
    right = solve(released)
    spy = READ_EVERYTHING.format(paths=[str(course), str(course / "source"), "/grader/small.md"])
    students = {
        "Right, Ada": Student(file(right), 5),
        "O'Neil, Jr., Pat": Student(file(right), 5),
        "Nuñez, Zoë 李": Student(file(right), 5),
        "Median, Mia": Student(file(solve(released, number="average = data['y'].median()")), 3),
        "Prior, Paul": Student(file(solve(released, model=MODEL.replace("10", "1"))), 4),
        "Untouched, Uwe": Student(file(released), 0),
        "Absent, Al": Student({}, None, "handed nothing in"),
        "Error, Eve": Student(file(solve(released, number="average = 1 / 0")), 3),
        "Loop, Lou": Student(
            file(solve(released, number="while True: pass")), 3, remark="interrupted"
        ),
        "Deaf, Dan": Student(
            file(solve(released, model=IGNORES_INTERRUPTS)), 2, "ignored its interruption"
        ),
        "Hog, Hal": Student(file(solve(released, number="x = bytearray(10**11)")), 3),
        "Hogs, Hans": Student(
            file(
                solve(released, model="import os\nwhile True:\n    os.fork()\n    x = b'1' * 10**8")
            ),
            2,
            "more than",
        ),
        "Exit, Ella": Student(file(solve(released, model="import os; os._exit(0)")), 2, "died"),
        "Segfault, Sam": Student(
            file(solve(released, model="import ctypes; ctypes.string_at(0)")), 2, "died"
        ),
        "Document, Dora": Student(
            {"small.docx": b"my answer"}, None, "no notebook, only small.docx"
        ),
        "Renamed, Rex": Student(file(right, "final (2).ipynb"), 5, remark="called final (2).ipynb"),
        "Twice, Tom": Student(file(released, "small.ipynb") | file(right, "small-1.ipynb"), 5),
        "Huge, Hugo": Student({"small.ipynb": b" " * 200_000_000}, None, "has 190 MB"),
        "Json, Jo": Student({"small.ipynb": b'{"cells": ['}, None, "not JSON"),
        "List, Li": Student({"small.ipynb": b"[1, 2]"}, None, "not a notebook"),
        "Latin, Lars": Student({"small.ipynb": b'{"cells": "\xe9"}'}, None, "not text in UTF-8"),
        "Bytes, Bo": Student(
            {"r\udce9sum\udce9.ipynb": file(right)["small.ipynb"]}, 5, remark="called"
        ),
        "Spy, Sid": Student(file(solve(released, number=first(spy))), 5),
        "Thief, Theo": Student(
            file(
                solve(
                    released,
                    number=first(WRITE_GRADEBOOK.format(gradebook=str(course / "gradebook.db"))),
                )
            ),
            5,
        ),
        "Caller, Cal": Student(file(solve(released, number=first(NETWORK.format(port=port)))), 5),
        "Disk, Dee": Student(
            file(solve(released, number=first("open('big', 'wb').write(bytes(200_000_000))"))), 3
        ),
        "Assert, Ash": Student(file(solve(released, number=PATCHED_ASSERT)), 3),
        "Patch, Pia": Student(file(solve(released, model=PATCHED_PYMC)), 3),
        "Collector, Cora": Student(file(solve(released, number=PATCHED_COLLECTOR)), 3),
        "Forger, Flo": Student(file(solve(released, number=FORGED_REPORT)), 3),
        "Script, Sue": Student(
            file(
                solve(
                    released,
                    number=first(
                        f"from IPython.display import HTML, display\ndisplay(HTML({SCRIPT!r}))"
                    ),
                    words=f"An answer. {SCRIPT}",
                )
            ),
            5,
        ),
    }
    stripped = copy.deepcopy(right)
    for c in stripped["cells"]:
        c["metadata"] = {}
    students["Stripped, Sia"] = Student(file(stripped), 5, remark="had lost its metadata")
    foreign = copy.deepcopy(stripped)
    for c in foreign["cells"]:
        del c["id"]
    foreign["nbformat_minor"] = 4
    students["Foreign, Fay"] = Student(file(foreign), 5, remark="number-answer was missing")
    double = copy.deepcopy(right)
    double["cells"].append(copy.deepcopy(cell(double, "number-answer")) | {"id": "another"})
    students["Double, Don"] = Student(file(double), 5, remark="there more than once")
    edited = solve(released, number="average = 0")
    cell(edited, "number-test")["source"] = "pass"
    cell(edited, "number-test")["metadata"]["nbgrader"]["points"] = 99
    students["Edited, Ed"] = Student(file(edited), 3, remark="number-test had been edited")
    deleted = copy.deepcopy(right)
    deleted["cells"].remove(cell(deleted, "model-test"))
    students["Deleted, Del"] = Student(file(deleted), 5, remark="model-test was missing")
    return students
