"""A small centre in memory with a movable clock: what desk tests are told on."""

from dataclasses import dataclass, field

from dashboard.config import Profile, load_profile
from dashboard.desk import Desk, Done
from dashboard.domain import commands as c
from dashboard.domain.events import Place
from dashboard.domain.position import Fix
from datasource.clock import ManualClock
from datasource.memory import MemoryStore

START = 1_795_400_000_000
HUANGPU = "440112"
PLACE = Place(lat=23.1065, lon=113.4592, name="丰乐北路")

COMMANDER = c.Actor(role="commander", id="li", name="李指挥", scope="4401")
SECOND = c.Actor(role="commander", id="wang", name="王指挥", scope="4401")
OFFICER = c.Actor(role="duty_officer", id="chen", name="陈值班", scope="4401")
LEADER = c.Actor(role="leader", id="zhao", name="赵主任", scope="4401")
POLICE = c.Actor(role="source", id="s-110")
FLEET = c.Actor(role="source", id="s-fleet")
CAMERAS = c.Actor(role="source", id="s-camera")
LEDGER = c.Actor(role="source", id="s-ledger")
WORKER = c.Actor(role="worker", id="watch")


def phone(unit_id: str) -> c.Actor:
    """The leader of a unit, on the phone."""
    return c.Actor(role="unit", id=f"phone-{unit_id}", scope=HUANGPU, unit_id=unit_id)


@dataclass
class Scene:
    """One centre; ``after(s)`` moves the clock and sweeps, as the watch worker would."""

    profile: Profile = field(default_factory=load_profile)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock)
        self.desk = Desk(store=self.store, clock=self.clock, profile=self.profile)

    def do(self, command: c.Command, actor: c.Actor = COMMANDER) -> Done:
        return self.desk.do(command, actor)

    def get(self, kind: str, id: str):
        with self.store.reading() as reader:
            return reader.load(kind, id)

    def find(self, kind: str, *where, **kw):
        with self.store.reading() as reader:
            return reader.find(kind, where, **kw)

    def after(self, seconds: float, *parts: str) -> None:
        self.clock.advance(int(seconds * 1000))
        self.sweep(*parts)

    def sweep(self, *parts: str) -> None:
        self.do(c.Sweep(parts=parts or ("orders", "alarms")), WORKER)

    def report(self, n: int = 1, **kw) -> str:
        given = {
            "report_id": f"R-{n}",
            "source": "s-110",
            "category": "fire",
            "title": "仓储区明火",
            "area": HUANGPU,
            "place": PLACE,
        }
        return self.do(c.TakeReport(**(given | kw)), POLICE).id

    def units(self, *ids: str, lat: float = 23.11, kind: str = "fire", capabilities=("fire",)) -> None:
        masters = tuple(
            c.UnitMaster(unit_id=id, name=f"应急{id}组", kind=kind, area=HUANGPU, capabilities=capabilities)
            for id in ids
        )
        self.do(c.RegisterUnits(units=masters, source="s-fleet"), FLEET)
        for i, id in enumerate(ids):
            self.do(c.ReportUnitStatus(unit_id=id, on_duty=True), FLEET)
            self.place(id, lat + i * 0.01)

    def place(self, id: str, lat: float, lon: float = 113.46) -> None:
        self.store.save_positions([Fix(id, lat, lon, self.clock.now())], [])

    def order(self, incident: str, unit: str, **kw) -> str:
        return self.do(c.SendOrder(incident_id=incident, unit_id=unit, text="立即赶赴现场", **kw)).id

    def answer(self, order: str, unit: str, *receipts: str, **kw) -> None:
        for receipt in receipts:
            self.do(c.TakeReceipt(order_id=order, unit_id=unit, receipt=receipt, **kw), phone(unit))
