"""The hub: one per web process.  It keeps the live picture and tells every open page what has changed.

It starts from SQL at a position and follows the change stream from there.  Entry ids are positions, so a hole, a
wiped stream or a relay that starts again is noticed and filled from SQL; when the stream says nothing although SQL
has moved on, SQL is asked directly.  Without Redis the hub goes on serving, and the ages it sends grow.

Changes go out as soon as they are read, positions at most every 50 ms, counters at most five times a second, a beat
with the signs of life once a second.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

import msgspec
import structlog

from dashboard import access
from dashboard.config import Profile, effective
from dashboard.domain.centre import LENGTHS
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Invalid, NotFound
from dashboard.domain.events import Recorded
from dashboard.domain.position import Fix
from dashboard.domain.response import level_at
from dashboard.ports import Clock, Entry, Store
from dashboard.projections.board import Board, load, revive
from dashboard.projections.summary import Freshness, Summary, stale_units
from datasource.web.feed import Feed
from datasource.web.fleet import SOME, Fleet
from datasource.web.viewers import Group, Viewer

CHANGES, VITALS, POSITIONS = "changes", "vitals", "positions"
TICK_S = 0.05
BEAT_S = 1.0
SUMMARY_S = 0.2
STUCK_S = 15.0
IDLE_GROUP_S = 60.0
MOST_GROUPS = 256
"""So many are kept with nobody watching: whoever asks for the snapshots of a thousand areas must not slow down all screens."""
CATCH_UP_S = 1.0
REVOKE_S = 0.5
READ = 1_000
REWIND_MS = 60_000
"""How much of the positions is read again at the start, as the tracker may not have written the last of them."""

log = structlog.get_logger()
_json = msgspec.json.Encoder().encode
_recorded = msgspec.json.Decoder(Recorded)
_vital = msgspec.json.Decoder()
_fixes = msgspec.msgpack.Decoder(tuple[str, int, list[Fix]])


class Backend(Protocol):
    """What the hub needs of the backend."""

    @property
    def store(self) -> Store:
        """Events and state."""


class Hub:
    """Follows, folds and tells.  ``run`` it as a task; ``subscribe`` pages to it."""

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        profile: Profile,
        *,
        feed: Feed,
        demo: bool = False,
        is_live: Callable[[str], bool] | None = None,
        summary_s: float = SUMMARY_S,
    ) -> None:
        self.clock = clock
        self.demo = demo
        self.summary_s = summary_s
        self.epoch = ""
        self.board = Board()
        self.fleet = Fleet()
        self.vitals: dict[str, tuple[int, dict[str, Any]]] = {}
        self.frames_sent = 0
        self.following = False
        self._store = backend.store
        self._profile = profile
        self._feed = feed
        self._is_live = is_live
        self._groups: dict[tuple[str, str], Group] = {}
        self._summary = Summary(self.board)
        self._fresh = Freshness(self.board, {}, clock.now())
        self._stale: dict[str, int] = {}
        self._cursors = {VITALS: "0-0", POSITIONS: "0-0"}
        self._applying = asyncio.Lock()
        self._ready = asyncio.Event()
        self._frame_at = 0.0

    # --- for the web application ------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Say whether the picture has been loaded."""
        return self._ready.is_set()

    async def wait_ready(self, timeout_s: float = 10.0) -> bool:
        """Wait until the picture has been loaded; False when it took too long."""
        try:
            await asyncio.wait_for(self._ready.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def subscribe(self, actor: Actor, view: str, area: str | None = None, client: str = "") -> Viewer:
        """Let somebody watch a view of an area (default: the actor's own).

        Raises Forbidden for the role, NotFound for another area or view, Invalid for what is no area code.
        """
        group = self._group_for(actor, view, area)
        viewer = Viewer(group, actor, client[:64])
        group.viewers.add(viewer)
        group.idle_since = time.monotonic()
        return viewer

    def snapshot(self, actor: Actor, view: str, area: str | None = None) -> str:
        """Return the message ``snap`` for somebody who may see it; raises like :meth:`subscribe`."""
        return self._group_for(actor, view, area).snapshot()

    def viewers(self) -> list[dict[str, Any]]:
        """List who is watching, for the administrator."""
        found = (v for g in self._groups.values() for v in g.viewers)
        return [
            {
                "client": v.client,
                "view": v.group.view,
                "area": v.group.area,
                "actor": v.actor.label,
                "since": v.since,
                "ack_at": v.ack_at,
                "behind": v.group.seq - v.ack["seq"] if isinstance(v.ack.get("seq"), int) else None,
                "fps": v.ack.get("fps"),
                "skew": v.ack.get("skew"),
                "resyncs": v.resyncs,
                "waiting": v.waiting,
            }
            for v in found
        ]

    def status(self) -> dict[str, Any]:
        """Return what ``/readyz`` wants to know of the hub."""
        pulse = self.vitals.get("pulse")
        return {
            "ready": self.ready,
            "following": self.following,
            "position": self.board.position,
            "pulse_age_ms": self.clock.now() - pulse[0] if pulse else None,
            "viewers": sum(len(g.viewers) for g in self._groups.values()),
        }

    async def run(self) -> None:
        """Live until cancelled; no fault of Redis or SQL ends it."""
        try:
            await self._persist(self._load)
            async with asyncio.TaskGroup() as tasks:
                for step in (
                    self._follow,
                    self._follow_positions,
                    self._tick,
                    self._second,
                    self._catch_up,
                    self._revoke,
                ):
                    tasks.create_task(self._forever(step))
        finally:
            for group in self._groups.values():
                for viewer in list(group.viewers):
                    viewer.bye("restart")
            await self._feed.close()

    # --- for groups ----------------------------------------------------------------------

    def summary_of(self, parts: Iterable[str], area: str) -> dict[str, Any]:
        """Answer counters of an area as they are now."""
        return self._summary.parts(parts, area, self.clock.now(), self._fresh, self._stale)

    def vitals_for(self, view: str) -> dict[str, dict[str, Any]]:
        """Return the signs of life; what a process says of itself is for the administrator."""
        if view == "admin":
            return {key: {**detail, "at": at} for key, (at, detail) in self.vitals.items()}
        return {key: {"at": at} for key, (at, _) in self.vitals.items()}

    # --- starting --------------------------------------------------------------------------

    async def _load(self) -> None:
        """Read everything from SQL; every page that is open gets a snapshot of it."""
        now = self.clock.now()

        def read() -> tuple[Board, dict[str, tuple[int, dict[str, Any]]], dict[str, Fix]]:
            with self._store.reading() as reader:
                return load(reader, now), reader.vitals(), reader.positions()

        board, vitals, fixes = await asyncio.to_thread(read)
        self.board, self.fleet, self.epoch = board, Fleet(), secrets.token_hex(8)
        self._summary = Summary(board)
        for key, (at, detail) in vitals.items():
            self._note_vital(key, at, detail)
        self.fleet.fold(fixes.values())
        self.fleet.enlist(board)
        self.fleet.moved()
        self.frames_sent += 1
        self._cursors = {VITALS: f"{max(0, now - REWIND_MS)}-0", POSITIONS: f"{max(0, now - REWIND_MS)}-0"}
        self._look_at_clock()
        for group in list(self._groups.values()):
            del self._groups[group.view, group.area]
            fresh = self._group(group.view, group.area)
            fresh.viewers = group.viewers
            for viewer in fresh.viewers:
                viewer.group = fresh
                viewer.start_over()
        self._ready.set()
        log.info("hub loaded", position=board.position, units=len(board.cards["unit"]), epoch=self.epoch)

    # --- following changes -------------------------------------------------------------------

    async def _follow(self) -> None:
        """Read changes and signs of life as they come."""
        cursors = {CHANGES: f"{self.board.position}-0", VITALS: self._cursors[VITALS]}
        found = await self._read(cursors, block_ms=1000)
        for entry in found.get(VITALS, ()):
            self._cursors[VITALS] = entry.id
            vital = _vital.decode(entry.body)
            self._note_vital(vital["key"], vital["at"], vital.get("detail") or {})
        if entries := found.get(CHANGES):
            async with self._applying:
                for entry in entries:
                    await self._take(entry)
                self._tell()

    async def _take(self, entry: Entry) -> None:
        position = int(entry.id.partition("-")[0])
        if position > self.board.position + 1:
            await self._fill(position - 1)
        if position <= self.board.position:
            return
        try:
            await self._apply(_recorded.decode(entry.body))
        except msgspec.DecodeError as fault:  # written by a newer version of us: the rest must not wait for it
            log.error("change cannot be read", position=position, fault=str(fault))
            self.board.position = position

    async def _fill(self, until: int) -> None:
        """Read from SQL what the stream has not got, up to position ``until``."""

        def read() -> list[Recorded]:
            with self._store.reading() as reader:
                return reader.events(self.board.position, until=until, limit=READ)

        while self.board.position < until and (events := await asyncio.to_thread(read)):
            for recorded in events:
                await self._apply(recorded)

    async def _apply(self, recorded: Recorded) -> None:
        if recorded.position > self.board.position and self.board.missing(recorded):

            def read() -> list[tuple[str, Any]]:
                with self._store.reading() as reader:
                    return revive(reader, recorded)

            try:
                for kind, state in await asyncio.to_thread(read):
                    self.board.adopt(kind, state)
            except NotFound as fault:
                log.error("change of an unknown thing", position=recorded.position, fault=str(fault))
        try:
            self.board.apply(recorded)
        except Exception:  # one event we cannot fold must not end the picture of everything else
            log.exception("change cannot be folded", position=recorded.position, subject=recorded.subject)

    def _tell(self) -> None:
        """Send everybody what the board has taken in."""
        changes, cameras = self.board.take(), self.board.take_camera_areas()
        if not changes and not cameras:
            return
        moved = self._summary.note(changes, cameras)
        self.fleet.note(changes)
        for group in self._groups.values():
            group.change(changes, moved)

    async def _catch_up(self) -> None:
        """When SQL has moved on and the stream has not, do without the stream."""
        before = self.board.position
        await asyncio.sleep(CATCH_UP_S)
        head = await asyncio.to_thread(self._store.head)
        if self.board.position != before or head == before:
            return
        async with self._applying:
            if head < before:
                log.warning("the database is another one", position=before, head=head)
                await self._load()
            elif self.board.position == before:
                log.warning("changes taken from SQL", position=before, head=head)
                await self._fill(head)
                self._tell()

    def _note_vital(self, key: str, at: int, detail: dict[str, Any]) -> None:
        if key not in self.vitals or at >= self.vitals[key][0]:
            self.vitals[key] = (at, detail)

    # --- following positions -------------------------------------------------------------------

    async def _follow_positions(self) -> None:
        """Read positions; under load once a tick, else as they come."""
        found = await self._read({POSITIONS: self._cursors[POSITIONS]}, block_ms=1000)
        fleet = self.fleet
        for entry in found.get(POSITIONS, ()):
            self._cursors[POSITIONS] = entry.id
            try:
                fleet.fold(_fixes.decode(entry.body)[2])
            except msgspec.DecodeError as fault:
                log.error("positions cannot be read", entry=entry.id, fault=str(fault))
        self._send_frames()
        await asyncio.sleep(max(0.0, self._frame_at - time.monotonic()))

    def _send_frames(self) -> None:
        tick = time.monotonic()
        if tick < self._frame_at:
            return
        slots = self.fleet.moved()
        if not slots:
            return
        self._frame_at = tick + TICK_S
        self.frames_sent += 1
        now = self.clock.now()
        made: dict[str, bytes | None] = {}
        for group in self._groups.values():
            if not (group.viewers and group.shows_units):
                continue
            if group.area not in made:
                some = self.fleet.some_slots(slots, group.area)
                made[group.area] = self.fleet.frame(SOME, some, now) if some else None
            if message := made[group.area]:
                group.frame(message)

    # --- the clock -----------------------------------------------------------------------------

    async def _tick(self) -> None:
        await asyncio.sleep(TICK_S)
        self._send_frames()
        for group in self._groups.values():
            group.tick()

    async def _second(self) -> None:
        """What is due once a second, at the same moment of each."""
        await asyncio.sleep(BEAT_S - time.time() % BEAT_S)
        self._look_at_clock()
        raw: dict[bool, msgspec.Raw] = {}
        for key, group in list(self._groups.items()):
            admin = group.view == "admin"
            if admin not in raw:
                raw[admin] = msgspec.Raw(_json(self.vitals_for(group.view)))
            group.second(raw[admin])
            for viewer in list(group.viewers):
                if viewer.stuck_since is not None and time.monotonic() - viewer.stuck_since > STUCK_S:
                    log.info("viewer does not read", client=viewer.client, actor=viewer.actor.label)
                    viewer.abort()
            if not group.viewers and time.monotonic() - group.idle_since > IDLE_GROUP_S:
                del self._groups[key]

    def _look_at_clock(self) -> None:
        now = self.clock.now()
        levels = self.board.states["level"]

        def limit_s(area: str, tasked: bool) -> float:
            level = level_at(area, levels)
            name = "position.stale_tasked_s" if tasked else "position.stale_idle_s"
            return effective(self._profile, name, area, now, level.level if level else "normal").value

        self._fresh = Freshness(self.board, self.vitals, now)
        self._stale = stale_units(self.board, self.fleet.fix_at, now, limit_s)

    async def _revoke(self) -> None:
        """Close the pages of sessions that have ended."""
        await asyncio.sleep(REVOKE_S)
        watching: dict[str, list[Viewer]] = {}
        for group in self._groups.values():
            for viewer in group.viewers:
                if viewer.actor.session_id:
                    watching.setdefault(viewer.actor.session_id, []).append(viewer)
        is_live = self._is_live
        if is_live is None or not watching:
            return
        ended = await asyncio.to_thread(lambda: [id for id in watching if not is_live(id)])
        for id in ended:
            for viewer in watching[id]:
                viewer.bye("session")

    # --- helpers -------------------------------------------------------------------------------

    def _group_for(self, actor: Actor, view: str, area: str | None) -> Group:
        area = actor.scope if area is None else area
        if view not in access.VIEWS:
            raise NotFound("notfound.view", view=view)
        if area and not (area.isascii() and area.isdigit() and len(area) in LENGTHS):
            raise Invalid("invalid.area", field="area", value=area)
        access.require(actor, f"view:{view}", area)
        return self._group(view, area)

    def _group(self, view: str, area: str) -> Group:
        found = self._groups.get((view, area))
        if found is None:
            if len(self._groups) >= MOST_GROUPS:
                for key in [key for key, group in self._groups.items() if not group.viewers]:
                    del self._groups[key]
            found = self._groups[view, area] = Group(self, view, area)
        return found

    async def _read(self, cursors: Mapping[str, str], block_ms: int) -> dict[str, list[Entry]]:
        try:
            found = await self._feed.read(dict(cursors), count=READ, block_ms=block_ms)
        except Exception:
            self.following = False
            raise
        self.following = True
        return found

    async def _persist(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do one step, again and again with growing pauses until it works."""
        pause = 0.1
        while True:
            try:
                return await step()
            except Exception as fault:
                log.warning(
                    "hub waits",
                    step=step.__name__,
                    fault=f"{type(fault).__name__}: {fault}"[:200],
                    retry_s=round(pause, 2),
                )
                await asyncio.sleep(pause * random.uniform(0.6, 1.0))
                pause = min(1.0, pause * 2)

    async def _forever(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await self._persist(step)
