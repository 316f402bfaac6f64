"""The board: everything that is open now, as cards, folded from events.

A pure fold: ``load`` from SQL at a position, then ``apply`` every event after it, in order.  One event costs work for
the cards it changes and no more.  ``take`` hands out what has changed since the last time, so that a hub can tell
each area its share; ``snapshot`` is the whole of it.  The law ``snapshot(t0) + changes(t0..t) == snapshot(t)`` is held
by a property test.

What is closed is forgotten.  A few events bring something back (a reopened incident): :meth:`Board.missing` names
them, and the caller gives the states from SQL to :meth:`Board.adopt` first.  Those may be newer than the event;
versions make applying the events in between harmless.

Cameras are too many for cards: of each the board keeps area, source and health, as counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from dashboard.domain import camera, dispatch
from dashboard.domain import events as e
from dashboard.domain.alert import alarm_id
from dashboard.domain.errors import NotFound
from dashboard.domain.events import Recorded
from dashboard.domain.worktime import DAY_MS
from dashboard.ports import Reader
from dashboard.projections import cards
from dashboard.projections.merge import TOMBS_KEPT
from dashboard.projections.states import evolve

HOUR_MS = 3_600_000
UTC8_MS = 8 * HOUR_MS
CARD_KINDS = tuple(cards.CARDS)
_BIRTHS = (
    e.IncidentOpened,
    e.UnitRegistered,
    e.OrderQueued,
    e.AlarmRaised,
    e.CameraAlertRaised,
    e.DisputeOpened,
    e.SourceRegistered,
    e.LevelProposed,
    e.LevelChanged,
    e.LevelProposalDropped,
)
_REVIVALS = (e.IncidentReopened, e.CameraAlertVerdictUndone)


class Shown:
    """A card on the board; ``raw`` keeps its encoded forms for whoever sends it."""

    __slots__ = ("area", "data", "raw", "v")

    def __init__(self, data: cards.Card) -> None:
        self.v: int = data["v"]
        self.area: str = data["area"]
        self.data = data
        self.raw: dict[str, Any] = {}


class Change(NamedTuple):
    """One card's change since the last :meth:`Board.take`; ``v`` is the version of a removal too."""

    kind: str
    id: str
    before: Shown | None
    after: Shown | None
    v: int


class Past(NamedTuple):
    """An incident of the last day, open or not: enough for the trend and the counts of today."""

    area: str
    opened_at: int
    closed_at: int | None


def day_start(now: int) -> int:
    """Return the instant at which the local day (UTC+8) of ``now`` began."""
    return (now + UTC8_MS) // DAY_MS * DAY_MS - UTC8_MS


def trend_start(now: int) -> int:
    """Return the start of the first of the 24 hours that end with the running one."""
    return now // HOUR_MS * HOUR_MS - 23 * HOUR_MS


