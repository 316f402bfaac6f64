"""Dispute 矛盾纠纷: an entry of the one ledger 一本账.

Its steps are data: a workflow of a centre profile (6 centres, 6 workflows of 3 to 8 steps).  Cards are
computed from the working calendar, never set by hand: yellow when at most 20 % of the time or three
working days are left, red when the deadline has passed; only finishing or an approved extension 延期
takes one away.
"""

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Invalid, Refused
from dashboard.domain.lifecycle import Lifecycle, transitions
from dashboard.domain.worktime import WorkCalendar

LIFECYCLE = Lifecycle(
    "dispute",
    "open",
    transitions(
        [
            ("open", "step", "open"),
            ("open", "assign", "open"),
            ("open", "extend", "open"),
            ("open", "card", "open"),
            ("open", "close", "closed"),
        ]
    ),
)
OUTCOMES = ("settled", "not_settled", "transferred", "withdrawn", "court")
CARDS = ("none", "yellow", "red")
YELLOW_WORKDAYS = 3
YELLOW_SHARE = 0.2


class Dispute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one dispute; ``step`` is one of ``steps``, ``parties`` is sealed personal data."""

    id: str
    version: int
    area: str
    status: str
    number: str
    title: str
    category: str
    grade: str
    channel: str
    workflow: str
    steps: tuple[str, ...]
    step: str
    due_at: int
    accepted_at: int
    card: str = "none"
    card_reason: str = ""
    parties: e.Sealed | None = None
    party_count: int = 0
    source: str = ""
    external_ref: str = ""
    place: e.Place | None = None
    mediator: str = ""
    mediator_name: str = ""
    extensions: int = 0
    closed_at: int | None = None
    outcome: str = ""
    changed_at: int = 0


def evolve(state: Dispute | None, r: e.Recorded) -> Dispute:
    """Fold one event into the state; never refuses."""
    ev, at = r.event, r.recorded_at
    if isinstance(ev, e.DisputeOpened):
        return Dispute(
            id=r.subject_id,
            version=r.version,
            area=r.area,
            status="open",
            number=ev.number,
            title=ev.title,
            category=ev.category,
            grade=ev.grade,
            channel=ev.channel,
            workflow=ev.workflow,
            steps=ev.steps,
            step=ev.steps[0],
            due_at=ev.due_at,
            accepted_at=ev.accepted_at,
            parties=ev.parties,
            party_count=ev.party_count,
            source=ev.source,
            external_ref=ev.external_ref,
            place=ev.place,
            changed_at=at,
        )
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not DisputeOpened")
    c: dict[str, object] = {}
    match ev:
        case e.DisputeStepTaken():
            c = {"step": ev.step}
        case e.DisputeExtended():
            c = {"due_at": ev.due_at, "extensions": state.extensions + 1}
        case e.DisputeCarded():
            c = {"card": ev.card, "card_reason": ev.reason}
        case e.DisputeAssigned():
            c = {"mediator": ev.mediator, "mediator_name": ev.mediator_name}
        case e.DisputeClosed():
            c = {"status": "closed", "closed_at": at, "outcome": ev.outcome, "card": "none", "card_reason": ""}
    return msgspec.structs.replace(state, version=r.version, changed_at=at, **c)


def take_step(state: Dispute, step: str, text: str = "") -> list[e.Event]:
    """Go on to ``step``: the next one of the workflow, or back to an earlier one."""
    LIFECYCLE.next(state.status, "step")
    if step not in state.steps:
        raise Invalid("invalid.step", field="step", value=step, known=", ".join(state.steps))
    here, there = state.steps.index(state.step), state.steps.index(step)
    if there > here + 1:
        raise Refused("refused.dispute.step_skipped", expected=state.steps[here + 1])
    return [] if here == there else [e.DisputeStepTaken(step=step, text=text)]


def assign(state: Dispute, mediator: str, mediator_name: str = "") -> list[e.Event]:
    """Give it to a mediator."""
    LIFECYCLE.next(state.status, "assign")
    return [] if state.mediator == mediator else [e.DisputeAssigned(mediator=mediator, mediator_name=mediator_name)]


def extend(state: Dispute, due_at: int, reason: str, approved_by: str) -> list[e.Event]:
    """Move the deadline, with who approved it and why."""
    LIFECYCLE.next(state.status, "extend")
    if due_at <= state.due_at:
        raise Invalid("invalid.extension_not_later", field="due_at")
    if len(reason.strip()) < 4:
        raise Invalid("invalid.reason_short", field="reason", least=4)
    return [e.DisputeExtended(due_at=due_at, reason=reason.strip(), approved_by=approved_by)]


def close(state: Dispute, outcome: str, text: str = "") -> list[e.Event]:
    """Finish it with an outcome of :data:`OUTCOMES`."""
    LIFECYCLE.next(state.status, "close")
    if outcome not in OUTCOMES:
        raise Invalid("invalid.outcome", field="outcome", value=outcome, known=", ".join(OUTCOMES))
    return [e.DisputeClosed(outcome=outcome, text=text)]


def card_for(state: Dispute, now: int, calendar: WorkCalendar) -> tuple[str, str]:
    """Return the card this dispute deserves at ``now`` and the text key of the reason."""
    if state.status != "open":
        return "none", ""
    if now >= state.due_at:
        return "red", "card.overdue"
    left = state.due_at - now
    if calendar.workdays_between(now, state.due_at) <= YELLOW_WORKDAYS:
        return "yellow", "card.few_workdays"
    if left <= YELLOW_SHARE * (state.due_at - state.accepted_at):
        return "yellow", "card.little_time"
    return "none", ""


def recard(state: Dispute, now: int, calendar: WorkCalendar) -> list[e.Event]:
    """Write the card when it has changed."""
    card, reason = card_for(state, now, calendar)
    return [] if card == state.card else [e.DisputeCarded(card=card, reason=reason)]
