"""A hand that writes events: enough of the trade to tell a board what happened, one event at a time."""

from collections import defaultdict
from typing import Any

from dashboard.domain import events as e
from dashboard.domain.events import Event, Recorded
from dashboard.projections.board import Board
from dashboard.projections.states import evolve

NOW = 1_795_400_000_000
TOWN, OTHER = "440112101", "440103001"


class Pen:
    """Writes events in order, folds them into a board, and keeps what SQL would keep."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board()
        self.now = NOW
        self.position = self.board.position
        self.events: list[Recorded] = []
        self.states: dict[tuple[str, str], Any] = {}
        self._versions: defaultdict[str, int] = defaultdict(int)

    def write(self, subject: str, event: Event, *, area: str = TOWN, apply: bool = True) -> Recorded:
        self.position += 1
        self._versions[subject] += 1
        r = Recorded(
            position=self.position, id=f"e{self.position}", subject=subject, version=self._versions[subject], area=area,
            occurred_at=self.now, recorded_at=self.now, actor="worker:test", event=event,
        )  # fmt: skip
        key = (r.subject_kind, r.subject_id)
        self.states[key] = evolve(self.states.get(key), r)
        self.events.append(r)
        if apply:
            self.board.apply(r)
        return r

    def incident(self, id: str = "I1", *, area: str = TOWN, sev: int = 2, source: str = "s-110") -> None:
        self.write(
            f"incident:{id}",
            e.IncidentOpened(
                number="INC-20261123-0001", category="fire", severity=sev, title="明火", source=source, text="报警人说的话",
                place=e.Place(23.1, 113.4, "某路口"), report_id="R1", reporter=e.Sealed("K", "secret"),
            ),
            area=area,
        )  # fmt: skip

    def unit(self, id: str = "U1", *, area: str = TOWN, on_duty: bool = True) -> None:
        self.write(
            f"unit:{id}",
            e.UnitRegistered(name=f"{id}组", unit_kind="patrol", capabilities=("fire",), members=5),
            area=area,
        )
        if on_duty:
            self.write(f"unit:{id}", e.UnitDutyChanged(on_duty=True), area=area)

    def order(self, id: str = "O1", *, incident: str = "I1", unit: str = "U1", area: str = TOWN) -> None:
        self.write(
            f"order:{id}",
            e.OrderQueued(
                number="DP-20261123-0001", incident_id=incident, unit_id=unit, severity=2, text="立即赶赴现场",
                ack_limit_s=60, ack_due_at=self.now + 60_000, by="commander:li", by_name="李指挥",
            ),
            area=area,
        )  # fmt: skip
        self.write(f"unit:{unit}", e.UnitAssigned(order_id=id), area=area)
        self.write(f"incident:{incident}", e.IncidentEngaged(), area=area)

    def alarm(self, rule: str, subject: str, *, sev: int = 2, area: str = TOWN, due: int | None = None) -> str:
        id = f"{rule}:{subject}"
        self.write(f"alarm:{id}", e.AlarmRaised(rule=rule, subject=subject, severity=sev, ack_due_at=due), area=area)
        return id

    def case(self, id: str = "D1", *, category: str = "neighbour", area: str = TOWN, accepted_at: int = NOW) -> None:
        self.write(
            f"dispute:{id}",
            e.DisputeOpened(
                number="CA-20261123-0001", title="噪声", category=category, grade="ordinary", channel="hall", workflow="w", steps=("a", "b"),
                due_at=NOW + 86_400_000, accepted_at=accepted_at, parties=e.Sealed("K", "secret"), party_count=2,
            ),
            area=area,
        )  # fmt: skip

    def source(self, id: str, kind: str, *, area: str = "4401", cadence_s: int = 30) -> None:
        self.write(f"source:{id}", e.SourceRegistered(name=id, source_kind=kind, cadence_s=cadence_s), area=area)
