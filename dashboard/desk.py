"""The Desk: the front door of the command centre.

``do(command, actor)`` changes things, ``read(view, actor, …)`` looks, ``text(key, lang)`` says.  A Dash
callback, the HTTP API, a worker and a test all come in here, and here it is decided who may.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from dashboard import access, i18n
from dashboard.config import Effective, Profile, chinese_workday, effective
from dashboard.domain import alert, camera, dispatch, ids, response
from dashboard.domain.commands import Actor, Command
from dashboard.domain.errors import Conflict, NotFound
from dashboard.domain.events import Recorded, Sealed
from dashboard.domain.incident import OPEN, Incident
from dashboard.domain.worktime import WorkCalendar
from dashboard.handlers import HANDLERS, Dealing
from dashboard.handlers.dealing import Locate
from dashboard.ports import Clock, Condition, Store, Tx, Vault
from dashboard.projections import duplicates, task, timeline
from dashboard.projections.recommend import Candidate, recommend

RETRIES = 5
HISTORY = 100_000


class Done(msgspec.Struct, frozen=True):
    """What a command did: the id it speaks of, and the events (none when it changed nothing)."""

    id: str
    events: tuple[Recorded, ...] = ()


def nowhere(lat: float, lon: float) -> str | None:
    """Locate nothing: the answer of a Desk without a map."""
    return None


class Desk:
    """Ports in, answers out.  ``committed`` is called after each commit that wrote events (to wake the relay)."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        profile: Profile,
        locate: Locate = nowhere,
        vault: Vault | None = None,
        committed: Callable[[], None] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.profile = profile
        self.locate = locate
        self.vault = vault
        self.calendar = WorkCalendar(chinese_workday)
        self._committed = committed

    def do(self, command: Command, actor: Actor) -> Done:
        """Carry out a command in one transaction; raises a Refused when it may not be.

        Two writers at once: the second looks again and decides on what the first has made of it.
        """
        for attempt in range(RETRIES):
            try:
                with self.store.transaction() as tx:
                    done = self.apply(tx, command, actor)
                break
            except Conflict as clash:
                if clash.key != "conflict.version" or attempt == RETRIES - 1:
                    raise
        if done.events and self._committed is not None:
            self._committed()
        return done

    def apply(self, tx: Tx, command: Command, actor: Actor) -> Done:
        """Carry out a command inside a transaction of the caller's."""
        access.require(actor, type(command).__name__)
        if command.key and not tx.once(actor.label, f"{type(command).__name__}:{command.key}", self.clock.now()):
            return Done("")
        dealing = Dealing(
            tx,
            now=self.clock.now(),
            profile=self.profile,
            actor=actor,
            calendar=self.calendar,
            locate=self.locate,
            occurred_at=command.occurred_at,
            drill=command.drill,
        )
        id = HANDLERS[type(command)](dealing, command)
        return Done(id, tuple(dealing.recorded))

    def read(self, view: str, actor: Actor, **args: Any) -> Any:
        """Look at something: a view of :data:`VIEWS`, within the actor's scope."""
        access.require(actor, f"view:{_ACCESS.get(view, view)}")
        return VIEWS[view](self, actor, **args)

    def text(self, key: str, lang: str, **params: object) -> str:
        """Say a text key; the names a profile brings come first."""
        return self.profile.texts(lang).get(key) or i18n.text(key, lang, **params)

    def seal(self, case: str, data: dict[str, Any]) -> Sealed | None:
        """Encrypt personal data under the key of a case before it goes anywhere; nothing given, nothing sealed."""
        given = {k: v for k, v in data.items() if v}
        if not given:
            return None
        if self.vault is None:
            raise RuntimeError("a Desk without a vault cannot take personal data")
        return Sealed(*self.vault.seal(case, given))

    def why(self, parameter: str, area: str) -> Effective:
        """Answer what holds for a parameter in an area now, and through which rules."""
        with self.store.reading() as reader:
            levels = {lv.id: lv for lv in reader.find("level", [("level", "!=", "normal")])}
        at = response.level_at(area, levels)
        return effective(self.profile, parameter, area, self.clock.now(), at.level if at else "normal")


# --- views ------------------------------------------------------------------------


def _incident(desk: Desk, actor: Actor, *, incident_id: str) -> dict[str, Any]:
    """One incident with its orders and its timeline; personal data stays sealed."""
    with desk.store.reading() as reader:
        inc = reader.load("incident", incident_id)
        if inc is None or not access.within(inc.area, actor.scope):
            raise NotFound("notfound.incident", field="incident_id", id=incident_id)
        orders = reader.find("order", [("incident_id", "=", inc.id)], order="queued_at")
        # All of it: an order that was tried for an hour has hundreds of events, and the answer is the last of them.
        history = reader.events(subject=f"incident:{inc.id}", limit=HISTORY)
        for order in orders:
            history += reader.events(subject=f"order:{order.id}", limit=HISTORY)
        units = {o.unit_id: reader.load("unit", o.unit_id) for o in orders}
    return {
        "incident": inc,
        "orders": orders,
        "unit_names": {id: u.name if u else id for id, u in units.items()},
        "timeline": timeline.entries(history),
        "head": max((r.position for r in history), default=0),
    }


