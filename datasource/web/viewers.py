"""Who is watching: groups of viewers that get the same bytes, and the bounded buffer of each viewer.

A viewer that does not read costs a fixed amount: what it has missed is thrown away and replaced by one snapshot, the
newest, when it reads again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from dashboard.domain.commands import Actor
from dashboard.projections import cards
from dashboard.projections.board import Change, Shown
from dashboard.projections.summary import VIEW_PARTS
from datasource.web.fleet import ALL

if TYPE_CHECKING:
    from datasource.web.hub import Hub

MAX_MESSAGES = 64
MAX_CHARS = 1_000_000
MAX_FRAMES = 4
RESYNC_EVERY_S = 1.0
AS_OF_STEP_MS = 5_000
"""A part of which only ``as_of`` has moved is sent again when it moved by this much: pages age it by themselves."""

Message = str | bytes
_json = msgspec.json.Encoder().encode


class Viewer:
    """One open page: what waits to be sent to it, newest wins."""

    def __init__(self, group: "Group", actor: Actor, client: str) -> None:
        self.group = group
        self.actor = actor
        self.client = client
        self.since = group.hub.clock.now()
        self.ack: dict[str, Any] = {}
        self.ack_at: int | None = None
        self.resyncs = 0
        self.stuck_since: float | None = None
        self.reason = ""
        self.abort: Callable[[], object] = self.leave
        self._waiting: deque[Message] = deque()
        self._chars = 0
        self._frames = 0
        self._beat: str | None = None
        self._bye: str | None = None
        self._over = False
        self._want_snap = True
        self._want_all = True
        self._resync_at = 0.0
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many characters and bytes are kept for this viewer."""
        return self._chars

    def offer(self, message: Message) -> None:
        """Queue a delta or a frame; too much of it becomes one snapshot."""
        if self._want_snap or (isinstance(message, bytes) and self._want_all):
            return
        if isinstance(message, bytes):
            if self._frames >= MAX_FRAMES:
                self._drop_frames()
                self._want_all = True
                return
            self._frames += 1
        self._waiting.append(message)
        self._chars += len(message)
        if len(self._waiting) > MAX_MESSAGES or self._chars > MAX_CHARS:
            self._forget()
            self._want_snap = True
        self._wake.set()

    def offer_beat(self, beat: str) -> None:
        """Queue a beat, in place of one that still waits; it goes out after the deltas whose number it carries."""
        self._beat = beat
        self._wake.set()

    def resync(self) -> None:
        """Send a snapshot next (at most one a second)."""
        now = time.monotonic()
        if now >= self._resync_at:
            self._resync_at = now + RESYNC_EVERY_S
            self.resyncs += 1
            self._forget()
            self._want_snap = True
            self._wake.set()

    def start_over(self) -> None:
        """Send a snapshot next, however often: the hub has a new epoch."""
        self._forget()
        self._want_snap = True
        self._wake.set()

    def bye(self, reason: str) -> None:
        """Say goodbye (``session``, ``scope`` or ``restart``) and nothing else any more."""
        self._forget()
        self.reason = self._bye = reason
        self._wake.set()

    def leave(self) -> None:
        """Stop watching."""
        self._over = True
        self._forget()
        self.group.viewers.discard(self)
        self._wake.set()

    async def next(self) -> Message | None:
        """Wait for the next message to send; None after the goodbye."""
        self.stuck_since = None
        while not self._over:
            message = self._pick()
            if message is not None:
                self.stuck_since = time.monotonic()
                return message
            self._wake.clear()
            await self._wake.wait()
        return None

    def _pick(self) -> Message | None:
        if self._bye is not None:
            self._over = True
            return _json({"t": "bye", "reason": self._bye}).decode()
        if self._want_snap:
            self._forget()
            self._want_snap, self._want_all = False, True
            return self.group.snapshot()
        if self._want_all and self.group.shows_units:
            self._want_all = False
            return self.group.all_units()
        if self._waiting:
            message = self._waiting.popleft()
            self._chars -= len(message)
            self._frames -= isinstance(message, bytes)
            return message
        beat, self._beat = self._beat, None
        return beat

    def _drop_frames(self) -> None:
        self._waiting = deque(m for m in self._waiting if isinstance(m, str))
        self._chars = sum(map(len, self._waiting))
        self._frames = 0

    def _forget(self) -> None:
        self._waiting.clear()
        self._chars = self._frames = 0
        self._beat = None


