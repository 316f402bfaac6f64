"""Rows into events: what a row of the file says in the words of the API, or why it says nothing usable."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.domain.geo import to_wgs84, valid
from workers.replay.events import CLOSING, FIX, REPORT, STATUS, Event
from workers.replay.mapping import Choice, Incident, Mapping, Position, UnitRules
from workers.replay.rows import Row

DAY_MS = 86_400_000
_PAIR = re.compile(r"^\(?\s*([-+]?\d+(?:\.\d+)?)\s*[,;]\s*([-+]?\d+(?:\.\d+)?)\s*\)?$")


class Unusable(ValueError):
    """A row, or a part of one, that cannot be used; the message names the column and what is wrong."""


class Translator:
    """Turns the rows of one file into events and remembers what it needs of earlier ones."""

    def __init__(self, mapping: Mapping) -> None:
        self._m = mapping
        self._read_instant = _instant_reader(mapping.time.format, mapping.time.zone)
        self._zone = ZoneInfo(mapping.time.zone)
        self.units: dict[str, dict[str, Any]] = {}
        self._ends: dict[str, tuple[int, int]] = {}  # external_ref → (its last instant, line)
        self._bodies: dict[str, str] = {}  # external_ref → category
        self.parts_left_out: list[str] = []

    def events(self, line: int, row: Row) -> list[Event]:
        """Return the events of a row; raises Unusable.  ``parts_left_out`` then says what of it was not used."""
        self.parts_left_out = []
        if self._m.position is not None and self._m.kind == "positions":
            return [self._fix(self._m.position, line, row)]
        assert self._m.incident is not None
        return self._incident(self._m.incident, line, row)

    def closings(self) -> Iterator[Event]:
        """Return, after the last row, the reports that say that an incident is over."""
        rules = self._m.incident
        if rules is None or not (rules.closes or rules.closes_after_min):
            return
        for ref, (at, line) in self._ends.items():
            over = at + int(rules.closes_after_min * 60_000) + 1  # after everything else of that instant
            body = {"category": self._bodies[ref], "external_ref": ref, "closed": True, "event_id": f"{ref}-over"}
            yield Event(over, line, CLOSING, ref, over, body)

    # --- incidents --------------------------------------------------------------------------

    def _incident(self, rules: Incident, line: int, row: Row) -> list[Event]:
        ref = row[rules.external_ref]
        if not ref:
            raise Unusable(f"{rules.external_ref}: empty")
        occurred = self._instant(row, rules.occurred_at)
        told = max(occurred, self._instant(row, rules.told_at)) if rules.told_at and row[rules.told_at] else occurred
        place = self._place(rules, row)
        body: dict[str, Any] = {
            "category": str(choose(self._m.category, row)),
            "area": self._m.area,
            "external_ref": ref,
        }
        if (severity := choose(self._m.severity, row)) is not None:
            body["severity"] = int(severity)
        for field, template, limit in (
            ("title", rules.title, 200),
            ("text", rules.text, 4000),
            ("place_name", rules.place_name, 200),
        ):
            if filled := template.format_map(row).strip()[:limit]:
                body[field] = filled
        if place is not None:
            body["lat"], body["lon"] = place
        if rules.people and row[rules.people]:
            body["people"] = _whole(row, rules.people)
        unit = self._unit(self._m.unit, row, ref, place, line) if self._m.unit else []
        shift = self._folded(occurred) - occurred
        found: list[Event] = []
        if ref not in self._bodies or rules.again == "report":
            # The id follows from what the row says: a row that stands twice in the file has one effect.
            body["event_id"] = hashlib.blake2b(
                repr((ref, occurred, sorted(body.items()))).encode(), digest_size=12
            ).hexdigest()
            found.append(Event(told + shift, line, REPORT, ref, occurred + shift, body))
        self._bodies[ref] = body["category"]
        found += [Event(e.at + shift, line, e.kind, e.key, e.occurred_at + shift, e.body) for e in unit]
        last = max([told + shift, *(e.at for e in found)])
        self._ends[ref] = (max(last, self._ends.get(ref, (0, 0))[0]), line)
        return found

    def _place(self, rules: Incident, row: Row) -> tuple[float, float] | None:
        if rules.place:
            text = row[rules.place]
            if not text:
                return None
            found = _PAIR.match(text)
            if found is None:
                raise Unusable(f"{rules.place}: {text[:60]!r} is no pair of coordinates")
            lat, lon = float(found[1]), float(found[2])
            where = rules.place
        elif rules.lat:
            if not row[rules.lat] and not row[rules.lon]:
                return None
            lat, lon, where = _number(row, rules.lat), _number(row, rules.lon), f"{rules.lat}, {rules.lon}"
        else:
            return None
        if not valid(lat, lon):
            raise Unusable(f"{where}: {lat}, {lon} is no place")
        lat, lon = to_wgs84(lat, lon, rules.datum)
        return round(lat, 6), round(lon, 6)

    def _unit(self, rules: UnitRules, row: Row, ref: str, place: tuple[float, float] | None, line: int) -> list[Event]:
        """Return what the unit of this row said, stamp by stamp; a stamp before the one ahead of it is left out."""
        if not row[rules.id]:
            return []
        unit_id = self._known_unit(rules, row)
        found: list[Event] = []
        last = 0
        for stamp in rules.stamps:
            if not row[stamp.column]:
                continue
            try:
                at = self._instant(row, stamp.column)
            except Unusable as reason:
                self.parts_left_out.append(str(reason))
                continue
            if at < last:
                self.parts_left_out.append(f"{stamp.column}: earlier than the step before it")
                continue
            last = at
            body: dict[str, Any] = {
                "unit_id": unit_id,
                "status": stamp.status,
                "event_id": f"{ref}-{unit_id}-{stamp.column}",
            }
            if stamp.reason:
                body["reason"] = stamp.reason.format_map(row)[:200]
            found.append(Event(at, line, STATUS, unit_id, at, body))
            if stamp.at_place and place is not None:
                found.append(Event(at, line, FIX, unit_id, at, {"unit_id": unit_id, "lat": place[0], "lon": place[1]}))
        return found

    def _known_unit(self, rules: UnitRules, row: Row) -> str:
        unit_id = (rules.prefix + row[rules.id])[:64]
        if unit_id not in self.units:
            kind = str(choose(rules.kind, row))
            self.units[unit_id] = {
                "unit_id": unit_id,
                "name": rules.name.format_map(row)[:100] if rules.name else unit_id,
                "kind": kind,
                "area": self._m.area,
                "capabilities": rules.capabilities.get(kind, []),
                "members": rules.members,
                "callsign": row[rules.id][:40],
            }
        return unit_id

    # --- positions --------------------------------------------------------------------------

    def _fix(self, rules: Position, line: int, row: Row) -> Event:
        assert self._m.unit is not None
        if not row[self._m.unit.id]:
            raise Unusable(f"{self._m.unit.id}: empty")
        lat, lon = _number(row, rules.lat), _number(row, rules.lon)
        if not valid(lat, lon):
            raise Unusable(f"{rules.lat}, {rules.lon}: {lat}, {lon} is no place")
        at = self._instant(row, rules.at)
        if rules.datum != "wgs84":
            lat, lon = to_wgs84(lat, lon, rules.datum)
        unit_id = self._known_unit(self._m.unit, row)
        body: dict[str, Any] = {"unit_id": unit_id, "lat": round(lat, 6), "lon": round(lon, 6)}
        if rules.speed and row[rules.speed]:
            body["speed"] = round(_number(row, rules.speed) * rules.speed_unit, 2)
        if rules.heading and row[rules.heading]:
            body["heading"] = _number(row, rules.heading) % 360
        if rules.accuracy and row[rules.accuracy]:
            body["accuracy"] = _number(row, rules.accuracy)
        at = self._folded(at)
        return Event(at, line, FIX, unit_id, at, body)

    # --- instants ---------------------------------------------------------------------------

    def _instant(self, row: Row, column: str) -> int:
        text = row[column]
        if not text:
            raise Unusable(f"{column}: empty")
        try:
            return self._read_instant(text)
        except (ValueError, OverflowError, OSError):
            raise Unusable(f"{column}: {text[:60]!r} is no instant of the form {self._m.time.format!r}") from None

    def _folded(self, at: int) -> int:
        """Put an instant onto the one day all days are folded onto, at the same local time."""
        if not self._m.time.fold:
            return at
        local = datetime.fromtimestamp(at / 1000, self._zone)
        return ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + at % 1000


def _instant_reader(form: str, zone_name: str) -> Any:
    zone = ZoneInfo(zone_name)

    def epoch(moment: datetime) -> int:
        return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)

    if form == "unix":
        return lambda text: round(float(text) * 1000)
    if form == "unix_ms":
        return lambda text: round(float(text))
    read = datetime.fromisoformat if form == "iso" else lambda text: datetime.strptime(text, form)  # noqa: DTZ007 - epoch() adds the zone

    # Rows of one call repeat the same instants, and strptime is slow.
    return lru_cache(4096)(lambda text: epoch(read(text)))


def choose(choice: Choice, row: Row) -> str | int | None:
    """Return the code for what stands in the column: by the exact value, else by its beginning, else the default."""
    text = row[choice.column] if choice.column else ""
    if text in choice.values:
        return choice.values[text]
    return next((code for start, code in choice.starts.items() if text.startswith(start)), choice.default)


def _number(row: Row, column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        raise Unusable(f"{column}: {row[column][:60]!r} is no number") from None
    if value != value or abs(value) == float("inf"):
        raise Unusable(f"{column}: {row[column]!r} is no number")
    return value


def _whole(row: Row, column: str) -> int:
    return max(0, int(_number(row, column)))


def local_iso(at: int) -> str:
    """Write an instant for people (UTC)."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
