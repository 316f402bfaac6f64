"""The response level: one proposes, a second person confirms."""

from dashboard.domain import commands as c
from dashboard.domain import ids, response
from dashboard.domain.errors import NotFound
from dashboard.handlers.dealing import Dealing


def _in_scope(d: Dealing, area: str) -> None:
    if not area.startswith(d.actor.scope):
        raise NotFound("notfound.area", field="area")


def propose(d: Dealing, cmd: c.ProposeLevel) -> str:
    """Ask for another level; returns the id of the proposal."""
    _in_scope(d, cmd.area)
    state = d.tx.load("level", cmd.area)
    proposal = ids.fresh("LP")
    events = response.propose(
        state,
        cmd.level,
        cmd.reason,
        d.actor.label,
        proposal,
        reference=cmd.reference,
        planned_end_at=cmd.planned_end_at,
        drill=cmd.drill,
    )
    d.record("level", cmd.area, state, events, area=cmd.area)
    return proposal


def confirm(d: Dealing, cmd: c.ConfirmLevel) -> str:
    """Confirm somebody else's proposal: the level holds from now on."""
    _in_scope(d, cmd.area)
    state = d.load("level", cmd.area)
    d.record("level", cmd.area, state, response.confirm(state, cmd.proposal_id, d.actor.label))
    return cmd.area


def drop(d: Dealing, cmd: c.DropLevelProposal) -> str:
    """Withdraw or refuse a proposal."""
    _in_scope(d, cmd.area)
    state = d.load("level", cmd.area)
    d.record("level", cmd.area, state, response.drop(state, cmd.proposal_id, cmd.reason))
    return cmd.area