class Group:
    """Everybody with the same view of the same area: each message is made once, and is the same object for all."""

    def __init__(self, hub: "Hub", view: str, area: str) -> None:
        self.hub = hub
        self.view = view
        self.area = area
        self.seq = 0
        self.viewers: set[Viewer] = set()
        self.idle_since = time.monotonic()
        self.parts = VIEW_PARTS[view]
        self.shows_units = "unit" in cards.VIEW_KINDS[view]
        self._variant = cards.variant(view)
        self._kinds = frozenset(cards.VIEW_KINDS[view])
        self._summary = hub.summary_of(self.parts, area)
        self._dirty: set[str] = set()
        self._summary_at = 0.0
        self._snap: tuple[int, str] | None = None
        self._all: tuple[int, bytes] | None = None

    def change(self, changes: list[Change], moved: set[tuple[str, str]]) -> None:
        """Send everybody what these changes mean here."""
        self._dirty.update(
            part
            for part, code in moved
            if part not in self._dirty and part in self.parts and code.startswith(self.area)
        )
        put: dict[str, dict[str, msgspec.Raw]] = {}
        drop: dict[str, dict[str, int]] = {}
        for c in changes:
            if c.kind not in self._kinds:
                continue
            if c.after is not None and cards.visible(c.kind, c.after.area, self.area):
                put.setdefault(c.kind, {})[c.id] = self._raw(c.kind, c.after)
            elif c.before is not None and cards.visible(c.kind, c.before.area, self.area):
                drop.setdefault(c.kind, {})[c.id] = c.v
        if put or drop:
            self._delta(put, drop, self._due_summary())

    def tick(self) -> None:
        """Send counters that have changed, not more often than :data:`datasource.web.hub.SUMMARY_S`."""
        if self._dirty and (summary := self._due_summary()):
            self._delta({}, {}, summary)

    def second(self, vitals: msgspec.Raw) -> None:
        """Once a second: counters that depend on the clock, and the beat."""
        self._dirty.update(self.parts)
        self._summary_at = 0.0
        if summary := self._due_summary():
            self._delta({}, {}, summary)
        self._snap = None  # its clock and signs of life are a second old
        if self.viewers:
            self.idle_since = time.monotonic()
            beat = _json({"t": "beat", "seq": self.seq, "now": self.hub.clock.now(), "vitals": vitals}).decode()
            for viewer in self.viewers:
                viewer.offer_beat(beat)

    def frame(self, message: bytes) -> None:
        """Send a frame of positions."""
        for viewer in self.viewers:
            viewer.offer(message)

    def snapshot(self) -> str:
        """Return the snapshot as it is now, made once for everybody who asks before the next change."""
        if self._snap is None or self._snap[0] != self.seq:
            hub = self.hub
            found = {}
            for kind in cards.VIEW_KINDS[self.view]:
                some = {s.data["id"]: self._raw(kind, s) for s in hub.board.within(kind, self.area)}
                if some:
                    found[kind] = some
            message = {
                "t": "snap",
                "v": 1,
                "epoch": hub.epoch,
                "seq": self.seq,
                "now": hub.clock.now(),
                "view": self.view,
                "area": self.area,
                "cards": found,
                "tombs": hub.board.tombs_within(self.view, self.area),
                "summary": self._summary,
                "vitals": hub.vitals_for(self.view),
                "demo": hub.demo,
            }
            self._snap = (self.seq, _json(message).decode())
        return self._snap[1]

    def all_units(self) -> bytes:
        """Return a frame with every unit of the area, made once per tick."""
        hub = self.hub
        if self._all is None or self._all[0] != hub.frames_sent:
            fleet = hub.fleet
            self._all = (hub.frames_sent, fleet.frame(ALL, fleet.all_slots(self.area), hub.clock.now()))
        return self._all[1]

    def _raw(self, kind: str, shown: Shown) -> msgspec.Raw:
        raw = shown.raw.get(self._variant)
        if raw is None:
            raw = shown.raw[self._variant] = msgspec.Raw(_json(cards.for_view(self.view, kind, shown.data)))
        return raw

    def _due_summary(self) -> dict[str, Any]:
        tick = time.monotonic()
        if tick < self._summary_at:
            return {}
        self._summary_at = tick + self.hub.summary_s
        names, self._dirty = [p for p in self.parts if p in self._dirty], set()
        fresh = self.hub.summary_of(names, self.area)
        changed = {part: value for part, value in fresh.items() if _differs(self._summary.get(part), value)}
        self._summary = self._summary | changed
        return changed

    def _delta(self, put: dict[str, Any], drop: dict[str, Any], summary: dict[str, Any]) -> None:
        self.seq += 1
        self._snap = None
        message: dict[str, Any] = {"t": "delta", "seq": self.seq, "now": self.hub.clock.now()}
        message |= {name: value for name, value in (("put", put), ("drop", drop), ("summary", summary)) if value}
        if self.viewers:
            text = _json(message).decode()
            for viewer in self.viewers:
                viewer.offer(text)


def _differs(old: dict[str, Any] | None, new: dict[str, Any]) -> bool:
    if old is None:
        return True
    if {k: v for k, v in old.items() if k not in ("as_of", "at")} != {
        k: v for k, v in new.items() if k not in ("as_of", "at")
    }:
        return True
    return abs((new["as_of"] or 0) - (old["as_of"] or 0)) >= AS_OF_STEP_MS
