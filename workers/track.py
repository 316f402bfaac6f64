"""Keeps where units are: the latest believed fix of each, and a thinned track, in the position store.

Only of units on duty: where somebody is after work is nobody's business.

The stream of positions is read whole and folded with the domain's rule; once a second what changed is written in one
go.  Reading a minute of it again after a restart is harmless, because an old fix changes nothing.
"""

import time
from collections import deque

import msgspec
import structlog

from dashboard.domain.geo import distance_m
from dashboard.domain.position import Fix, Track, accept
from dashboard.ports import Clock, Store, Stream
from datasource import facts
from datasource.settings import Settings
from workers.loop import process

READ = 500
READ_BLOCK_MS = 200
FLUSH_S = 1.0
RETENTION_MS = 60_000
UNITS_AGAIN_S = 30.0
UNKNOWN_AGAIN_S = 2.0
OFF_DUTY_AGAIN_S = 5.0
EARLY_KEPT = 50_000

THIN_AFTER_MS = 10_000
THIN_DISTANCE_M = 20.0
THIN_AT_LATEST_MS = 300_000

log = structlog.get_logger()
_entry = msgspec.msgpack.Decoder(tuple[str, int, list[Fix]])


class Tracker:
    """One per instance is enough; two do no harm, since both come to the same."""

    def __init__(self, stream: Stream, store: Store, clock: Clock, *, block_ms: int = READ_BLOCK_MS) -> None:
        self.lag = 0
        self.note = ""
        self.unknown: dict[str, int] = {}
        self._stream = stream
        self._store = store
        self._clock = clock
        self._block_ms = block_ms
        self._cursor: str | None = None
        self._tracks: dict[str, Track] = {}
        self._kept: dict[str, Fix] = {}
        self._on_duty: dict[str, bool] = {}
        self._early: deque[Fix] = deque(maxlen=EARLY_KEPT)
        self._units_at = 0.0
        self._changed: dict[str, Fix] = {}
        self._thinned: list[Fix] = []
        self._seen: dict[str, int] = {}
        self._flush_at = 0.0

    def reset(self) -> None:
        """Start again from what is stored, and the whole stream."""
        self._cursor = None

    def step(self) -> float:
        """Read and fold what came; write once a second."""
        if self._cursor is None:
            self._start()
        assert self._cursor is not None
        entries = self._stream.read({facts.POSITIONS: self._cursor}, count=READ, block_ms=self._block_ms).get(
            facts.POSITIONS, []
        )
        for entry in entries:
            self._fold(entry.body)
        if entries:
            self._cursor = entries[-1].id
            self.lag = max(0, self._clock.now() - int(self._cursor.partition("-")[0])) if len(entries) == READ else 0
        else:
            self.lag = 0
        if time.monotonic() >= self._flush_at:
            self._flush()
            self._flush_at = time.monotonic() + FLUSH_S
        return 0.0

    def _start(self) -> None:
        with self._store.reading() as reader:
            stored = reader.positions()
        self._tracks = {unit_id: Track(fix) for unit_id, fix in stored.items()}
        self._kept = dict(stored)
        self._changed.clear()
        self._thinned.clear()
        self._early.clear()
        self._learn_units()
        # We trim to a minute ourselves, so there is more only when nobody was tracking; then all of it is wanted.
        self._cursor = "0-0"

    def _learn_units(self) -> None:
        with self._store.reading() as reader:
            self._on_duty = {unit.id: unit.on_duty for unit in reader.find("unit")}
        self._units_at = time.monotonic()
        early, self._early = self._early, deque(maxlen=EARLY_KEPT)
        for fix in early:
            if self._on_duty.get(fix.unit_id):
                self._believe(fix)

    def _fold(self, body: bytes) -> None:
        try:
            source, received_at, fixes = _entry.decode(body)
        except msgspec.DecodeError as fault:
            log.warning("positions undecodable", fault=str(fault))
            return
        if source and not source.startswith("unit:"):
            self._seen[source] = max(received_at, self._seen.get(source, 0))
        for fix in fixes:
            if self._on_duty.get(fix.unit_id) or self._now_on_duty(fix):
                self._believe(fix)

    def _believe(self, fix: Fix) -> None:
        unit_id = fix.unit_id
        after = accept(self._tracks.get(unit_id), fix)
        if after is None:
            return
        self._tracks[unit_id] = after
        if after.fix is fix:
            self._changed[unit_id] = fix
            self._thin(fix)

    def _now_on_duty(self, fix: Fix) -> bool:
        """Ask SQL about a unit that we do not know, or know to be off duty, but only every few seconds.

        What it said is held until then: its registration or its going on duty may still be on the way.
        """
        unit_id = fix.unit_id
        pause_s = OFF_DUTY_AGAIN_S if unit_id in self._on_duty else UNKNOWN_AGAIN_S
        if time.monotonic() - self._units_at > pause_s:
            self._learn_units()
        if self._on_duty.get(unit_id):
            return True
        self._early.append(fix)
        if unit_id not in self._on_duty:
            if unit_id not in self.unknown and len(self.unknown) < 1000:
                log.warning("position of an unknown unit", unit=unit_id)
            self.unknown[unit_id] = self.unknown.get(unit_id, 0) + 1
        return False

    def _thin(self, fix: Fix) -> None:
        """Keep a point of the track: after 10 s when the unit moved 20 m, after 5 minutes in any case."""
        kept = self._kept.get(fix.unit_id)
        if kept is not None:
            waited = fix.at - kept.at
            if waited < THIN_AFTER_MS:
                return
            if waited < THIN_AT_LATEST_MS and distance_m(kept.lat, kept.lon, fix.lat, fix.lon) < THIN_DISTANCE_M:
                return
        self._kept[fix.unit_id] = fix
        self._thinned.append(fix)

    def _flush(self) -> None:
        if self._changed or self._thinned:
            self._store.save_positions(list(self._changed.values()), self._thinned)
            self._changed = {}
            self._thinned = []
        if self._seen:
            with self._store.transaction() as tx:
                for source, at in self._seen.items():
                    tx.vital(f"source:{source}", at, {})
            self._seen = {}
        self.note = f"unknown units: {len(self.unknown)}" if self.unknown else ""
        self.unknown.clear()
        self._stream.trim_before(facts.POSITIONS, f"{max(0, self._clock.now() - RETENTION_MS)}-0")
        # A phone that has said where it is says so again in a minute only: what it said early must not wait for that.
        if time.monotonic() - self._units_at > (OFF_DUTY_AGAIN_S if self._early else UNITS_AGAIN_S):
            self._learn_units()


def main(settings: Settings | None = None) -> None:
    """Run the process ``track``."""
    with process("track", settings) as this:
        b = this.backend
        this.run(Tracker(b.stream, b.store, b.clock))


if __name__ == "__main__":
    main()
