"""Make the virtual environment .venv and install requirements.txt into it, if that is not done yet.

Run it with any Python: one that is too old for the book can still read this file and say so.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements.txt")
INSTALLED = os.path.join(VENV, "installed-requirements.txt")  # a copy of the lock, made last
LOG = os.path.join(VENV, "pip.log")
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


def install():
    """Build .venv from nothing, so that it holds what the lock says and nothing else."""
    sys.stdout.write("Installing the locked packages into .venv (once; a minute or two) ...\n")
    sys.stdout.flush()
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    python = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "--log", LOG, "install"]
    done = subprocess.run(
        pip + ["--progress-bar=off", "--require-hashes", "--requirement", LOCK],
        stderr=subprocess.DEVNULL,
    )
    if done.returncode and any(word in read(LOG) for word in OFFLINE):
        sys.exit(
            "The packages could not be downloaded: pip cannot reach its package index. Connect to "
            "the network (or set pip's proxy) and run the same command again; downloads are kept."
        )
    if done.returncode:
        sys.exit("The packages could not be installed: the reason is at the end of " + LOG)
    # JupyterLab opens the chapters, which are Markdown files, as notebooks.
    lab_settings = os.path.join(
        VENV, "etc", "jupyter", "labconfig", "default_setting_overrides.json"
    )
    os.makedirs(os.path.dirname(lab_settings))
    shutil.copy(os.path.join(ROOT, "build_tools", "jupyterlab_settings.json"), lab_settings)
    shutil.copy(LOCK, INSTALLED)


if __name__ == "__main__":
    check_python(sys.version_info[:2], sys.executable)
    if read(INSTALLED) != read(LOCK):
        install()
