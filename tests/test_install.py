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


def test_python_without_ensurepip_is_named_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # as if it were not there
    with pytest.raises(SystemExit) as stop:
        install.check_parts((3, 12), "/usr/bin/python3")
    assert stop.value.code.startswith("/usr/bin/python3 cannot make a virtual environment")
    assert "apt install python3.12-venv" in stop.value.code


def test_uv_finds_packages_where_pip_finds_them(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_CERT"))]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\ncert = /certificates.pem\n"
        "extra-index-url =\n    https://one.example\n    https://two.example\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    variables = install.environment_of_uv(sys.executable)
    assert variables["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert variables["UV_INDEX"] == "https://one.example https://two.example"
    assert variables["SSL_CERT_FILE"] == "/certificates.pem"
    monkeypatch.setenv("PIP_INDEX_URL", "https://nearer.example/simple")
    variables = install.environment_of_uv(sys.executable)
    assert variables["UV_DEFAULT_INDEX"] == "https://nearer.example/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    variables = install.environment_of_uv(sys.executable)
    assert variables["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_second_run_installs_nothing(clone):
    venv = clone / ".venv"
    venv.mkdir()
    shutil.copy(clone / "requirements.txt", venv / "installed-requirements.txt")
    done = run_install(sys.executable, clone)
    assert (done.returncode, done.stdout) == (0, "")
