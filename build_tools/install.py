"""Make the virtual environment .venv and install requirements.txt into it, if that is not done yet.

Given the name of a folder, coursework, make one there, for what the folder's requirements.txt asks for
as well. Run it with any Python: one that is too old for the book can still read this file and say so.
"""

import ast
import errno
import importlib
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INSTALLED = "installed-requirements.txt"  # in .venv: a copy of the locks, made last
OFFLINE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")
# What uv calls the settings of pip that say where packages come from
UV_SETTINGS = {
    "cert": "SSL_CERT_FILE",
    "extra-index-url": "UV_INDEX",
    "index-url": "UV_DEFAULT_INDEX",
    "proxy": "ALL_PROXY",
}


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


def check_parts(version, executable):
    """Stop with one sentence if this Python cannot make virtual environments."""
    try:
        importlib.import_module("ensurepip")
    except ImportError:
        sys.exit(
            "{0} cannot make a virtual environment, because its part ensurepip is missing: install "
            "it (Debian and Ubuntu: apt install python{1}.{2}-venv) and run the same command "
            "again.".format(executable, *version)
        )


def stop_full(folder):
    """Say that the disk is full."""
    sys.exit(
        "The disk is full: the packages, about 1.5 GB, do not fit into " + folder + ". Make room "
        "there and run the same command again."
    )


def run(command, venv, **options):
    """Run a command without showing what it says. Return whether it succeeds, and what it said.

    Stop with one sentence if the disk is full.
    """
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    # Who notices a full disk does not always say so, and may have tidied up a little.
    full = os.strerror(errno.ENOSPC) in done.stdout or shutil.disk_usage(venv).free < 50 * 2**20
    if done.returncode and full:
        stop_full(venv)
    return not done.returncode, done.stdout


def environment_of_uv(python):
    """Return the environment variables for uv, which knows nothing of how pip is configured."""
    listed = subprocess.check_output([python, "-m", "pip", "config", "list"], text=True)
    found = re.findall(r"^(global|install|:env:)\.([\w-]+)=(.+)$", listed, flags=re.M)
    variables = {}
    for _, name, value in sorted(found, key=lambda line: line[0] == ":env:"):  # which counts most
        if name in UV_SETTINGS:
            variables[UV_SETTINGS[name]] = " ".join(ast.literal_eval(value).split())
    return dict(variables, **os.environ)


def install_packages(python, venv, locks):
    """Install what the locks say; return whether that succeeds, and what was said if it does not.

    pip installs uv, at its locked version, and uv, which is much faster, all else.
    """
    lock_of_uv = os.path.join(venv, "uv.txt")
    with open(lock_of_uv, "w") as file:
        file.write(re.search(r"^uv==.*\n(?: +--hash.*\n)+", read(locks[0]), flags=re.M).group())
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar=off"]
    pip += ["--require-hashes"]
    # Only at length does pip say in any case that it reaches no index.
    succeeds, said = run(pip + ["-vv", "--requirement", lock_of_uv], venv)
    if not succeeds:
        return succeeds, said
    # Where several indexes have a package, the hash says which one is meant.
    uv = [python, "-m", "uv", "pip", "install", "--no-progress", "--require-hashes"]
    uv += ["--index-strategy=unsafe-best-match", "--python", python]
    if len(locks) > 1:  # students' notebooks, which may not write here, would compile all anew
        uv.append("--compile-bytecode")
    requirements = []
    for lock in locks:
        requirements += ["--requirement", lock]
    succeeds, _ = run(uv + requirements, venv, env=environment_of_uv(python))
    # pip can be configured in ways that uv does not know.
    return (succeeds, "") if succeeds else run(pip + requirements, venv)


def install(folder):
    """Build .venv from nothing, so that it holds what the locks say and nothing else."""
    venv = os.path.join(folder, ".venv")
    where = os.path.relpath(venv, ROOT)
    sys.stdout.write("Installing the locked packages into " + where + " (once) ...\n")
    sys.stdout.flush()
    shutil.rmtree(venv, ignore_errors=True)
    if not os.path.exists(venv):
        os.mkdir(venv)
    succeeds, said = run([sys.executable, "-m", "venv", venv], venv)
    if not succeeds:
        sys.exit("The virtual environment could not be made: " + said.strip().split("\n")[-1])
    python = os.path.join(venv, "Scripts" if os.name == "nt" else "bin", "python")
    succeeds, said = install_packages(python, venv, find_locks(folder))
    if not succeeds and any(word in said for word in OFFLINE):
        sys.exit(
            "The packages could not be downloaded: pip cannot reach its package index. Connect to "
            "the network (or set pip's proxy) and run the same command again; downloads are kept."
        )
    if not succeeds:
        log = os.path.join(venv, "install.log")
        with open(log, "w") as file:
            file.write(said)
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
        check_parts(sys.version_info[:2], sys.executable)
        try:
            install(folder)
        except KeyboardInterrupt:
            sys.exit("Interrupted: run the same command again, which starts afresh.")
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            stop_full(os.path.join(folder, ".venv"))
