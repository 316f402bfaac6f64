"""Fixtures of the web tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.house import House, Source, Visitor, house


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def source(centre: House) -> Source:
    return Source(centre.door)


@pytest.fixture
def visitor(centre: House) -> Visitor:
    return Visitor(centre.door)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house shared by the tests of a file that leave nothing behind: refusals, mostly."""
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def refused(quiet: House) -> Source:
    return Source(quiet.door)
