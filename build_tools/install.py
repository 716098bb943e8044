"""Make the virtual environment .venv and install requirements.txt into it, if that is not done yet.

Given the name of a folder, coursework, make one there, for what the folder's requirements.txt asks for
as well. Run it with any Python: one that is too old for the book can still read this file and say so.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INSTALLED = "installed-requirements.txt"  # in .venv: a copy of the locks, made last
OFFLINE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")


def read(path):
    """Return a file's text, empty if there is no file."""
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()


def check_python(version, executable):
    """Stop with one sentence if this Python cannot run the book."""
    if not (3, 12) <= version < (3, 15):
        sys.exit(
            "The book needs Python 3.12, 3.13 or 3.14, but {} is Python {}.{}. Install one of them, "
            "then name it, for example: make PYTHON=python3.12 book".format(executable, *version)
        )


def find_locks(folder):
    """Return the book's lock and, if the folder is another one, the folder's."""
    return [os.path.join(where, "requirements.txt") for where in dict.fromkeys([ROOT, folder])]


def install(folder):
    """Build .venv from nothing, so that it holds what the locks say and nothing else."""
    venv = os.path.join(folder, ".venv")
    log = os.path.join(venv, "pip.log")
    where = os.path.relpath(venv, ROOT)
    sys.stdout.write(
        "Installing the locked packages into " + where + " (once; a minute or two) ...\n"
    )
    sys.stdout.flush()
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = os.path.join(venv, "Scripts" if os.name == "nt" else "bin", "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "--log", log, "install"]
    pip += ["--progress-bar=off", "--require-hashes"]
    for lock in find_locks(folder):
        pip += ["--requirement", lock]
    done = subprocess.run(pip, stderr=subprocess.DEVNULL)
    if done.returncode and any(word in read(log) for word in OFFLINE):
        sys.exit(
            "The packages could not be downloaded: pip cannot reach its package index. Connect to "
            "the network (or set pip's proxy) and run the same command again; downloads are kept."
        )
    if done.returncode:
        sys.exit("The packages could not be installed: the reason is at the end of " + log)
    # JupyterLab opens the chapters, which are Markdown files, as notebooks.
    lab_settings = os.path.join(
        venv, "etc", "jupyter", "labconfig", "default_setting_overrides.json"
    )
    os.makedirs(os.path.dirname(lab_settings))
    shutil.copy(os.path.join(ROOT, "build_tools", "jupyterlab_settings.json"), lab_settings)
    with open(os.path.join(venv, INSTALLED), "w") as file:
        file.write("".join(map(read, find_locks(folder))))


if __name__ == "__main__":
    check_python(sys.version_info[:2], sys.executable)
    folder = os.path.join(ROOT, *sys.argv[1:])
    installed = os.path.join(folder, ".venv", INSTALLED)
    if read(installed) != "".join(map(read, find_locks(folder))):
        install(folder)
