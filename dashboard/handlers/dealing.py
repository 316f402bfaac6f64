"""One command being dealt with: the open transaction, the time, the actor and the rules in force."""

from collections.abc import Callable, Sequence
from typing import Any

from dashboard import access
from dashboard.config import Profile, effective
from dashboard.domain import response
from dashboard.domain.commands import Actor
from dashboard.domain.errors import NotFound
from dashboard.domain.events import Event, Place, Recorded
from dashboard.domain.ids import number
from dashboard.domain.worktime import WorkCalendar
from dashboard.ports import NewEvents, Tx

Locate = Callable[[float, float], str | None]


class Dealing:
    """What a handler works with.  Everything it records belongs to one transaction.

    ``now`` is our clock (ms); ``occurred_at`` the instant the command speaks of.
    """

    def __init__(
        self,
        tx: Tx,
        *,
        now: int,
        profile: Profile,
        actor: Actor,
        calendar: WorkCalendar,
        locate: Locate,
        occurred_at: int | None = None,
        drill: bool = False,
    ) -> None:
        self.tx = tx
        self.now = now
        self.profile = profile
        self.actor = actor
        self.calendar = calendar
        self.locate = locate
        self.occurred_at = occurred_at if occurred_at is not None else now
        self.drill = drill
        self.recorded: list[Recorded] = []
        self._levels: dict[str, response.Level] | None = None

    def load(self, kind: str, id: str, *, action: str | None = None) -> Any:
        """Load a thing the actor may touch; what is unknown and what lies outside the scope look alike."""
        state = self.tx.load(kind, id)
        if state is None or (action and not access.within(state.area, self.actor.scope)):
            raise NotFound(f"notfound.{kind}", field=f"{kind}_id", id=id)
        return state

    def record(
        self,
        kind: str,
        id: str,
        state: Any | None,
        events: Sequence[Event],
        *,
        area: str = "",
        drill: bool | None = None,
    ) -> Any:
        """Record the events of one subject and return its new state; no events, no change."""
        if not events:
            return state
        self.recorded += self.tx.record(
            NewEvents(
                kind=kind,
                id=id,
                area=area or (state.area if state is not None else self.profile.area),
                events=events,
                expected_version=state.version if state is not None else 0,
                occurred_at=self.occurred_at,
                actor=self.actor.label,
                drill=self.drill or bool(getattr(state, "drill", False)) if drill is None else drill,
            )
        )
        return self.tx.load(kind, id)

    def number(self, series: str) -> str:
        """Take the next number of a series for the local day."""
        day = self.calendar.day(self.now)
        return number(series, day, self.tx.number(series, f"{day:%Y%m%d}"))

    def level(self, area: str) -> str:
        """Return the response level that holds in an area."""
        if self._levels is None:
            self._levels = {lv.id: lv for lv in self.tx.find("level", [("level", "!=", "normal")])}
        found = response.level_at(area, self._levels)
        return found.level if found else "normal"

    def param(self, name: str, area: str) -> float:
        """Answer a parameter for a place, now, at the level that holds there."""
        return effective(self.profile, name, area, self.now, self.level(area)).value

    def area_of(self, given: str, place: Place | None) -> str:
        """Find the area of something: the given code, else where the place lies, else the actor's own, else the centre's."""
        if given:
            return given
        if place is not None and (found := self.locate(place.lat, place.lon)):
            return found
        # What cannot be located belongs to whoever took it, who could not see it anywhere else.
        return self.actor.scope or self.profile.area
