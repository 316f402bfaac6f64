"""What the columns of a file mean: the mapping, read from TOML and checked.

``kind = "incidents"``: a row is (a report of) an incident, perhaps with one unit that was sent to it and the times
at which that unit's status changed.  ``kind = "positions"``: a row is where a unit was.
Templates take columns in braces: ``"{Call Type} · {Address}"``.
"""

import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from dashboard.domain.geo import DATUMS
from dashboard.domain.unit import STATUSES

FOLDER = Path(__file__).parent / "mappings"
FORMATS = ("iso", "unix", "unix_ms")
"""Formats of time besides those of ``strptime``."""


class MappingError(ValueError):
    """A mapping that cannot be used; each line names file, key and expectation."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Times(_Part, frozen=True):
    """How the file writes instants.

    ``format``   of ``strptime``, or ``iso``, ``unix`` (seconds), ``unix_ms``
    ``zone``     of instants without an offset
    ``fold``     ``day``: put all days onto one, hour by hour, so that a sample of many years can be replayed in a day
    ``newest_first``  rows of one instant stand in reverse order of what happened
    """

    format: str = "iso"
    zone: str = "UTC"
    fold: Literal["", "day"] = ""
    newest_first: bool = False


class Choice(_Part, frozen=True):
    """A code from a column: ``values`` by what stands there, else by its beginning, else ``default``."""

    column: str = ""
    default: str | int | None = None
    values: dict[str, str | int] = {}
    starts: dict[str, str | int] = {}


class Incident(_Part, frozen=True):
    """Columns and templates of a report.

    ``told_at``   when the source itself knew of it; the report is sent then
    ``again``     what another row of the same ``external_ref`` is: a further ``report`` of the incident, or nothing new
    ``closes``    when the incident is over: ``last_stamp`` of its units, or ``closes_after_min`` minutes after its last row
    """

    external_ref: str
    occurred_at: str
    told_at: str = ""
    title: str = ""
    text: str = ""
    place: str = ""
    lat: str = ""
    lon: str = ""
    datum: Literal[DATUMS] = "wgs84"  # type: ignore[valid-type]
    place_name: str = ""
    people: str = ""
    again: Literal["report", "ignore"] = "report"
    closes: Literal["", "last_stamp"] = ""
    closes_after_min: float = 0


class Stamp(_Part, frozen=True):
    """A column with the instant at which a unit's status changed, and a template for its reason.

    ``at_place``: the unit is then where the incident is.
    """

    column: str
    status: str
    reason: str = ""
    at_place: bool = False


class UnitRules(_Part, frozen=True):
    """The unit of a row: its id (with a prefix of ours before it), name, kind, what it can do, its stamps in order."""

    id: str
    prefix: str = ""
    name: str = ""
    kind: Choice = Choice(default="minimum")
    capabilities: dict[str, list[str]] = {}
    members: int = 0
    stamps: list[Stamp] = []


class Position(_Part, frozen=True):
    """Columns of a fix; ``speed_unit`` is metres per second in one of the column's units."""

    lat: str
    lon: str
    at: str
    speed: str = ""
    speed_unit: float = 1.0
    heading: str = ""
    accuracy: str = ""
    datum: Literal[DATUMS] = "wgs84"  # type: ignore[valid-type]


class Mapping(_Part, frozen=True):
    """A whole mapping.  ``area`` is where everything counts: places may lie outside every area the centre knows."""

    name: str
    kind: Literal["incidents", "positions"]
    area: str
    source: str = "replay"
    delimiter: str = ""
    encoding: str = "utf-8-sig"
    time: Times = Times()
    incident: Incident | None = None
    category: Choice = Choice(default="other")
    severity: Choice = Choice()
    unit: UnitRules | None = None
    position: Position | None = None

    def columns(self) -> set[str]:
        """Return every column the mapping speaks of."""
        found = {self.category.column, self.severity.column}
        if self.incident:
            i = self.incident
            found |= {i.external_ref, i.occurred_at, i.told_at, i.place, i.lat, i.lon, i.people}
            found |= fields_of(i.title) | fields_of(i.text) | fields_of(i.place_name)
        if self.unit:
            found |= {self.unit.id, self.unit.kind.column} | fields_of(self.unit.name)
            for stamp in self.unit.stamps:
                found |= {stamp.column} | fields_of(stamp.reason)
        if self.position:
            p = self.position
            found |= {p.lat, p.lon, p.at, p.speed, p.heading, p.accuracy}
        return found - {""}


def fields_of(template: str) -> set[str]:
    """Return the columns a template takes."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def find_mapping(name: str | Path) -> Path:
    """Return the file of a mapping: a path, or the name of one that is shipped (``sf_fire``)."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = FOLDER / (path.name if path.suffix == ".toml" else f"{path.name}.toml")
    if len(path.parts) == 1 and shipped.is_file():
        return shipped
    known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
    raise MappingError(f"{path}: a mapping file, or the name of a shipped one ({known}), is expected")


def load_mapping(name: str | Path) -> Mapping:
    """Read and check a mapping; raises MappingError with every problem found."""
    path = find_mapping(name)
    try:
        mapping = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path.name}: valid TOML is expected: {error}") from None
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        raise MappingError(f"{path.name}: {where.rstrip('`').removeprefix('$.') or '-'}: {what}") from None
    problems = [f"{path.name}: {problem}" for problem in _problems(mapping)]
    if problems:
        raise MappingError("\n".join(problems))
    return mapping


def _problems(m: Mapping) -> Iterator[str]:
    if m.kind == "incidents" and m.incident is None:
        yield "incident: a table is expected, as kind is incidents"
    if m.kind == "positions" and (m.position is None or m.unit is None):
        yield "position, unit: tables are expected, as kind is positions"
    if not (m.area.isdigit() and 2 <= len(m.area) <= 12):
        yield "area: a GB/T 2260 code is expected"
    if len(m.delimiter) > 1:
        yield "delimiter: one character is expected"
    try:
        ZoneInfo(m.time.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"time.zone: a time zone such as Asia/Shanghai is expected, not {m.time.zone!r}"
    if m.time.format not in FORMATS and "%" not in m.time.format:
        yield f"time.format: {', '.join(FORMATS)} or a strptime format is expected"
    if m.category.default is None and m.kind == "incidents":
        yield "category.default: the category of what has no other is expected"
    if m.incident and m.incident.place and (m.incident.lat or m.incident.lon):
        yield "incident: either place or lat and lon is expected"
    if m.incident and bool(m.incident.lat) != bool(m.incident.lon):
        yield "incident.lat, incident.lon: both or neither is expected"
    if m.unit:
        if m.unit.kind.default is None:
            yield "unit.kind.default: the kind of what has no other is expected"
        for n, stamp in enumerate(m.unit.stamps):
            if stamp.status not in STATUSES:
                yield f"unit.stamps[{n}].status: one of {', '.join(STATUSES)} is expected"
    for where, choice in (("category", m.category), ("severity", m.severity)):
        if (choice.values or choice.starts) and not choice.column:
            yield f"{where}.column: the column of the values is expected"
    for code in [m.severity.default, *m.severity.values.values(), *m.severity.starts.values()]:
        if code is not None and code not in (1, 2, 3, 4):
            yield f"severity: 1, 2, 3 or 4 is expected, not {code!r}"
