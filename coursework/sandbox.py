"""Run a student's notebook where it can do no harm: without network, alone, and for a limited time.

The sandbox is bubblewrap's (https://github.com/containers/bubblewrap). It shows the notebook's
process the system's programs and the Python environment, read-only, and an empty home in memory.
Nothing that it writes leaves the sandbox but one stream of JSON, which this module reads as data.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
# As texts, so that they reach the workers of a scheduler on other machines.
PROGRAMS = {name: (HERE / name).read_text() for name in ["runner.py", "collector.py"]}
SYSTEM = ["/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache"]
LIMITS = {
    "cell_seconds": 300,
    "notebook_seconds": 1200,
    "memory": 4 * 2**30,  # bytes, of all processes of a notebook together
    "file_size": 100 * 2**20,  # bytes
    "home_size": 200 * 2**20,  # bytes, of all files together
    "processes": 200,
    "report_size": 200 * 2**20,  # bytes of JSON
}
MISSING = (
    "There is no sandbox for the students' code: {reason}. Install bubblewrap (Debian and Ubuntu: "
    "apt install bubblewrap), or say --no-sandbox to run their code with your own rights: it could "
    "then read and change all that you can."
)


class SandboxError(Exception):
    """There is no sandbox here; the message says why and what to do."""


def bubblewrap(programs: str, home_size: int) -> list[str]:
    """Return the command line that puts a program into the sandbox, with a folder as /grader."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--hostname", "sandbox", "--clearenv"]
    for folder in ["/tmp", "/answers"]:  # apart, so that a full home is no reason to lose answers
        command += ["--size", str(home_size), "--tmpfs", folder]
    command += ["--dir", "/tmp/home"]
    seen = dict.fromkeys([*SYSTEM, sys.base_prefix, sys.prefix])
    for path in filter(os.path.exists, seen):
        command += ["--ro-bind", path, path]
    command += ["--ro-bind", programs, "/grader"]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(home_size), "--tmpfs", "/dev/shm"]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp/home"]
    return command


def check_sandbox() -> None:
    """Raise SandboxError if programs cannot be run in the sandbox here."""
    if not shutil.which("bwrap"):
        raise SandboxError(MISSING.format(reason="the program bwrap is not installed"))
    tried = subprocess.run([*bubblewrap("/usr", 2**20), "true"], capture_output=True, text=True)
    if tried.returncode:
        raise SandboxError(MISSING.format(reason=tried.stderr.strip()))


def environment(home: str, programs: str, answers: str) -> dict[str, str]:
    """Return the environment variables of a notebook's process."""
    return {
        "ANSWERS_FILE": f"{answers}/answers.json",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "PYTHONPATH": programs,
        "PYTHONUNBUFFERED": "1",
        "PYTENSOR_FLAGS": "cxx=",  # one way of compiling on every machine, with a compiler or not
        "OMP_NUM_THREADS": "1",  # other notebooks run on the other cores
    }


def excess(process: psutil.Process, limits: dict) -> str | None:
    """Say which limit the processes of a notebook exceed together, if any."""
    memory, count = 0, 0
    for child in process.children(recursive=True):
        try:
            memory += child.memory_info().rss
            count += 1
        except psutil.NoSuchProcess:
            continue
    if memory > limits["memory"]:
        return f"it took more than {limits['memory'] / 2**30:.1f} GiB of memory"
    if count > limits["processes"]:
        return f"it started more than {limits['processes']} processes"
    return None


def stop(process: subprocess.Popen) -> None:
    """End a process and all that it started; bubblewrap's end is that of all in the sandbox."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for member in [process, *family]:
        try:
            member.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    process.wait()


def read_report(lines: list[bytes]) -> dict:
    """Return outputs, answers and end from the runner's lines, whatever they are."""
    report = {"outputs": {}, "answers": {}, "remarks": [], "end": "it ended without a word"}
    for line in lines:
        try:
            match json.loads(line):
                case {"cell": int(index), "outputs": list(outputs)}:
                    report["outputs"][str(index)] = outputs
                case {"answers": dict(answers)}:
                    report["answers"] |= answers
                case {"remark": str(remark)}:
                    report["remarks"].append(remark[:200])
                case {"end": str(end)}:
                    report["end"] = end[:200]
        except (ValueError, RecursionError):  # a line cut off, or not the runner's
            continue
    return report


def run(notebook: dict, questions: dict, files: dict[str, str], limits: dict, boxed: bool) -> dict:
    """Run a notebook and return what it left.

    notebook is in nbformat 4; questions maps the grade id of each test cell to the variables that
    hold its answers; files are texts by name. Returns the outputs of the cells by index, the
    answers by name, remarks, and the end: "done", or why the notebook did not come to its end.
    Raises SandboxError if it is to be boxed and cannot.
    """
    limits = LIMITS | limits
    if boxed:
        check_sandbox()  # here, since this may be another machine than the one that asks
    job = {"notebook": notebook, "questions": questions, "files": files}
    job |= {name: limits[name] for name in ("cell_seconds", "memory", "file_size")}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PROGRAMS.items():
            Path(folder, name).write_text(text)
        if boxed:
            variables = environment("/tmp/home", "/grader", "/answers")
            command = bubblewrap(folder, limits["home_size"])
            for name, value in variables.items():
                command += ["--setenv", name, value]
            command += [sys.executable, "/grader/runner.py"]
        else:
            variables = os.environ | environment(folder, folder, folder)
            command = [sys.executable, "runner.py"]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        lines = []

        def talk() -> None:
            """Hand over the job and read what comes back, up to the limit."""
            try:
                process.stdin.write(json.dumps(job).encode())
                process.stdin.close()
                lines.extend(process.stdout.read(limits["report_size"]).splitlines())
            except OSError:  # it ended before it had read everything
                pass

        reader = threading.Thread(target=talk, daemon=True)
        reader.start()
        deadline = time.monotonic() + limits["notebook_seconds"]
        killed = None
        try:
            watched = psutil.Process(process.pid)
            while reader.is_alive() and not killed:
                reader.join(timeout=0.2)
                killed = excess(watched, limits)
                if time.monotonic() > deadline:
                    killed = f"it took longer than {limits['notebook_seconds']} seconds"
        except psutil.NoSuchProcess:
            pass
        finally:
            stop(process)
        reader.join(timeout=10)
    return read_report(lines) | ({"end": killed} if killed else {})
