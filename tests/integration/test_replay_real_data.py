"""Replays of real files through the real API, ingest and desk (in memory); the counts are compared with the store.

The files are not part of the repository: they are looked for in ``MUSTER_TEST_DATA``, else in ``../shared/data`` beside
the checkout, and the tests skip, saying so, where they are missing.
"""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette

from dashboard.config import load_profile
from dashboard.desk import Desk
from dashboard.domain.commands import Actor
from datasource.clock import SystemClock
from datasource.memory import MemoryStore, MemoryStream, MemoryVault
from datasource.web.api import Intake, routes
from workers.ingest import Ingest
from workers.loop import Lease
from workers.replay import Summary, load_mapping, replay

DATA = Path(os.environ.get("MUSTER_TEST_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")
pytestmark = pytest.mark.integration


class Centre:
    """The API on a port, the stream behind it, and an ingest that takes what comes, all in this process."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.store = MemoryStore(self.clock)
        self.stream = MemoryStream(self.clock)
        self.vault = MemoryVault()
        self.profile = load_profile()
        self.url = ""
        self._ended = threading.Event()

    def find(self, kind: str, *where: Any) -> list[Any]:
        with self.store.reading() as reader:
            return reader.find(kind, where)

    def events(self, kind: str) -> Counter[str]:
        """Count the events of one kind of subject by their name."""
        counts: Counter[str] = Counter()
        after = 0
        with self.store.reading() as reader:
            while found := reader.events(after):
                counts.update(type(r.event).__name__ for r in found if r.subject.startswith(f"{kind}:"))
                after = found[-1].position
        return counts

    def letters(self) -> list[Any]:
        with self.store.reading() as reader:
            return reader.dead_letters()

    def positions(self) -> list[tuple[str, int]]:
        """Return (unit, instant) of every fix in the stream."""
        found: list[tuple[str, int]] = []
        after = "0-0"
        while entries := self.stream.read({"positions": after}).get("positions", []):
            after = entries[-1].id
            for entry in entries:
                found += [(fix[0], fix[3]) for fix in msgspec.msgpack.decode(entry.body)[2]]
        return found

    def settle(self) -> None:
        """Wait until ingest has taken everything."""
        until, last = time.monotonic() + 60, self.stream.last_id("facts")
        while time.monotonic() < until:
            if _number(self.store.offset("facts")) >= _number(last):
                return
            time.sleep(0.05)
        raise AssertionError("ingest did not finish")

    def _ingest(self) -> None:
        desk = Desk(store=self.store, clock=self.clock, profile=self.profile)
        ingest = Ingest(
            self.stream,
            self.store,
            desk,
            self.clock,
            Lease("ingest", self.store, self.clock, holder="test"),
            block_ms=20,
        )
        while not self._ended.is_set():
            ingest.step()

    @contextmanager
    def running(self, source: str) -> Iterator["Centre"]:
        intake = Intake(self, self.profile)  # type: ignore[arg-type]
        inner = Starlette(routes=routes(intake, self.profile))
        actor = Actor(role="source", id=source, scope=self.profile.area)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {})["actor"] = actor
            await inner(scope, receive, send)

        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
        threads = [
            threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True),
            threading.Thread(target=self._ingest, daemon=True),
        ]
        for thread in threads:
            thread.start()
        while not server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.should_exit = True
            self._ended.set()
            for thread in threads:
                thread.join(10)


def _number(entry_id: str) -> tuple[int, ...]:
    return tuple(map(int, entry_id.split("-")))


def data(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no real data here: {path} is missing (MUSTER_TEST_DATA names the folder)")
    return path


@contextmanager
def replayed(name: str, mapping_name: str, tmp_path: Path, **given: Any) -> Iterator[tuple[Centre, Summary]]:
    path, mapping = data(name), load_mapping(mapping_name)
    with Centre().running(mapping.source) as centre:
        summary = replay(
            path, mapping, centre.url, "token", speed=0, shift_to="now", rejects=tmp_path / "rejects.tsv", **given
        )
        centre.settle()
        assert centre.letters() == []
        assert summary.refused == 0
        yield centre, summary


def test_san_francisco_calls_bring_incidents_units_and_each_time_stamp_of_each_unit(tmp_path):
    with replayed("incidents/sf_fire_calls_2009_2019.csv", "sf_fire", tmp_path) as (centre, summary):
        assert (summary.rows, summary.unusable, summary.partly) == (4340, 0, 11)
        incidents = centre.find("incident")
        assert len(incidents) == summary.incidents == summary.reports == summary.closings == 901
        assert {i.status for i in incidents} == {"closed"}
        units = centre.find("unit")
        assert len(units) == summary.units == 119
        assert all(u.on_duty for u in units)
        said = centre.events("unit")
        assert said["UnitStatusReported"] == summary.statuses > 15_000
        assert len(centre.positions()) == summary.positions > 2500
        # Eleven rows contradict themselves: they are listed, and used in part.
        listed = (tmp_path / "rejects.tsv").read_text().splitlines()[1:]
        assert len(listed) == 11
        assert all("\tpart\t" in line and "earlier than the step before it" in line for line in listed)


def test_the_times_within_a_call_keep_their_distances(tmp_path):
    with replayed("incidents/sf_fire_calls_2009_2019.csv", "sf_fire", tmp_path, limit=300) as (centre, summary):
        # 090100225: received 14:36:01, entered :34, E21 dispatched 14:37:22, on scene 14:41:11, available 14:41:55.
        (incident,) = centre.find("incident", ("external_ref", "=", "sf-fire/090100225"))
        with centre.store.reading() as reader:
            told = [
                r
                for r in reader.events(subject="unit:sf-E21", limit=5000)
                if type(r.event).__name__ == "UnitStatusReported"
            ]
        own = [
            (r.event.reason.split()[0], r.occurred_at - incident.occurred_at)
            for r in told
            if r.event.reason.endswith("090100225")
        ]
        expected = [("dispatched", 81), ("en", 151), ("on", 310), ("cleared", 354)]
        assert [word for word, _ in own] == [word for word, _ in expected]
        for (_, ms), (_, seconds) in zip(own, expected, strict=True):
            assert abs(ms - seconds * 1000 * summary.pace) <= 2
        assert incident.place is not None
        assert abs(incident.place.lat - 37.775086) < 1e-5


def test_an_incident_of_seattle_that_comes_again_with_more_units_is_one_incident_updated(tmp_path):
    with replayed("incidents/seattle_fire_2017.tsv", "seattle_fire", tmp_path, limit=1200) as (centre, summary):
        incidents = centre.find("incident")
        assert len(incidents) == summary.incidents
        assert summary.reports + summary.duplicates == summary.rows == 1200
        assert summary.reports > summary.incidents
        said = centre.events("incident")
        assert said["IncidentOpened"] == summary.incidents
        assert said["ReportJoined"] == summary.reports - summary.incidents + summary.closings
        (fire,) = centre.find("incident", ("external_ref", "=", "seattle-fire/F170054001"))
        assert len(fire.reports) == 4 + 1  # its four rows, and the report that it is over
        assert fire.place is None


@pytest.mark.parametrize(
    ("name", "mapping_name", "units", "rows"),
    [
        ("positions/wuxi_taxis.csv", "wuxi_taxis", 475, 20_188),
        ("positions/sf_taxis_1day.csv.gz", "sf_taxis", 497, 40_000),
    ],
)
def test_every_fix_of_the_taxis_is_in_the_stream_once(tmp_path, name, mapping_name, units, rows):
    with replayed(name, mapping_name, tmp_path, limit=40_000) as (centre, summary):
        assert (summary.rows, summary.used, summary.positions) == (rows, rows, rows)
        found = centre.positions()
        assert len(found) == len(set(found)) == rows
        assert len(centre.find("unit")) == summary.units <= units


def test_a_replay_that_is_started_again_doubles_nothing(tmp_path):
    path, mapping = data("incidents/sf_fire_calls_2009_2019.csv"), load_mapping("sf_fire")
    with Centre().running(mapping.source) as centre:
        given: dict[str, Any] = {"speed": 0, "shift_to": "now", "limit": 200}
        first = replay(path, mapping, centre.url, "token", **given)
        centre.settle()
        before = (centre.events("incident"), centre.events("unit"))
        again = replay(path, mapping, centre.url, "token", **given)
        centre.settle()
        assert (centre.events("incident"), centre.events("unit")) == before
        assert again.reports == 0
        assert again.duplicates == first.reports + first.closings
