"""Response level 响应等级: normal 常态, IV, III, II, I; 战时 (wartime) is the mode of a raised level.

A switch takes two: one proposes, another confirms.  A level holds for its area and everything below it,
until a place further down has a higher one of its own.
"""

from collections.abc import Mapping

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Invalid, Refused
from dashboard.domain.lifecycle import Lifecycle, transitions

LEVELS = ("normal", "IV", "III", "II", "I")
LIFECYCLE = Lifecycle(
    "level",
    "settled",
    transitions(
        [("settled", "propose", "proposed"), ("proposed", "confirm", "settled"), ("proposed", "drop", "settled")]
    ),
)


class Level(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The response level declared for one area (the id is the area code)."""

    id: str
    version: int
    area: str
    status: str = "settled"
    level: str = "normal"
    since: int | None = None
    by: str = ""
    confirmed_by: str = ""
    reason: str = ""
    reference: str = ""
    planned_end_at: int | None = None
    proposal_id: str = ""
    proposed_level: str = ""
    proposed_by: str = ""
    proposed_reason: str = ""
    proposed_end_at: int | None = None
    proposed_at: int | None = None
    proposed_reference: str = ""
    proposed_drill: bool = False
    drill: bool = False
    changed_at: int = 0

    @property
    def mode(self) -> str:
        """``peace`` 平时 or ``wartime`` 战时."""
        return "peace" if self.level == "normal" else "wartime"


def evolve(state: Level | None, r: e.Recorded) -> Level:
    """Fold one event into the state; never refuses."""
    ev, at = r.event, r.recorded_at
    base = state or Level(id=r.subject_id, version=0, area=r.area)
    no_proposal = {
        "proposal_id": "",
        "proposed_level": "",
        "proposed_by": "",
        "proposed_reason": "",
        "proposed_end_at": None,
        "proposed_reference": "",
        "proposed_drill": False,
    }
    c: dict[str, object] = {}
    match ev:
        case e.LevelProposed():
            c = {
                "status": "proposed",
                "proposal_id": ev.proposal_id,
                "proposed_level": ev.level,
                "proposed_by": ev.by,
                "proposed_reason": ev.reason,
                "proposed_end_at": ev.planned_end_at,
                "proposed_at": at,
                "proposed_reference": ev.reference,
                "proposed_drill": ev.drill,
            }
        case e.LevelChanged():
            c = {
                "status": "settled",
                "level": ev.level,
                "since": at,
                "by": ev.by,
                "confirmed_by": ev.confirmed_by,
                "reason": ev.reason,
                "reference": ev.reference,
                "planned_end_at": ev.planned_end_at,
                "drill": ev.drill,
                **no_proposal,
            }
        case e.LevelProposalDropped():
            c = {"status": "settled", **no_proposal}
    return msgspec.structs.replace(base, version=r.version, changed_at=at, **c)


def propose(
    state: Level | None,
    level: str,
    reason: str,
    by: str,
    proposal_id: str,
    *,
    reference: str = "",
    planned_end_at: int | None = None,
    drill: bool = False,
) -> list[e.Event]:
    """Step one of the switch; the reason has at least ten characters."""
    if level not in LEVELS:
        raise Invalid("invalid.level", field="level", value=level, known=", ".join(LEVELS))
    if len(reason.strip()) < 10:
        raise Invalid("invalid.reason_short", field="reason", least=10)
    if state is not None:
        LIFECYCLE.next(state.status, "propose")
    if (state.level if state else "normal") == level:
        raise Refused("refused.level.same", level=level)
    return [
        e.LevelProposed(
            level=level,
            reason=reason.strip(),
            by=by,
            proposal_id=proposal_id,
            reference=reference,
            planned_end_at=planned_end_at,
            drill=drill,
        )
    ]


def confirm(state: Level, proposal_id: str, by: str) -> list[e.Event]:
    """Step two, by a second person."""
    LIFECYCLE.next(state.status, "confirm")
    if state.proposal_id != proposal_id:
        raise Refused("refused.level.proposal_gone")
    if state.proposed_by == by:
        raise Refused("refused.level.same_person")
    return [
        e.LevelChanged(
            level=state.proposed_level,
            reason=state.proposed_reason,
            by=state.proposed_by,
            confirmed_by=by,
            reference=state.proposed_reference,
            planned_end_at=state.proposed_end_at,
            drill=state.proposed_drill,
        )
    ]


def drop(state: Level, proposal_id: str, reason: str = "") -> list[e.Event]:
    """Withdraw or refuse the proposal."""
    LIFECYCLE.next(state.status, "drop")
    if state.proposal_id != proposal_id:
        raise Refused("refused.level.proposal_gone")
    return [e.LevelProposalDropped(proposal_id=proposal_id, reason=reason)]


def level_at(area: str, levels: Mapping[str, Level]) -> Level | None:
    """Return the level that holds in ``area``: the highest declared for it or any area above it."""
    above = [lv for code, lv in levels.items() if area.startswith(code)]
    return max(above, key=lambda lv: (LEVELS.index(lv.level), len(lv.id)), default=None)
