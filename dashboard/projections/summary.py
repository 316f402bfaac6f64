"""The counters of a screen, each with its age.

``Summary.parts(area, now, …)`` answers all of them.  The numbers of a part are counted once and kept until a card of
that area changes (:meth:`Summary.note`); what depends on the clock (overdue, stale) is looked at every time, over the
few things it is about.  Cameras and units are never scanned here: the board keeps them as counts.

Every part says ``as_of`` (ms: the moment up to which its worst source has been heard), ``state`` (the age class of
that source: live, late, stale, lost) and ``behind`` (the ids of the sources that are not live).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from dashboard.domain import dispatch
from dashboard.domain.source import STATES, Limits, age_class, limits_for
from dashboard.projections import cards
from dashboard.projections.board import HOUR_MS, Board, Change, day_start, trend_start

PARTS = ("alarms", "incidents", "orders", "units", "disputes", "cameras", "trend")
VIEW_PARTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("wall", "console", "lead", "log"), PARTS),
    "cameras": ("alarms", "incidents", "cameras"),
    "disputes": ("disputes",),
    "admin": ("alarms", "units", "cameras"),
    "unit": (),
}
"""Which parts a view gets."""

_PARTS_OF: dict[str, tuple[str, ...]] = {
    "alarm": ("alarms",),
    "incident": ("incidents", "trend"),
    "order": ("orders",),
    "unit": ("units",),
    "dispute": ("disputes",),
    "camera": ("cameras",),
}
_FED_BY: dict[str, tuple[str, ...]] = {
    "incidents": ("incidents", "hotline"),
    "trend": ("incidents", "hotline"),
    "units": ("positions",),
    "disputes": ("disputes",),
    "cameras": ("cameras",),
}
"""Kinds of sources whose silence makes a part old; every part also hangs on our own pulse."""

_OWN_PULSE = Limits(3, 10, 60)
_UNACKED = ("unacked", "rtn_unacked")
Vitals = Mapping[str, tuple[int, Mapping[str, Any]]]


class Age(NamedTuple):
    """How old what one source says is."""

    state: str
    seen_at: int | None


class Freshness:
    """The age class of every source and of our own pulse at one instant."""

    def __init__(self, board: Board, vitals: Vitals, now: int) -> None:
        at = vitals["pulse"][0] if "pulse" in vitals else None
        self.pulse = Age(age_class(None if at is None else (now - at) / 1000, _OWN_PULSE), at)
        self.sources: dict[str, Age] = {}
        self._by_kind: dict[str, list[tuple[str, str]]] = {}
        for id, s in board.states["source"].items():
            noted = vitals.get(f"source:{id}")
            seen = noted[0] if noted else s.last_seen_at
            age = None if seen is None else (now - seen) / 1000
            self.sources[id] = Age(age_class(age, limits_for(s.cadence_s)), seen)
            self._by_kind.setdefault(s.source_kind, []).append((id, s.area))

    def of(self, part: str, area: str) -> dict[str, Any]:
        """Return ``as_of``, ``state`` and ``behind`` of a part for an area: the worst source wins."""
        feeding = [
            id
            for kind in _FED_BY.get(part, ())
            for id, code in self._by_kind.get(kind, ())
            if cards.visible("source", code, area)
        ]
        ages = [self.pulse, *(self.sources[id] for id in feeding)]
        worst = max(ages, key=lambda a: (STATES.index(a.state), -(a.seen_at or 0)))
        behind = sorted(id for id in feeding if self.sources[id].state != "live")
        return {"as_of": worst.seen_at, "state": worst.state, "behind": behind}


class Summary:
    """Answers the parts; keeps numbers that have not changed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._kept: dict[tuple[str, str], Any] = {}
        self._hour = 0
        self._count: dict[str, Callable[[str, int], dict[str, Any]]] = {
            "alarms": self._alarms,
            "incidents": self._incidents,
            "orders": self._orders,
            "units": self._units,
            "disputes": self._disputes,
            "trend": self._trend,
        }

    def note(self, changes: Iterable[Change], camera_areas: Iterable[str] = ()) -> set[tuple[str, str]]:
        """Forget the numbers these changes touch; returns (part, area code) of everything that moved."""
        moved = {("cameras", code) for code in camera_areas}
        for c in changes:
            for shown in (c.before, c.after):
                if shown is not None:
                    moved.update((part, shown.area) for part in _PARTS_OF.get(c.kind, ()))
        for key in [k for k in self._kept if any(part == k[0] and code.startswith(k[1]) for part, code in moved)]:
            del self._kept[key]
        return moved

    def parts(
        self, names: Iterable[str], area: str, now: int, fresh: Freshness, stale: Mapping[str, int]
    ) -> dict[str, dict[str, Any]]:
        """Answer the named parts; ``stale`` counts units with an old position by area code (see :func:`stale_units`)."""
        if now // HOUR_MS != self._hour:  # the trend moves on, and perhaps a day has begun
            self._hour = now // HOUR_MS
            self._board.prune(now)
            self._kept.clear()
        out = {}
        for name in names:
            if name == "cameras":
                numbers = self._cameras(area, fresh)
            else:
                numbers = self._count[name](area, now)
            if name == "units":
                numbers = numbers | {"stale": sum(n for code, n in stale.items() if code.startswith(area))}
            out[name] = numbers | fresh.of(name, area)
        return out

    def _keep(self, part: str, area: str, count: Callable[[], Any]) -> Any:
        if (part, area) not in self._kept:
            self._kept[part, area] = count()
        return self._kept[part, area]

    def _alarms(self, area: str, now: int) -> dict[str, Any]:
        def count() -> tuple[list[cards.Card], dict[str, Any]]:
            waiting = [s.data for s in self._board.within("alarm", area) if s.data["status"] in _UNACKED]
            return waiting, {
                "unacked": len(waiting),
                "oldest_at": min((c["raised_at"] for c in waiting), default=None),
                "by_sev": _by_severity(waiting),
            }

        waiting, numbers = self._keep("alarms", area, count)
        overdue = sum(bool(c["escalated"]) or (c["ack_due_at"] is not None and c["ack_due_at"] <= now) for c in waiting)
        return numbers | {"overdue": overdue}

    def _incidents(self, area: str, now: int) -> dict[str, Any]:
        def count() -> dict[str, Any]:
            today = day_start(now)
            found = [s.data for s in self._board.within("incident", area)]
            past = [p for p in self._board.past.values() if p.area.startswith(area)]
            return {
                "open": len(found),
                "today": sum(p.opened_at >= today for p in past),
                "closed_today": sum(p.closed_at is not None and p.closed_at >= today for p in past),
                "by_sev": _by_severity(found),
            }

        return dict(self._keep("incidents", area, count))

    def _orders(self, area: str, now: int) -> dict[str, Any]:
        def count() -> tuple[list[cards.Card], dict[str, Any]]:
            waiting = [s.data for s in self._board.within("order", area) if s.data["status"] in dispatch.UNANSWERED]
            return waiting, {
                "awaiting": len(waiting),
                "oldest_at": min((c["queued_at"] for c in waiting), default=None),
                "oldest_due_at": min((c["ack_due_at"] for c in waiting if c["ack_due_at"] is not None), default=None),
            }

        waiting, numbers = self._keep("orders", area, count)
        overdue = sum(c["overdue"] > 0 or (c["ack_due_at"] is not None and c["ack_due_at"] <= now) for c in waiting)
        return numbers | {"overdue": overdue}

    def _units(self, area: str, now: int) -> dict[str, Any]:
        def count() -> dict[str, Any]:
            by: Counter[str] = Counter()
            for (code, activity, lost), n in self._board.unit_counts.items():
                if n and code.startswith(area):
                    by["total"] += n
                    by[activity] += n
                    by["on_duty"] += n if activity != "off_duty" else 0
                    by["lost"] += n if lost and activity != "off_duty" else 0
            names = (
                "total",
                "on_duty",
                "available",
                "awaiting",
                "accepted",
                "en_route",
                "on_scene",
                "busy",
                "out_of_service",
                "lost",
            )
            return {name: by[name] for name in names}

        return dict(self._keep("units", area, count))

    def _disputes(self, area: str, now: int) -> dict[str, Any]:
        def count() -> dict[str, Any]:
            found = [s.data for s in self._board.within("dispute", area)]
            by_card = Counter(c["card"] for c in found)
            return {
                "open": len(found),
                "red": by_card["red"],
                "yellow": by_card["yellow"],
                "by_category": dict(sorted(Counter(c["category"] for c in found).items())),
                "oldest_at": min((c["accepted_at"] for c in found), default=None),
            }

        return dict(self._keep("disputes", area, count))

    def _cameras(self, area: str, fresh: Freshness) -> dict[str, Any]:
        by: Counter[str] = Counter()
        for (code, source, health), n in self._board.camera_counts.items():
            if code.startswith(area):
                # Of a camera whose source is silent nobody knows anything.
                silent = source in fresh.sources and fresh.sources[source].state in ("stale", "lost")
                by["unknown" if silent else health] += n
                by["total"] += n
        return {
            "total": by["total"],
            "online": by["online"],
            "offline": by["offline"],
            "unknown": by["unknown"],
            "at": fresh.of("cameras", area)["as_of"],
        }

    def _trend(self, area: str, now: int) -> dict[str, Any]:
        def count() -> dict[str, Any]:
            first = trend_start(now)
            opened = Counter(
                (p.opened_at - first) // HOUR_MS for p in self._board.past.values() if p.area.startswith(area)
            )
            return {"hours": [[first + i * HOUR_MS, opened[i]] for i in range(24)]}

        return dict(self._keep("trend", area, count))


def _by_severity(found: Iterable[cards.Card]) -> dict[str, int]:
    by = Counter(c["sev"] for c in found)
    return {str(sev): by[sev] for sev in (1, 2, 3, 4)}


def stale_units(
    board: Board, fix_at: Callable[[str], int | None], now: int, limit_s: Callable[[str, bool], float]
) -> dict[str, int]:
    """Count, by area code, the units on duty whose position is old or unknown; a lost unit is counted as lost only.

    ``fix_at`` gives the instant of a unit's last fix, ``limit_s(area, tasked)`` the age from which it is stale.
    """
    old: Counter[str] = Counter()
    limits: dict[tuple[str, bool], float] = {}
    for id, shown in board.cards["unit"].items():
        activity = shown.data["activity"]
        if activity == "off_duty" or shown.data["lost"]:
            continue
        key = (shown.area, bool(shown.data["orders"]))
        limit = limits.get(key)
        if limit is None:
            limit = limits[key] = limit_s(*key) * 1000
        at = fix_at(id)
        if at is None or now - at > limit:
            old[shown.area] += 1
    return dict(old)
