"""What people ask and get over the API: a body for each command of the desk, and the lists a console lives on.

The bodies are made from the commands themselves, so a new command has its call at once; what decoding must check
(lengths, ranges, shapes) stands here by the name of the field.  Unknown members are refused.
"""

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from dashboard import access
from dashboard.domain import commands as c
from dashboard.domain.events import Place
from datasource.web import api_models as m

PEOPLE = tuple(role for role in access.ROLES if role not in ("source", "unit", "worker"))
"""Roles of persons who sign in with an account."""

Reference = Annotated[str, Meta(min_length=1, max_length=200)]
Code = Annotated[str, Meta(min_length=1, max_length=40)]
Words = Annotated[str, Meta(max_length=1000)]
Text = Annotated[str, Meta(max_length=4000)]


class Spot(m.Body, frozen=True):
    """A place; the name is that of the spot, never of a home."""

    lat: m.Lat
    lon: m.Lon
    name: m.Short = ""
    uncertainty_m: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    datum: m.Datum = "wgs84"


# The type of a field by its name; a field that may be left out may be null, too.
_FIELDS: dict[str, Any] = {
    "incident_id": Reference,
    "order_id": Reference,
    "unit_id": Reference,
    "alarm_id": Reference,
    "alert_id": Reference,
    "dispute_id": Reference,
    "proposal_id": Reference,
    "category": Code,
    "outcome": Code,
    "verdict": Code,
    "level": Code,
    "step": Code,
    "severity": m.Severity,
    "area": m.Area,
    "place": Spot,
    "reporter": m.Person,
    "title": m.Short,
    "reference": m.Short,
    "reason": Words,
    "text": Text,
    "people": Annotated[int, Meta(ge=0, le=1_000_000)],
    "minutes": Annotated[int, Meta(ge=1, le=1440)],
    "eta_s": Annotated[int, Meta(ge=0, le=86_400, description="Estimated travel time in seconds.")],
    "seen_version": Annotated[
        int, Meta(ge=0, description="The version you have seen: refused when somebody else has taken it since.")
    ],
    "confirm_busy": bool,
    "next_channel": bool,
    "drill": bool,
    "occurred_at": m.Instant,
    "due_at": m.Instant,
    "planned_end_at": m.Instant,
}


def _body(command: type[c.Command]) -> type[m.Body]:
    fields: list[Any] = []
    for field in msgspec.structs.fields(command):
        if field.name == "key":  # comes as the Idempotency-Key header
            continue
        kind = _FIELDS[field.name]
        fields.append((field.name, kind) if field.required else (field.name, kind | None, None))
    made = msgspec.defstruct(command.__name__, fields, bases=(m.Body,), frozen=True, kw_only=True, module=__name__)
    made.__doc__ = f"{SUMMARIES[command.__name__]}."
    return cast(type[m.Body], made)


SUMMARIES: dict[str, str] = {
    "OpenIncident": "Take a report at the desk; you own the incident",
    "TakeIncident": "Own an incident, and acknowledge its alarm",
    "ReleaseIncident": "Give an incident back",
    "ChangeIncident": "Correct the facts of an incident",
    "AddNote": "Add a note to an incident's timeline",
    "CloseIncident": "Close an incident",
    "ReopenIncident": "Open a closed incident again",
    "SendOrder": "Dispatch a unit",
    "CancelOrder": "Take an order back",
    "ReissueOrder": "Send an order again",
    "AcknowledgeAlarm": "Own an alarm",
    "UnacknowledgeAlarm": "Give an alarm back",
    "ShelveAlarm": "Put an alarm aside for some minutes, with a reason",
    "UnshelveAlarm": "Bring a shelved alarm back",
    "VerifyCameraAlert": "Give a verdict on a camera alert",
    "UndoVerdict": "Take a verdict back",
    "TakeDisputeStep": "Move a case to its next step",
    "ExtendDispute": "Extend the deadline of a case",
    "CloseDispute": "Close a case with its outcome",
    "ProposeLevel": "Ask for another response level",
    "ConfirmLevel": "Confirm a level that somebody else has asked for",
    "DropLevelProposal": "Withdraw or refuse a proposed level",
}

