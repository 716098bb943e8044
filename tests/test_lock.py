"""requirements.txt is the lock of requirements.in, and what is installed is what it says."""

import re
import sysconfig
from importlib.metadata import distributions

import pytest
from execution import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def direct():
    """Return the direct requirements, by name."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.in").open()]
    requirements = [Requirement(line) for line in lines if line]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.fixture(scope="module")
def locked():
    """Return the locked requirements, each as (requirement, the text below it in the lock)."""
    text = (ROOT / "requirements.txt").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text[text.index("\n") :])[1:]
    return [(Requirement(re.split(r" \\", entry)[0]), entry) for entry in entries]


def test_lock_and_direct_requirements_name_the_same_packages(direct, locked):
    from_direct = {
        canonicalize_name(requirement.name)
        for requirement, entry in locked
        if "-r requirements.in" in entry
    }
    assert from_direct == set(direct), "run make lock"


def test_locked_versions_are_allowed(direct, locked):
    for requirement, _ in locked:
        (pin,) = requirement.specifier
        wanted = direct.get(canonicalize_name(requirement.name))
        assert pin.operator == "=="
        assert wanted is None or wanted.specifier.contains(pin.version), "run make lock"


def test_every_locked_package_has_hashes(locked):
    assert [
        str(requirement) for requirement, entry in locked if "--hash=sha256:" not in entry
    ] == []


def test_lock_names_no_package_index(locked):
    assert "://" not in "".join(entry for _, entry in locked)


def test_installed_packages_are_the_locked_ones(locked):
    here = [sysconfig.get_path("purelib")]  # and not what packages bring along for themselves
    installed = {canonicalize_name(dist.name): dist.version for dist in distributions(path=here)}
    for requirement, _ in locked:
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(installed[canonicalize_name(requirement.name)])
