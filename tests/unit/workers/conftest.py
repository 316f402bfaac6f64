"""One centre in memory, with everything the loops need: store, stream, jobs, and what they beat into."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboard.config import load_profile
from dashboard.desk import Desk
from dashboard.domain import commands as c
from dashboard.domain.events import Place
from datasource import facts
from datasource.clock import ManualClock
from datasource.memory import MemoryJobs, MemoryStore, MemoryStream
from workers.ingest import Ingest
from workers.loop import Lease

START = 1_795_400_000_000
AREA = "440112"
COMMANDER = c.Actor(role="commander", id="li", name="李指挥", scope="4401")


class Signs:
    """Keeps the signs of life it was told; ``broken`` makes it fail like a Redis that is away."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, int, dict[str, Any]]] = []
        self.broken = False

    def note(self, key: str, at: int, detail: dict[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("Redis is away")
        self.notes.append((key, at, detail))


@dataclass
class Centre:
    """A centre as its workers see it."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    signs: Signs = field(default_factory=Signs)

    def __post_init__(self) -> None:
        self.profile = load_profile()
        self.store = MemoryStore(self.clock)
        self.stream = MemoryStream(self.clock)
        self.jobs = MemoryJobs()
        self.desk = Desk(store=self.store, clock=self.clock, profile=self.profile)
        self._facts = 0

    def lease(self, name: str, holder: str = "") -> Lease:
        return Lease(name, self.store, self.clock, holder=holder)

    def ingest(self, holder: str = "") -> Ingest:
        return Ingest(self.stream, self.store, self.desk, self.clock, self.lease("ingest", holder), block_ms=0)

    def fact(self, command: c.Command, source: str = "s-110", id: str = "") -> str:
        self._facts += 1
        return self.raw(
            facts.encode(id or f"F-{self._facts}", type(command).__name__, source, self.clock.now(), command)
        )

    def raw(self, body: bytes) -> str:
        return self.stream.add(facts.STREAM, body)

    def report(self, n: int, **given: Any) -> str:
        fact_id = given.pop("fact_id", "")
        given = {
            "report_id": f"R-{n}",
            "source": "s-110",
            "category": "fire",
            "title": f"火情{n}",
            "area": AREA,
        } | given
        return self.fact(c.TakeReport(**given), id=fact_id)

    def units(self, *ids: str, source: str = "s-fleet") -> None:
        masters = tuple(
            c.UnitMaster(unit_id=i, name=f"{i}组", kind="fire", area=AREA, place=Place(23.1, 113.4)) for i in ids
        )
        actor = c.Actor(role="source", id=source)
        self.desk.do(c.RegisterUnits(units=masters, source=source), actor)
        for id in ids:
            self.desk.do(c.ReportUnitStatus(unit_id=id, on_duty=True), actor)

    def order(self, unit: str) -> str:
        incident = self.desk.do(c.OpenIncident(category="fire", severity=1, title="明火", area=AREA), COMMANDER).id
        return self.desk.do(c.SendOrder(incident_id=incident, unit_id=unit, text="立即赶赴现场"), COMMANDER).id

    def find(self, kind: str, *where: Any) -> list[Any]:
        with self.store.reading() as reader:
            return reader.find(kind, where)

    def get(self, kind: str, id: str) -> Any:
        with self.store.reading() as reader:
            return reader.load(kind, id)

    def vitals(self) -> dict[str, tuple[int, dict[str, Any]]]:
        with self.store.reading() as reader:
            return reader.vitals()

    def letters(self) -> list[Any]:
        with self.store.reading() as reader:
            return reader.dead_letters()


@pytest.fixture(autouse=True)
def _enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a batch would be cut anywhere; the test about cutting sets its own limit."""
    monkeypatch.setattr("workers.ingest.TRANSACTION_S", 30.0)


@pytest.fixture
def centre() -> Centre:
    return Centre()
