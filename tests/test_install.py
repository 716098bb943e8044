"""The environment is made once, and a reader who cannot make it learns why in one sentence."""

import os
import shutil
import subprocess
import sys

import install
import pytest
from execution import ROOT

OLD = [
    name for name in ["python3.11", "python3.10", "python3.8", "python2.7"] if shutil.which(name)
]


@pytest.fixture
def clone(tmp_path):
    """Return a copy of what install.py needs, without an environment."""
    shutil.copytree(ROOT / "build_tools", tmp_path / "build_tools")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    return tmp_path


def run_install(python, clone, **environment):
    return subprocess.run(
        [python, clone / "build_tools" / "install.py"],
        cwd=clone,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("version", [(2, 7), (3, 11), (3, 15)])
def test_wrong_python_is_refused_in_one_sentence(version):
    with pytest.raises(SystemExit) as stop:
        install.check_python(version, "/usr/bin/python3")
    message = stop.value.code
    assert "needs Python 3.12, 3.13 or 3.14" in message
    assert "{}.{}".format(*version) in message


@pytest.mark.parametrize("version", [(3, 12), (3, 13), (3, 14)])
def test_right_python_is_accepted(version):
    install.check_python(version, "/usr/bin/python3")


@pytest.mark.parametrize("python", OLD)
def test_old_python_reads_the_script_far_enough_to_say_so(python, clone):
    version = python.removeprefix("python")
    done = run_install(python, clone, PYENV_VERSION=version)
    assert done.returncode != 0
    assert "needs Python 3.12" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_network_nothing_is_half_installed(clone):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_CACHE_DIR": "1"}
    isolated = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_FIND_LINKS": ""}
    done = run_install(sys.executable, clone, **nowhere, **isolated)
    assert done.returncode != 0
    assert "pip cannot reach its package index" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / ".venv" / "installed-requirements.txt").exists()


def test_second_run_installs_nothing(clone):
    venv = clone / ".venv"
    venv.mkdir()
    shutil.copy(clone / "requirements.txt", venv / "installed-requirements.txt")
    done = run_install(sys.executable, clone)
    assert (done.returncode, done.stdout) == (0, "")