COMMANDS: dict[str, type[c.Command]] = {
    command.__name__: command
    for command in c.COMMANDS
    if any(command.__name__ in access.TABLE[role] for role in PEOPLE)
}
"""The commands people may give, by name; those of sources and processes are not among them."""

BODIES: dict[str, type[m.Body]] = {name: _body(command) for name, command in COMMANDS.items()}


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did: the id it speaks of, and whether anything has changed.

    A command that came again with the same `Idempotency-Key` changes nothing, and its `id` is empty.
    """

    id: str
    changed: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is answered to a question."""


class ActiveOrder(Answer, frozen=True):
    """An order of an incident that has not ended."""

    id: str
    unit_id: str
    status: str
    attempt: int
    overdue_step: int
    queued_at: int
    ack_due_at: int | None
    by: str


class OpenIncidentRow(Answer, frozen=True):
    """An open incident in the list."""

    id: str
    version: int
    area: str
    category: str
    severity: int
    status: str
    title: str
    opened_at: int
    taken_at: int | None
    owner: str
    owner_name: str
    drill: bool
    orders: list[ActiveOrder] = []


class OpenIncidents(Answer, frozen=True):
    """The open incidents of the area of the account, oldest first."""

    now: int
    incidents: list[OpenIncidentRow]


class IncidentFacts(Answer, frozen=True):
    """An incident without its reporter."""

    id: str
    version: int
    area: str
    category: str
    severity: int
    status: str
    title: str
    text: str
    place: Place | None
    people: int
    source: str
    external_ref: str
    reports: tuple[str, ...]
    occurred_at: int
    opened_at: int
    taken_at: int | None
    engaged_at: int | None
    closed_at: int | None
    outcome: str
    owner: str
    owner_name: str
    drill: bool


class OrderFacts(Answer, frozen=True):
    """An order with its receipts."""

    id: str
    version: int
    unit_id: str
    status: str
    severity: int
    text: str
    attempt: int
    failures: int
    channel: str
    overdue_step: int
    ack_limit_s: int
    ack_due_at: int | None
    eta_s: int | None
    queued_at: int
    sent_at: int | None
    delivered_at: int | None
    read_at: int | None
    answered_at: int | None
    en_route_at: int | None
    on_scene_at: int | None
    ended_at: int | None
    decline_reason: str
    by: str
    by_name: str


class IncidentDetail(Answer, frozen=True):
    """An incident with all its orders and its timeline, oldest first; `key` of an entry names what happened."""

    now: int
    incident: IncidentFacts
    orders: list[OrderFacts]
    unit_names: dict[str, str]
    timeline: list[dict[str, Any]]


class Why(Answer, frozen=True):
    """One reason for a rank."""

    key: str
    params: dict[str, Any]


class CandidateRow(Answer, frozen=True):
    """A unit that could be sent; `group`: ready, stale (position too old) or busy; `fits`: what it brings of the run card."""

    unit_id: str
    name: str
    kind: str
    group: str
    distance_m: float | None
    eta_s: int | None
    fix_age_s: float | None
    fits: tuple[str, ...]
    orders: int
    why: list[Why]


class Recommended(Answer, frozen=True):
    """Units that could be sent to an incident, best first; travel times are estimates."""

    now: int
    candidates: list[CandidateRow]


class CameraAlertRow(Answer, frozen=True):
    """A camera alert that wants a verdict."""

    id: str
    area: str
    camera_id: str
    rule: str
    severity: int
    status: str
    title: str
    confidence: float | None
    count: int
    raised_at: int
    last_at: int
    ended_at: int | None
    verdict: str
    verdict_by: str
    drill: bool


class OpenCameraAlerts(Answer, frozen=True):
    """The camera alerts that want a verdict, oldest first."""

    now: int
    camera_alerts: list[CameraAlertRow]


class AlarmRow(Answer, frozen=True):
    """An alarm that is not over and done; `subject` is `kind:id`."""

    id: str
    area: str
    rule: str
    subject: str
    severity: int
    status: str
    title: str
    params: dict[str, str | int | float]
    count: int
    raised_at: int
    last_at: int
    ack_due_at: int | None
    owner: str
    owner_name: str
    acked_at: int | None
    escalated_to: str
    until: int | None
    drill: bool


class ActiveAlarms(Answer, frozen=True):
    """The alarms that are not over and done, oldest first."""

    now: int
    alarms: list[AlarmRow]
