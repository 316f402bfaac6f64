"""Where the units are, live: fixes in, binary frames out.

Believing is the domain's (``position.accept``), the same rule that the tracker applies.  What is believed is kept as
arrays by slot, so that a frame is a selection of columns.  Only units on duty are ever shown.

A frame, little-endian, structure of arrays: header ``u8 0x4D, u8 version, u8 type (1 all, 2 some), u8 0, u32 count,
f64 base_ms``; then ``i32 lat·1e6, i32 lon·1e6, u16 slot, u16 age, u8 heading/2, u8 speed m/s`` (255: unknown).
``age`` is tenths of a second before ``base_ms`` below 60000, else 60000 + minutes.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence

from dashboard.domain.position import Fix, Track, accept
from dashboard.projections.board import Board, Change

MAGIC, VERSION, ALL, SOME = 0x4D, 1, 1, 2
SLOTS = 65_536
HEADER = struct.Struct("<BBBBId")
_MINUTES = 60_000
_UNKNOWN = 255


class Fleet:
    """What is believed of every unit's place, and which units moved since the last frame."""

    def __init__(self) -> None:
        self._tracks: dict[str, Track] = {}
        self._slots: dict[str, int] = {}
        self._area: list[str | None] = []
        self._lat, self._lon, self._at = array("i"), array("i"), array("q")
        self._heading, self._speed = bytearray(), bytearray()
        self._moved: set[int] = set()

    def fix_at(self, unit_id: str) -> int | None:
        """Return the instant (ms) of the last fix we believe."""
        track = self._tracks.get(unit_id)
        return track.fix.at if track else None

    def newest(self) -> int:
        """Return the instant of the newest fix of all (0: none)."""
        return max((t.fix.at for t in self._tracks.values()), default=0)

    def fold(self, fixes: Iterable[Fix]) -> None:
        """Take fixes as they come; old and unbelievable ones change nothing."""
        tracks = self._tracks
        for fix in fixes:
            before = tracks.get(fix.unit_id)
            after = accept(before, fix)
            if after is None:
                continue
            tracks[fix.unit_id] = after
            if before is None or after.fix is not before.fix:
                slot = self._slots.get(fix.unit_id)
                if slot is not None:
                    self._write(slot, after.fix)

    def enlist(self, board: Board) -> None:
        """Take over the units of a freshly loaded board."""
        for id, shown in board.cards["unit"].items():
            self._show(id, shown.data["slot"], shown.area, shown.data["activity"] != "off_duty")

    def note(self, changes: Iterable[Change]) -> None:
        """Follow the unit cards: new units, other areas, on and off duty."""
        for c in changes:
            if c.kind == "unit" and c.after is not None:
                self._show(c.id, c.after.data["slot"], c.after.area, c.after.data["activity"] != "off_duty")

    def moved(self) -> list[int]:
        """Return the slots that have something new to show since the last call, and forget them."""
        slots, self._moved = sorted(s for s in self._moved if self._area[s] is not None and self._at[s]), set()
        return slots

    def all_slots(self, area: str) -> list[int]:
        """Return the slots of the units of an area that can be shown."""
        return [s for s, code in enumerate(self._area) if code is not None and self._at[s] and code.startswith(area)]

    def some_slots(self, slots: Sequence[int], area: str) -> list[int]:
        """Return those of ``slots`` that lie in an area."""
        return [s for s in slots if self._area[s].startswith(area)] if area else list(slots)  # type: ignore[union-attr]

    def frame(self, kind: int, slots: Sequence[int], now: int) -> bytes:
        """Encode the units in ``slots``; ``kind`` is :data:`ALL` or :data:`SOME`."""
        base = now // 100 * 100
        lat, lon, at, heading, speed = self._lat, self._lon, self._at, self._heading, self._speed
        columns = (
            array("i", [lat[s] for s in slots]),
            array("i", [lon[s] for s in slots]),
            array("H", slots),
            array("H", [_age(base - at[s]) for s in slots]),
        )
        if sys.byteorder == "big":
            for column in columns:
                column.byteswap()
        header = HEADER.pack(MAGIC, VERSION, kind, 0, len(slots), float(base))
        return b"".join(
            (
                header,
                *(c.tobytes() for c in columns),
                bytes([heading[s] for s in slots]),
                bytes([speed[s] for s in slots]),
            )
        )

    def _show(self, id: str, slot: int, area: str, on_duty: bool) -> None:
        if slot >= SLOTS:
            return  # more units than a frame can name: they are on the board, not on the map
        while slot >= len(self._area):
            self._area.append(None)
            self._lat.append(0)
            self._lon.append(0)
            self._at.append(0)
            self._heading.append(_UNKNOWN)
            self._speed.append(_UNKNOWN)
        fresh = id not in self._slots
        self._slots[id] = slot
        was, self._area[slot] = self._area[slot], area if on_duty else None
        track = self._tracks.get(id)
        if track is not None and (fresh or was != self._area[slot]):
            self._write(slot, track.fix)

    def _write(self, slot: int, fix: Fix) -> None:
        self._lat[slot] = round(fix.lat * 1e6)
        self._lon[slot] = round(fix.lon * 1e6)
        self._at[slot] = fix.at // 100 * 100  # the grid of ages, so that one fix always reads as the same instant
        self._heading[slot] = _UNKNOWN if fix.heading is None else int(fix.heading % 360 / 2)
        self._speed[slot] = _UNKNOWN if fix.speed is None else min(254, max(0, round(fix.speed)))
        self._moved.add(slot)


def _age(ms: int) -> int:
    tenths = ms // 100 if ms > 0 else 0
    return tenths if tenths < _MINUTES else min(65_535, _MINUTES + ms // 60_000)
