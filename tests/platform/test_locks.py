"""The locks: everything that is asked for, by hash, and nothing about where it came from."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LOCKS = {"requirements.in": "requirements.txt", "requirements-dev.in": "requirements-dev.txt"}


def wanted(name):
    lines = (CHECKOUT / name).read_text().splitlines()
    return {
        re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-")
        for line in lines
        if line and line[0] not in "#-"
    }


def locked(name):
    return set(re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==", (CHECKOUT / name).read_text()))


@pytest.mark.parametrize(("source", "lock"), LOCKS.items())
def test_everything_that_is_asked_for_is_locked(source, lock):
    assert wanted(source) - locked(lock) == set(), "make lock"


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_package_has_hashes_and_no_address(lock):
    text = (CHECKOUT / lock).read_text()
    packages = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert packages
    assert [p.split()[0] for p in packages if "--hash=sha256:" not in p] == []
    assert not re.search(r"https?://|file:|index-url|find-links", text)


def test_developing_and_running_use_the_same_versions():
    def versions(name):
        return dict(re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)", (CHECKOUT / name).read_text()))

    run, develop = versions("requirements.txt"), versions("requirements-dev.txt")
    assert {name: version for name, version in run.items() if develop.get(name) != version} == {}
