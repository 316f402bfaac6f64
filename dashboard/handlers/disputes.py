"""Disputes: the ledger 一本账."""

from dashboard.domain import commands as c
from dashboard.domain import dispute
from dashboard.domain import events as e
from dashboard.domain.errors import Invalid
from dashboard.domain.masking import mask_text
from dashboard.handlers.alarms import clear_alarm, raise_alarm
from dashboard.handlers.dealing import Dealing

RED = "dispute_red"


def take_dispute(d: Dealing, cmd: c.TakeDispute) -> str:
    """Apply a case from a source: open it, or move the one its ``external_ref`` names to the given step or outcome."""
    ref = f"{cmd.source}/{cmd.external_ref}" if cmd.external_ref else ""
    known = d.tx.find("dispute", [("external_ref", "=", ref)], limit=1) if ref else []
    state = known[0] if known else _open(d, cmd, ref)
    if state.status != "open":
        return str(state.id)
    if cmd.step:
        if cmd.step not in state.steps:
            raise Invalid("invalid.step", field="step", value=cmd.step, known=", ".join(state.steps))
        # A source may report a later step directly: the steps between are taken with it, so none is missing.
        while state.steps.index(state.step) < state.steps.index(cmd.step):
            following = state.steps[state.steps.index(state.step) + 1]
            state = d.record("dispute", state.id, state, dispute.take_step(state, following))
    if cmd.outcome:
        _finish(d, state, cmd.outcome, "")
    else:
        recard(d, state)
    return str(state.id)


def _open(d: Dealing, cmd: c.TakeDispute, ref: str) -> dispute.Dispute:
    flow = d.profile.workflows[d.profile.workflow]
    if cmd.grade not in flow.days:
        raise Invalid("invalid.grade", field="grade", value=cmd.grade, known=", ".join(flow.days))
    if cmd.category not in d.profile.dispute_categories:
        known = ", ".join(d.profile.dispute_categories)
        raise Invalid("invalid.category", field="category", value=cmd.category, known=known)
    accepted = cmd.accepted_at if cmd.accepted_at is not None else d.occurred_at
    number = d.number("DS")
    opened = e.DisputeOpened(
        number=number,
        title=cmd.title,
        category=cmd.category,
        grade=cmd.grade,
        channel=cmd.channel,
        workflow=d.profile.workflow,
        steps=flow.steps,
        due_at=d.calendar.add_workdays(accepted, flow.days[cmd.grade]),
        accepted_at=accepted,
        parties=cmd.parties,
        party_count=cmd.party_count,
        source=cmd.source,
        external_ref=ref,
        place=cmd.place,
    )
    state: dispute.Dispute = d.record("dispute", number, None, [opened], area=d.area_of(cmd.area, cmd.place))
    return state


def recard(d: Dealing, state: dispute.Dispute) -> None:
    """Give the case the card it deserves now; a red one is an alarm.  A card that stays asks nothing of the database."""
    before, state = state.card, d.record("dispute", state.id, state, dispute.recard(state, d.now, d.calendar))
    if state.card == before:
        return
    if state.card == "red":
        raise_alarm(d, RED, f"dispute:{state.id}", 4, state.area, title=state.title, params={"dispute": state.number})
    else:
        clear_alarm(d, RED, f"dispute:{state.id}", state.card)


def _finish(d: Dealing, state: dispute.Dispute, outcome: str, text: str) -> None:
    d.record("dispute", state.id, state, dispute.close(state, outcome, mask_text(text)))
    clear_alarm(d, RED, f"dispute:{state.id}", outcome)


def take_step(d: Dealing, cmd: c.TakeDisputeStep) -> str:
    """Go on to the next step."""
    state = d.load("dispute", cmd.dispute_id, action="TakeDisputeStep")
    d.record("dispute", state.id, state, dispute.take_step(state, cmd.step, mask_text(cmd.text)))
    return cmd.dispute_id


def extend(d: Dealing, cmd: c.ExtendDispute) -> str:
    """Move the deadline (延期), which may take a card away."""
    state = d.load("dispute", cmd.dispute_id, action="ExtendDispute")
    state = d.record(
        "dispute", state.id, state, dispute.extend(state, cmd.due_at, mask_text(cmd.reason), d.actor.label)
    )
    recard(d, state)
    return cmd.dispute_id


def close(d: Dealing, cmd: c.CloseDispute) -> str:
    """Finish a case."""
    state = d.load("dispute", cmd.dispute_id, action="CloseDispute")
    _finish(d, state, cmd.outcome, cmd.text)
    return cmd.dispute_id
