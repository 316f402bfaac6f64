"""The law of live screens: a snapshot at t0 and the deltas since are the snapshot at t, whatever happened in between."""

import json
import types
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.config import load_profile
from dashboard.desk import Desk
from dashboard.domain import commands as c
from dashboard.domain.errors import Refused
from dashboard.domain.events import Place
from dashboard.projections.board import load, revive
from dashboard.projections.merge import Picture
from dashboard.projections.summary import PARTS, Freshness, Summary
from datasource.memory import ManualClock, MemoryStore, MemoryStream
from datasource.web.feed import StreamFeed
from datasource.web.hub import Hub

NORTH, SOUTH = "440112101", "440112102"
AREAS = ("4401", "440112", NORTH, SOUTH, "440103")
COMMANDER = c.Actor(role="commander", id="li", name="李指挥", scope="4401")
SECOND = c.Actor(role="commander", id="wang", scope="4401")
ADMIN = c.Actor(role="administrator", id="root", scope="")
WORKER = c.Actor(role="worker", id="watch")
SOURCE = c.Actor(role="source", id="s")
PROFILE = load_profile()
LEVEL_REASON = "台风红色预警,全区集中力量"


def place(south: bool) -> Place:
    return Place(23.1 if south else 23.3, 113.4, "某路口")


