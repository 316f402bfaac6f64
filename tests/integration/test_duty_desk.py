"""A demonstration works by itself: its duty desk signs in, takes incidents and gets units under way, also after a restart."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Instance, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    env = {"MUSTER_CITY_SCALE": "0.3", "MUSTER_CITY_SPEED": "15"}
    instance = Instance(tmp_path_factory.mktemp("duty"), demo=True, env=env).start()
    yield instance
    instance.stop()


def test_units_get_under_way_without_anybody_and_a_restart_needs_no_new_link(muster):
    link = muster.link(user="commander")
    cookie = muster.get(link.removeprefix(muster.url)).headers["set-cookie"].partition(";")[0]

    def mine() -> dict[str, dict[str, Any]]:
        rows = muster.get("/api/v1/incidents", headers={"Cookie": cookie}).json()["incidents"]
        return {row["id"]: row for row in rows if row["owner"] == "commander:demo-desk"}

    def under_way() -> set[str]:
        return {id for id, row in mine().items() if any(o["status"] in ("en_route", "on_scene") for o in row["orders"])}

    wait_for(under_way, 90, what="a unit under way")
    assert {row["owner_name"] for row in mine().values()} == {"演示值班台"}
    session = muster.home / "run" / "city-session.json"
    assert session.stat().st_mode & 0o777 == 0o600
    before, city = session.read_bytes(), muster.pid_of("city")
    os.kill(city, signal.SIGKILL)
    wait_for(lambda: muster.find("city") not in (None, city), 30, what="the city again")
    known = set(mine())
    wait_for(lambda: set(mine()) - known, 90, what="an incident taken after the restart")
    assert session.read_bytes() == before
    assert "nobody is signed in" not in muster.logs(20_000)
