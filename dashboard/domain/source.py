"""Source 来源: whatever feeds us, with its own expected cadence and its own health.

Freshness is judged against what the source itself promised: live, late, stale, lost.  A source that
falls silent is itself an alarm.
"""

import msgspec

from dashboard.domain import events as e
from dashboard.domain.master import unchanged

STATES = ("live", "late", "stale", "lost")


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source; ``cadence_s`` is how often it promised to be heard of, ``back_at`` when a silence of it last ended."""

    id: str
    version: int
    area: str
    name: str
    source_kind: str
    cadence_s: int
    contact: str = ""
    state: str = "unknown"
    state_since: int | None = None
    back_at: int | None = None
    last_seen_at: int | None = None
    changed_at: int = 0


class Limits(msgspec.Struct, frozen=True):
    """Ages in seconds from which a value is late, stale, lost."""

    late_s: float
    stale_s: float
    lost_s: float


def limits_for(cadence_s: float) -> Limits:
    """Derive the limits of a cadence: twice late, six times stale, twelve times lost (interface rules 3.2)."""
    return Limits(cadence_s * 2, cadence_s * 6, cadence_s * 12)


def age_class(age_s: float | None, limits: Limits) -> str:
    """Name the class of an age: ``live``, ``late``, ``stale`` or ``lost``; an unknown age is lost."""
    if age_s is None or age_s > limits.lost_s:
        return "lost"
    if age_s > limits.stale_s:
        return "stale"
    return "late" if age_s > limits.late_s else "live"


def worst(classes: list[str]) -> str:
    """A sum is as stale as its worst part."""
    return max(classes, key=STATES.index, default="lost")


def evolve(state: Source | None, r: e.Recorded) -> Source:
    """Fold one event into the state; never refuses."""
    ev = r.event
    if isinstance(ev, e.SourceRegistered):
        master = {
            "name": ev.name,
            "source_kind": ev.source_kind,
            "cadence_s": ev.cadence_s,
            "contact": ev.contact,
            "area": r.area,
            "changed_at": r.recorded_at,
        }
        if state is None:
            return Source(id=r.subject_id, version=r.version, **master)  # type: ignore[arg-type]
        return msgspec.structs.replace(state, version=r.version, **master)
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not SourceRegistered")
    if isinstance(ev, e.SourceStateChanged):
        back = state.state in ("stale", "lost") and ev.state in ("live", "late")
        return msgspec.structs.replace(
            state,
            version=r.version,
            state=ev.state,
            state_since=r.recorded_at,
            back_at=r.recorded_at if back else state.back_at,
            last_seen_at=ev.last_seen_at,
            changed_at=r.recorded_at,
        )
    return msgspec.structs.replace(state, version=r.version)


def register(state: Source | None, master: e.SourceRegistered, area: str) -> list[e.Event]:
    """Make a source known, or change its master data; unchanged data writes nothing."""
    return [] if unchanged(state, master, area) else [master]


def judge(state: Source, last_seen_at: int | None, now: int) -> list[e.Event]:
    """Write the age class of the source when it has changed."""
    age = None if last_seen_at is None else (now - last_seen_at) / 1000
    found = age_class(age, limits_for(state.cadence_s))
    return [] if found == state.state else [e.SourceStateChanged(state=found, last_seen_at=last_seen_at)]