class World:
    """A centre in which anything may happen; every act is one command with whatever there is to do it to."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_795_400_000_000)
        self.store = MemoryStore(clock=self.clock)
        self.desk = Desk(
            store=self.store, clock=self.clock, profile=PROFILE, locate=lambda lat, lon: SOUTH if lat < 23.2 else NORTH
        )
        self.n = 0
        self.do(self.units(SOUTH), SOURCE)
        for i in range(3):
            self.do(c.ReportUnitStatus(unit_id=f"U{i}", on_duty=True), SOURCE)
        for i in range(2):
            self.act("report", i, i)
        cameras = tuple(
            c.CameraMaster(camera_id=f"C{i}", name=f"摄像头{i}", area=(NORTH, SOUTH)[i % 2], place=place(bool(i % 2)))
            for i in range(4)
        )
        self.do(c.RegisterCameras(cameras=cameras, source="s"), SOURCE)

    def units(self, area: str) -> c.RegisterUnits:
        return c.RegisterUnits(
            units=tuple(c.UnitMaster(unit_id=f"U{i}", name=f"{i}组", kind="patrol", area=area) for i in range(3)),
            source="s",
        )

    def do(self, command: c.Command, actor: c.Actor) -> None:
        try:
            self.desk.do(command, actor)
        except Refused:
            pass

    def ids(self, kind: str) -> list[str]:
        with self.store.reading() as reader:
            return sorted(s.id for s in reader.find(kind))

    def pick(self, kind: str, n: int) -> str:
        found = self.ids(kind)
        return found[n % len(found)] if found else "none"

    def level(self, area: str) -> Any:
        with self.store.reading() as reader:
            return reader.load("level", area)

    def act(self, what: str, a: int, b: int) -> None:
        self.n += 1
        self.clock.advance(1 + (a * 7919) % 40_000)
        south = bool(b % 2)
        acts: dict[str, Callable[[], None]] = {
            "report": lambda: self.do(
                c.TakeReport(
                    report_id=f"R{self.n}",
                    source="s",
                    category="fire",
                    severity=a % 4 + 1,
                    title="明火",
                    place=place(south),
                    external_ref=f"X{a}" if a < 4 else "",
                ),
                SOURCE,
            ),
            "take": lambda: self.do(c.TakeIncident(incident_id=self.pick("incident", a)), COMMANDER),
            "move": lambda: self.do(
                c.ChangeIncident(incident_id=self.pick("incident", a), place=place(south), severity=b % 4 + 1),
                COMMANDER,
            ),
            "note": lambda: self.do(c.AddNote(incident_id=self.pick("incident", a), text="已联系"), COMMANDER),
            "close": lambda: self.do(c.CloseIncident(incident_id=self.pick("incident", a)), COMMANDER),
            "reopen": lambda: self.do(
                c.ReopenIncident(incident_id=self.pick("incident", a), reason="复燃了"), COMMANDER
            ),
            "duty": lambda: self.do(c.ReportUnitStatus(unit_id=f"U{a % 3}", on_duty=b % 5 != 0), SOURCE),
            "status": lambda: self.do(
                c.ReportUnitStatus(unit_id=f"U{a % 3}", status=("available", "busy", "out_of_service")[b % 3]), SOURCE
            ),
            "rebase": lambda: self.do(self.units((NORTH, SOUTH)[b % 2]), SOURCE),
            "order": lambda: self.do(
                c.SendOrder(incident_id=self.pick("incident", a), unit_id=f"U{b % 3}", text="赶赴", confirm_busy=True),
                COMMANDER,
            ),
            "receipt": lambda: self.do(
                c.TakeReceipt(
                    order_id=self.pick("order", a),
                    receipt=("delivered", "read", "accepted", "declined", "en_route", "on_scene", "done")[b % 7],
                    reason="busy",
                ),
                SOURCE,
            ),
            "claim": lambda: self.do(
                c.ClaimOrder(order_id=self.pick("order", a), attempt=b % 2 + 1, worker="w"), WORKER
            ),
            "sent": lambda: self.do(c.RecordSent(order_id=self.pick("order", a), attempt=b % 2 + 1), WORKER),
            "failed": lambda: self.do(
                c.RecordAttemptFailed(order_id=self.pick("order", a), attempt=b % 2 + 1, reason="timeout"), WORKER
            ),
            "cancel": lambda: self.do(c.CancelOrder(order_id=self.pick("order", a), reason="撤回"), COMMANDER),
            "sweep": lambda: self.do(c.Sweep(), WORKER),
            "ack": lambda: self.do(c.AcknowledgeAlarm(alarm_id=self.pick("alarm", a)), COMMANDER),
            "unack": lambda: self.do(c.UnacknowledgeAlarm(alarm_id=self.pick("alarm", a)), COMMANDER),
            "shelve": lambda: self.do(
                c.ShelveAlarm(alarm_id=self.pick("alarm", a), minutes=5, reason="正在维修"), COMMANDER
            ),
            "smoke": lambda: self.do(
                c.RaiseCameraAlert(
                    alert_id=f"A{self.n}", camera_id=f"C{a % 4}", rule="smoke", source="s", ended=b % 5 == 0
                ),
                SOURCE,
            ),
            "verdict": lambda: self.do(
                c.VerifyCameraAlert(
                    alert_id=self.pick("camera_alert", a), verdict=("true", "false", "unclear")[b % 3], reason="看过了"
                ),
                COMMANDER,
            ),
            "undo": lambda: self.do(c.UndoVerdict(alert_id=self.pick("camera_alert", a)), COMMANDER),
            "dead": lambda: self.do(c.NoteHeartbeat(source="s", offline=(f"C{a % 4}",) if b % 2 else ()), SOURCE),
            "case": lambda: self.do(
                c.TakeDispute(
                    dispute_id=f"D{self.n}",
                    title="噪声",
                    category="neighbour",
                    area=(NORTH, SOUTH)[b % 2],
                    source="s",
                    accepted_at=self.clock.now() - a * 86_400_000,
                ),
                SOURCE,
            ),
            "step": lambda: self.do(
                c.TakeDisputeStep(
                    dispute_id=self.pick("dispute", a),
                    step=(steps := PROFILE.workflows[PROFILE.workflow].steps)[b % len(steps)],
                ),
                ADMIN,
            ),
            "extend": lambda: self.do(
                c.ExtendDispute(
                    dispute_id=self.pick("dispute", a), due_at=self.clock.now() + b * 86_400_000, reason="双方同意延期"
                ),
                ADMIN,
            ),
            "settle": lambda: self.do(c.CloseDispute(dispute_id=self.pick("dispute", a), outcome="settled"), ADMIN),
            "propose": lambda: self.do(
                c.ProposeLevel(area="440112", level=("normal", "IV", "III", "II", "I")[a % 5], reason=LEVEL_REASON),
                COMMANDER,
            ),
            "withdraw": lambda: self.do(
                c.DropLevelProposal(area="440112", proposal_id=lv.proposal_id if (lv := self.level("440112")) else ""),
                COMMANDER,
            ),
            "confirm": lambda: self.do(
                c.ConfirmLevel(area="440112", proposal_id=lv.proposal_id if (lv := self.level("440112")) else ""),
                SECOND,
            ),
            "hours": lambda: (self.clock.advance(a % 14 * 3_600_000), None)[1],
        }
        acts[what]()


ACTS = [
    "report",
    "report",
    "take",
    "move",
    "note",
    "close",
    "close",
    "reopen",
    "reopen",
    "duty",
    "status",
    "rebase",
    "order",
    "order",
    "order",
    "claim",
    "claim",
    "sent",
    "sent",
    "failed",
    "receipt",
    "receipt",
    "receipt",
    "receipt",
    "cancel",
    "sweep",
    "sweep",
    "ack",
    "unack",
    "shelve",
    "smoke",
    "smoke",
    "verdict",
    "undo",
    "dead",
    "case",
    "step",
    "extend",
    "settle",
    "propose",
    "propose",
    "withdraw",
    "confirm",
    "hours",
]
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 30), st.integers(0, 30), st.booleans()), min_size=20, max_size=120
)


def plain(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The cards of a snapshot without what depends on when the board was made: versions and slots."""
    return {
        kind: {id: {k: v for k, v in card.items() if k not in ("v", "slot")} for id, card in some.items()}
        for kind, some in snapshot["cards"].items()
        if some
    }