def _scope(actor: Actor) -> list[Condition]:
    return [("area", "prefix", actor.scope)] if actor.scope else []


def _incidents(desk: Desk, actor: Actor) -> list[tuple[Incident, list[dispatch.Order]]]:
    """The open incidents, oldest first, each with its active orders."""
    with desk.store.reading() as reader:
        found = reader.find("incident", [("status", "in", list(OPEN)), *_scope(actor)], order="opened_at")
        # An order keeps the area it was given in, so the incident decides which ones belong here.
        active = reader.find("order", [("status", "in", sorted(dispatch.ACTIVE))], order="queued_at")
    by_incident: dict[str, list[dispatch.Order]] = {}
    for order in active:
        by_incident.setdefault(order.incident_id, []).append(order)
    return [(inc, by_incident.get(inc.id, [])) for inc in found]


def _camera_alerts(desk: Desk, actor: Actor) -> list[camera.CameraAlert]:
    """The camera alerts that want a verdict, oldest first; one judged unclear still does."""
    with desk.store.reading() as reader:
        return reader.find("camera_alert", [("status", "in", list(camera.OPEN)), *_scope(actor)], order="raised_at")


def _alarms(desk: Desk, actor: Actor) -> list[alert.Alarm]:
    """The alarms that are not over and done, oldest first."""
    with desk.store.reading() as reader:
        return reader.find("alarm", [("status", "in", list(alert.ACTIVE)), *_scope(actor)], order="raised_at")


def _recommend(desk: Desk, actor: Actor, *, incident_id: str, limit: int = 12) -> list[Candidate]:
    """The units that could be sent to an incident, best first."""
    with desk.store.reading() as reader:
        inc = reader.load("incident", incident_id)
        if inc is None or not access.within(inc.area, actor.scope):
            raise NotFound("notfound.incident", field="incident_id", id=incident_id)
        where: list[tuple[str, str, Any]] = [("on_duty", "=", True)]
        if actor.scope:
            where.append(("area", "prefix", actor.scope))
        units = reader.find("unit", where)
        positions = reader.positions()
    return recommend(
        inc,
        units,
        positions,
        desk.profile,
        desk.clock.now(),
        detour=desk.why("recommend.detour", inc.area).value,
        stale_s=desk.why("position.stale_idle_s", inc.area).value,
        limit=limit,
    )


def _duplicates(desk: Desk, actor: Actor, *, category: str, lat: float, lon: float) -> list[dict[str, Any]]:
    """Open incidents that a report being taken may be about."""
    with desk.store.reading() as reader:
        where: list[tuple[str, str, Any]] = [("status", "in", list(OPEN))]
        if actor.scope:
            where.append(("area", "prefix", actor.scope))
        found = reader.find("incident", where)
    near = duplicates.possible(
        found,
        category=category,
        lat=lat,
        lon=lon,
        now=desk.clock.now(),
        within_m=desk.why("report.duplicate_m", "").value,
        within_s=desk.why("report.duplicate_s", "").value,
    )
    return [{"id": i.id, "no": ids.short(i.number), "title": i.title, "distance_m": round(d)} for i, d in near]


def _tasks(desk: Desk, actor: Actor, *, unit_ids: list[str] | None = None) -> list[dict[str, Any]]:
    """The open orders of the actor's unit, or of all units of a source's fleet."""
    where: list[tuple[str, str, Any]] = [("status", "in", sorted(dispatch.ACTIVE))]
    with desk.store.reading() as reader:
        if actor.role == "unit":
            where.append(("unit_id", "=", actor.unit_id))
            orders = reader.find("order", where, order="queued_at")
        else:
            mine = {u.id for u in reader.find("unit", [("source", "=", actor.id)])}
            orders = [o for o in reader.find("order", where, order="queued_at") if o.unit_id in mine]
    return [task.message(o) for o in orders if unit_ids is None or o.unit_id in unit_ids]


def _unit(desk: Desk, actor: Actor) -> dict[str, Any]:
    """What the phone of a unit shows first: who it is, on duty or not, its last position."""
    with desk.store.reading() as reader:
        one = reader.load("unit", actor.unit_id)
        if one is None:
            raise NotFound("notfound.unit", field="unit_id", id=actor.unit_id)
        fix = reader.positions([one.id]).get(one.id)
    return {"unit": one, "fix": fix, "tasks": _tasks(desk, actor)}


def _dead_letters(desk: Desk, actor: Actor, *, open_only: bool = True, limit: int = 200) -> list[Any]:
    """Facts that could not be applied."""
    with desk.store.reading() as reader:
        return reader.dead_letters(open_only=open_only, limit=limit)


VIEWS: dict[str, Callable[..., Any]] = {
    "incident": _incident,
    "incidents": _incidents,
    "camera_alerts": _camera_alerts,
    "alarms": _alarms,
    "recommend": _recommend,
    "duplicates": _duplicates,
    "unit": _unit,
    "tasks": _tasks,
    "fleet": _tasks,
    "dead_letters": _dead_letters,
}
_ACCESS = {
    "incidents": "incident",
    "camera_alerts": "cameras",
    "alarms": "incident",
    "recommend": "unit_list",
    "duplicates": "incident",
    "tasks": "unit",
    "dead_letters": "admin",
}
