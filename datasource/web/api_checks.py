"""What decoding cannot check: instants against our clock, places, areas, and units that must be known.

A :class:`Check` looks at one request and collects everything that is wrong with it, so that a source sees all its
mistakes at once.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from dashboard.config import Profile, effective
from dashboard.domain import centre, geo
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Invalid
from dashboard.domain.events import Place
from dashboard.ports import Clock, Store
from datasource.errors import Unavailable
from datasource.web.problems import FieldError, Problem


def parse_instant(value: int | str) -> int | None:
    """Return ms since 1970 of an instant as the API takes it, or None when it is none."""
    if isinstance(value, int):
        return value
    # Python reads more of ISO 8601 than RFC 3339 allows (dates alone, weeks); the shape is looked at by hand, as there may be thousands.
    if len(value) < 20 or value[4] != "-" or value[7] != "-" or value[10] not in "Tt " or value[13] != ":":
        return None
    try:
        moment = datetime.fromisoformat(value if value[-1] != "z" else f"{value[:-1]}Z")
        return None if moment.tzinfo is None else round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


class Check:
    """One request under examination.  ``source`` is how facts name whoever speaks: a source's id or ``unit:<id>``."""

    def __init__(self, actor: Actor, profile: Profile, now: int) -> None:
        self.actor = actor
        self.profile = profile
        self.now = now
        self.source = f"unit:{actor.unit_id}" if actor.role == "unit" else actor.id
        self.errors: list[FieldError] = []
        self.adjusted: list[str] = []

    def wrong(self, field: str, key: str, **params: object) -> None:
        """Note that a field is wrong."""
        self.errors.append(FieldError(field, key, params))

    def passed(self) -> None:
        """Raise the Problem that names everything found so far, if anything was."""
        if self.errors:
            raise Problem("invalid", errors=self.errors)

    def window(self, age_parameter: str) -> tuple[int, int]:
        """Return the earliest and latest believable instant (ms) for a kind of facts."""

        def seconds(parameter: str) -> float:
            return effective(self.profile, parameter, self.actor.scope, self.now).value

        return self.now - int(seconds(age_parameter) * 1000), self.now + int(seconds("api.future_s") * 1000)

    def instant(self, value: int | str, field: str, age_parameter: str = "api.fact_age_s") -> int:
        """Check an instant; returns ms (0 when it is wrong)."""
        earliest, latest = self.window(age_parameter)
        at = parse_instant(value)
        if reason := instant_fault(at, earliest, latest, self.now):
            self.wrong(field, reason, **instant_params(at, earliest, latest))
            return 0
        return at or 0

    def area(self, code: str | None, field: str = "area") -> str:
        """Check an area code and bring it into the prefix form; '' when none is given."""
        if not code:
            return ""
        try:
            area = centre.canonical(code)
        except Invalid:
            self.wrong(field, "reason.area", value=code)
            return ""
        if not centre.within(area, self.actor.scope):
            self.wrong(field, "reason.area_scope", value=area, scope=self.actor.scope)
        return area

    def place(self, lat: float | None, lon: float | None, datum: str, name: str = "", prefix: str = "") -> Place | None:
        """Check a pair of coordinates and convert it to WGS-84; None when neither is given."""
        if lat is None and lon is None:
            return None
        if lat is None or lon is None:
            self.wrong(f"{prefix}{'lat' if lat is None else 'lon'}", "reason.pair")
            return None
        if not geo.valid(lat, lon):
            self.wrong(f"{prefix}lat", "reason.null_island")
            return None
        lat, lon = geo.to_wgs84(lat, lon, datum)
        return Place(round(lat, 7), round(lon, 7), name)

    def choice(self, value: str, known: Iterable[str], field: str) -> None:
        """Check that a code is one the centre's profile knows."""
        if value not in known:
            self.wrong(field, "reason.choice_known", value=value, known=", ".join(known))


def instant_fault(at: int | None, earliest: int, latest: int, now: int) -> str:
    """Name what is wrong with an instant, or ''."""
    if at is None:
        return "reason.instant"
    if earliest <= at <= latest:
        return ""
    if abs(at * 1000 - now) < 10 * 365 * 86_400_000:
        return "reason.seconds"
    return "reason.future" if at > latest else "reason.ancient"


def instant_params(at: int | None, earliest: int, latest: int) -> dict[str, object]:
    """Return the values of the sentence about an instant."""
    return {"value": _said(at), "earliest": _said(earliest), "latest": _said(latest)}


def _said(at: int | None) -> str:
    if at is None:
        return "—"
    try:
        return datetime.fromtimestamp(at / 1000).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return str(at)


class KnownUnits:
    """Which units each source has registered, cached: asked again every minute, and at once when one is missing."""

    KEEP_MS = 60_000
    MISS_MS = 500
    TRUST_MS = 30_000

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, set[str]] = {}
        self._read_at: dict[str, int] = {}
        self._fresh: dict[str, dict[str, int]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def learn(self, source: str, ids: Iterable[str]) -> None:
        """Trust units just accepted for registration until ingest has had time to write them."""
        now = self._clock.now()
        self._fresh.setdefault(source, {}).update(dict.fromkeys(ids, now))

    async def missing(self, source: str, ids: set[str]) -> set[str]:
        """Return those of the units that this source has not registered."""
        now = self._clock.now()
        if now - self._read_at.get(source, -self.KEEP_MS) >= self.KEEP_MS:
            await self._read(source, self.KEEP_MS)
        missing = self._unknown(source, ids)
        if missing and now - self._read_at[source] >= self.MISS_MS:
            await self._read(source, self.MISS_MS)
            missing = self._unknown(source, ids)
        return missing

    def _unknown(self, source: str, ids: set[str]) -> set[str]:
        missing = ids - self._known.get(source, set())
        if missing and (fresh := self._fresh.get(source)):
            since = self._clock.now() - self.TRUST_MS
            missing = {i for i in missing if fresh.get(i, 0) < since}
        return missing

    async def _read(self, source: str, older_than: int) -> None:
        async with self._locks.setdefault(source, asyncio.Lock()):
            if self._clock.now() - self._read_at.get(source, -older_than) < older_than:
                return  # somebody else has just asked
            try:
                found = await asyncio.to_thread(self._find, source)
            except Unavailable:
                if source not in self._known:
                    raise
                found = self._known[source]  # SQL is away: what was known an instant ago still is
            self._known[source] = found
            self._read_at[source] = now = self._clock.now()
            if fresh := self._fresh.get(source):
                self._fresh[source] = {i: at for i, at in fresh.items() if at >= now - self.TRUST_MS}

    def _find(self, source: str) -> set[str]:
        with self._store.reading() as reader:
            return {unit.id for unit in reader.find("unit", [("source", "=", source)])}