class Board:
    """Everything open, of all areas, up to ``position``."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.states: dict[str, dict[str, Any]] = {kind: {} for kind in CARD_KINDS}
        self.cards: dict[str, dict[str, Shown]] = {kind: {} for kind in CARD_KINDS}
        self.by_area: dict[str, dict[str, dict[str, Shown]]] = {kind: {} for kind in CARD_KINDS}
        self.tombs: dict[tuple[str, str], tuple[int, str]] = {}
        self.past: dict[str, Past] = {}
        self.slots: dict[str, int] = {}
        self.unit_counts: Counter[tuple[str, str, bool]] = Counter()
        self.camera_counts: Counter[tuple[str, str, str]] = Counter()
        self._cameras: dict[str, tuple[str, str, str]] = {}
        self._camera_areas: set[str] = set()
        self._orders_of: defaultdict[str, set[str]] = defaultdict(set)
        self._adopted: dict[tuple[str, str], Any] = {}
        self._before: dict[tuple[str, str], Shown | None] = {}
        self._dropped: dict[tuple[str, str], int] = {}

    # --- reading ------------------------------------------------------------------

    def within(self, kind: str, area: str) -> Iterator[Shown]:
        """Yield the cards of a kind that belong on the screens of ``area``."""
        for code, shown in self.by_area[kind].items():
            if cards.visible(kind, code, area):
                yield from shown.values()

    def snapshot(self, view: str, area: str) -> dict[str, Any]:
        """Return ``{"cards": {kind: {id: card}}, "tombs": {kind: {id: version}}}`` of a view of an area."""
        found: dict[str, dict[str, Any]] = {}
        for kind in cards.VIEW_KINDS[view]:
            some = {s.data["id"]: cards.for_view(view, kind, s.data) for s in self.within(kind, area)}
            if some:
                found[kind] = some
        return {"cards": found, "tombs": self.tombs_within(view, area)}

    def tombs_within(self, view: str, area: str) -> dict[str, dict[str, int]]:
        """Return the tombstones that matter to a view of an area."""
        found: dict[str, dict[str, int]] = {}
        for (kind, id), (v, code) in self.tombs.items():
            if kind in cards.VIEW_KINDS[view] and cards.visible(kind, code, area):
                found.setdefault(kind, {})[id] = v
        return found

    def take(self) -> list[Change]:
        """Return what has changed since the last call, each card once, and forget it."""
        changes = []
        for (kind, id), before in self._before.items():
            after = self.cards[kind].get(id)
            if after is not before and not (after is None and before is None):
                changes.append(Change(kind, id, before, after, after.v if after else self._dropped[kind, id]))
        self._before, self._dropped = {}, {}
        return changes

    def take_camera_areas(self) -> set[str]:
        """Return the areas whose camera counts have changed since the last call, and forget them."""
        areas, self._camera_areas = self._camera_areas, set()
        return areas

    # --- folding ------------------------------------------------------------------

    def missing(self, r: Recorded) -> bool:
        """Say whether ``r`` brings back something the board has forgotten: :meth:`adopt` it before applying ``r``."""
        key = (r.subject_kind, r.subject_id)
        return isinstance(r.event, _REVIVALS) and key[1] not in self.states[key[0]] and key not in self._adopted

    def adopt(self, kind: str, state: Any) -> None:
        """Take a state from SQL that :meth:`missing` asked for (for an incident, also those of its orders)."""
        self._adopted[kind, state.id] = state

    def apply(self, r: Recorded) -> None:
        """Fold one event; one that is not newer than ``position`` changes nothing."""
        if r.position <= self.position:
            return
        self.position = r.position
        kind, id = r.subject_kind, r.subject_id
        if kind == "camera":
            self._fold_camera(id, r)
            return
        if kind not in self.states:
            return
        state = self.states[kind].get(id) or self._adopted.pop((kind, id), None)
        if state is None and not isinstance(r.event, _BIRTHS):
            return  # something of a thing that is over: a late receipt, a note
        if state is None or r.version > state.version:
            state = evolve(state, r)
        self._settle(kind, id, state, r.position)
        if kind == "incident":
            self._remember(state)

    def prune(self, now: int) -> None:
        """Forget incidents that no count of today and no hour of the trend needs any more."""
        today, first = day_start(now), trend_start(now)
        for id in [
            i for i, p in self.past.items() if p.opened_at < first and (p.closed_at is None or p.closed_at < today)
        ]:
            del self.past[id]

    def _settle(self, kind: str, id: str, state: Any, v: int) -> None:
        """Keep or forget a thing after a change, and redraw what depends on it."""
        keep = cards.is_open(kind, state) or (kind == "order" and state.incident_id in self.states["incident"])
        if keep:
            self.states[kind][id] = state
            self._draw(kind, id, v)
        else:
            self.states[kind].pop(id, None)
            self._erase(kind, id, v)
        if kind == "order":
            if keep:
                self._orders_of[state.incident_id].add(id)
            elif state.incident_id in self._orders_of:
                self._orders_of[state.incident_id].discard(id)
            self._redraw_unit(state.unit_id, v)
        elif kind == "incident":
            self._settle_orders(id, keep, v)
        elif kind == "alarm" and state.rule == "unit_lost":
            self._redraw_unit(state.subject.partition(":")[2], v)

    def _settle_orders(self, incident_id: str, is_open: bool, v: int) -> None:
        """Ended orders come and go with their incident."""
        for key in [k for k, s in self._adopted.items() if k[0] == "order" and s.incident_id == incident_id]:
            state = self._adopted.pop(key)
            if is_open and key[1] not in self.states["order"]:
                self._settle("order", key[1], state, v)
        if not is_open:
            for id in sorted(self._orders_of.pop(incident_id, ())):
                state = self.states["order"][id]
                if state.status in dispatch.ACTIVE:
                    self._orders_of[incident_id].add(id)
                else:
                    self._settle("order", id, state, v)

    def _redraw_unit(self, id: str, v: int) -> None:
        if id in self.states["unit"]:
            self._draw("unit", id, v)

    def _draw(self, kind: str, id: str, v: int) -> None:
        state = self.states[kind][id]
        if kind == "unit":
            orders = [o for i in state.orders if (o := self.states["order"].get(i))]
            lost = cards.is_lost(self.states["alarm"].get(alarm_id("unit_lost", f"unit:{id}")))
            slot = self.slots.setdefault(id, len(self.slots))
            card = cards.unit_card(state, v, orders=orders, slot=slot, lost=lost)
        else:
            card = cards.CARDS[kind](state, v)
        old, new = self.cards[kind].get(id), Shown(card)
        if old is not None and kind == "unit" and old.data | {"v": v} == card:
            return  # what changed of its order does not show on the unit
        self._before.setdefault((kind, id), old)
        self._place(kind, id, old, new)
        self.tombs.pop((kind, id), None)

    def _erase(self, kind: str, id: str, v: int) -> None:
        old = self.cards[kind].get(id)
        if old is None:
            return
        self._before.setdefault((kind, id), old)
        self._place(kind, id, old, None)
        self._dropped[kind, id] = v
        self.tombs[kind, id] = (v, old.area)
        while len(self.tombs) > TOMBS_KEPT:
            del self.tombs[next(iter(self.tombs))]

    def _place(self, kind: str, id: str, old: Shown | None, new: Shown | None) -> None:
        areas = self.by_area[kind]
        if old is not None and (new is None or new.area != old.area):
            del areas[old.area][id]
            if not areas[old.area]:
                del areas[old.area]
        if new is None:
            del self.cards[kind][id]
        else:
            self.cards[kind][id] = new
            areas.setdefault(new.area, {})[id] = new
        if kind == "unit":
            for shown, n in ((old, -1), (new, 1)):
                if shown is not None:
                    self.unit_counts[shown.area, shown.data["activity"], shown.data["lost"]] += n

    def _remember(self, s: Any) -> None:
        self.past[s.id] = Past(s.area, s.opened_at, s.closed_at)

    def _fold_camera(self, id: str, r: Recorded) -> None:
        old = self._cameras.get(id)
        if isinstance(r.event, e.CameraRegistered):
            new = (r.area, r.event.source, old[2] if old else camera.HEALTHS[0])
        elif isinstance(r.event, e.CameraHealthChanged) and old:
            new = (old[0], old[1], r.event.health)
        else:
            return
        self._count_camera(id, old, new)

    def _count_camera(self, id: str, old: tuple[str, str, str] | None, new: tuple[str, str, str]) -> None:
        if old == new:
            return
        for key, n in ((old, -1), (new, 1)):
            if key is not None:
                self.camera_counts[key] += n
                self._camera_areas.add(key[0])
        if old is not None and not self.camera_counts[old]:
            del self.camera_counts[old]
        self._cameras[id] = new


def load(reader: Reader, now: int) -> Board:
    """Read the board from SQL, at the reader's position; its cards all get that position as their version."""
    board = Board(reader.head())
    incidents = reader.find("incident", [("status", "!=", "closed")])
    recent = reader.find("incident", [("opened_at", ">=", trend_start(now))])
    recent += reader.find("incident", [("closed_at", ">=", day_start(now))])
    orders = {o.id: o for o in reader.find("order", [("status", "in", sorted(dispatch.ACTIVE))])}
    ids = [s.id for s in incidents]
    for i in range(0, len(ids), 500):
        orders |= {o.id: o for o in reader.find("order", [("incident_id", "in", ids[i : i + 500])])}
    found: dict[str, Iterable[Any]] = {
        "incident": incidents,
        "order": orders.values(),
        "unit": sorted(reader.find("unit"), key=lambda s: s.id),
        "alarm": reader.find("alarm", [("status", "!=", "normal")]),
        "camera_alert": reader.find("camera_alert", [("status", "in", ["open", "ended", "unclear"])]),
        "dispute": reader.find("dispute", [("status", "=", "open")]),
        "level": reader.find("level"),
        "source": reader.find("source"),
    }
    for kind, states in found.items():
        for state in states:
            if kind == "order":
                board._orders_of[state.incident_id].add(state.id)
            board.states[kind][state.id] = state
    for kind in CARD_KINDS:
        for id in board.states[kind]:
            board._draw(kind, id, board.position)
    for state in [*recent, *incidents]:
        board._remember(state)
    board.prune(now)
    for c in reader.find("camera"):
        board._count_camera(c.id, None, (c.area, c.source, c.health))
    board.take()
    board.take_camera_areas()
    return board


def revive(reader: Reader, r: Recorded) -> list[tuple[str, Any]]:
    """Return the (kind, state) pairs that :meth:`Board.adopt` wants before ``r``; raises NotFound('notfound.subject')."""
    state = reader.load(r.subject_kind, r.subject_id)
    if state is None:
        raise NotFound("notfound.subject", subject=r.subject)
    found = [(r.subject_kind, state)]
    if r.subject_kind == "incident":
        found += [("order", order) for order in reader.find("order", [("incident_id", "=", r.subject_id)])]
    return found