def receive_all(viewer: Any, picture: Picture) -> None:
    while (message := viewer._pick()) is not None:
        if isinstance(message, str):
            assert picture.receive(json.loads(message)) in ("ok", "snap")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, start=st.integers(0, 40))
def test_a_snapshot_and_the_deltas_since_are_the_snapshot_now(
    steps: list[tuple[str, int, int, bool]], start: int
) -> None:
    world = World()
    hub = Hub(
        types.SimpleNamespace(store=world.store), world.clock, PROFILE, feed=StreamFeed(MemoryStream()), summary_s=0.0
    )
    watching: list[tuple[Any, Picture]] = []

    def follow() -> None:
        with world.store.reading() as reader:
            for r in reader.events(hub.board.position):
                if hub.board.missing(r):
                    for kind, state in revive(reader, r):
                        hub.board.adopt(kind, state)
                hub.board.apply(r)
        hub._tell()
        for group in hub._groups.values():
            group.tick()
        for viewer, picture in watching:
            receive_all(viewer, picture)

    for i, (what, a, b, rest) in enumerate(steps):
        if i == min(start, len(steps) - 1):
            with world.store.reading() as reader:
                hub.board = load(reader, world.clock.now())
                hub._summary = Summary(hub.board)
                hub.fleet.enlist(hub.board)
            for area in AREAS:
                for view in ("wall", "console", "disputes", "cameras"):
                    viewer = hub.subscribe(ADMIN, view, area)
                    watching.append((viewer, Picture()))
                    receive_all(*watching[-1])
        world.act(what, a, b)
        if watching and not rest:  # sometimes several commands come in one batch
            follow()
    follow()

    now = world.clock.now()
    with world.store.reading() as reader:
        truth = load(reader, now)
    assert hub.board.position == truth.position
    told = Summary(truth)
    for viewer, picture in watching:  # what no clock is needed for has been told already
        counted = told.parts(viewer.group.parts, viewer.group.area, now, Freshness(truth, {}, now), {})
        for part, number in (
            ("alarms", "unacked"),
            ("incidents", "open"),
            ("orders", "awaiting"),
            ("units", "available"),
            ("disputes", "open"),
        ):
            if part in counted:
                assert picture.summary[part][number] == counted[part][number], (
                    part,
                    viewer.group.view,
                    viewer.group.area,
                )
    hub._look_at_clock()
    for group in hub._groups.values():
        group.second(b"{}")  # type: ignore[arg-type]
    fresh = Freshness(truth, {}, now)
    for viewer, picture in watching:
        receive_all(viewer, picture)
        group = viewer.group
        mine = hub.board.snapshot(group.view, group.area)
        assert {k: v for k, v in picture.cards.items() if v} == mine["cards"], (group.view, group.area)
        assert plain(mine) == plain(truth.snapshot(group.view, group.area)), (group.view, group.area)
        expected = Summary(truth).parts(group.parts, group.area, now, fresh, hub._stale)
        assert picture.summary == json.loads(json.dumps(expected)), (group.view, group.area)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, data=st.data())
def test_deltas_of_a_batch_may_be_cut_anywhere_and_the_versions_only_grow(
    steps: list[Any], data: st.DataObject
) -> None:
    world = World()
    for what, a, b, _ in steps:
        world.act(what, a, b)
    with world.store.reading() as reader:
        events = reader.events(0, limit=10_000)
    seen: dict[tuple[str, str], int] = {}
    board = load_empty()
    while events:
        cut = data.draw(st.integers(1, len(events)))
        for r in events[:cut]:
            if board.missing(r):
                with world.store.reading() as reader:
                    for kind, state in revive(reader, r):
                        board.adopt(kind, state)
            board.apply(r)
        events = events[cut:]
        for change in board.take():
            assert change.v > seen.get((change.kind, change.id), 0)
            seen[change.kind, change.id] = change.v
    with world.store.reading() as reader:
        truth = load(reader, world.clock.now())
    board.prune(world.clock.now())
    assert plain(board.snapshot("console", "")) == plain(truth.snapshot("console", ""))
    assert board.past == truth.past
    assert +board.camera_counts == +truth.camera_counts
    assert +board.unit_counts == +truth.unit_counts
    assert set(PARTS) == set(Summary(board).parts(PARTS, "", world.clock.now(), Freshness(board, {}, 0), {}))


def load_empty() -> Any:
    store = MemoryStore()
    with store.reading() as reader:
        return load(reader, 0)
