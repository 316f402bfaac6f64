"""Every event, in the past tense: what happened to which thing.

An event says what changed and nothing else; who, when and where stand in its
envelope, :class:`Recorded`.  Events are kept for ever, so a field is never renamed
and never changes its meaning; new fields have a default.

Instants (``*_at``) are integer milliseconds since 1970 UTC.  Places are WGS-84
degrees.  ``sealed`` fields hold personal data as ciphertext (see ``Vault`` in
``dashboard/ports.py``) and are never shown without un-masking.
"""

from typing import TYPE_CHECKING, Union

import msgspec


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where: WGS-84 degrees, the area it lies in, and how people call the spot (a public place, never a home)."""

    lat: float
    lon: float
    name: str = ""
    uncertainty_m: float | None = None


class Sealed(msgspec.Struct, frozen=True):
    """Personal data, encrypted at the door under the key ``key_id``; destroying that key erases it."""

    key_id: str
    box: str


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of all events; the tag is ``<thing>.<past tense>``."""


# --- incident 事件 ---------------------------------------------------------------


class IncidentOpened(Event, frozen=True, kw_only=True, tag="incident.opened"):
    number: str
    category: str
    severity: int
    title: str
    place: Place | None = None
    source: str = ""
    report_id: str = ""
    external_ref: str = ""
    people: int = 0
    text: str = ""
    reporter: Sealed | None = None


class ReportJoined(Event, frozen=True, kw_only=True, tag="incident.report_joined"):
    """Another report (报警/上报) of the same incident came in."""

    report_id: str
    source: str = ""
    text: str = ""
    reporter: Sealed | None = None


class IncidentChanged(Event, frozen=True, kw_only=True, tag="incident.changed"):
    """Facts of the incident were corrected or completed; only the given fields changed."""

    category: str | None = None
    severity: int | None = None
    title: str | None = None
    place: Place | None = None
    people: int | None = None
    reason: str = ""


class IncidentTaken(Event, frozen=True, kw_only=True, tag="incident.taken"):
    """Somebody owns it now."""

    owner: str
    owner_name: str = ""


class IncidentReleased(Event, frozen=True, kw_only=True, tag="incident.released"):
    """Nobody owns it any more (the owner gave it back, or did nothing within the limit)."""

    reason: str = ""


class IncidentEngaged(Event, frozen=True, kw_only=True, tag="incident.engaged"):
    """The first order was given: the incident is being handled."""


class IncidentNoted(Event, frozen=True, kw_only=True, tag="incident.noted"):
    text: str
    note_id: str = ""


class IncidentClosed(Event, frozen=True, kw_only=True, tag="incident.closed"):
    outcome: str
    text: str = ""


class IncidentReopened(Event, frozen=True, kw_only=True, tag="incident.reopened"):
    reason: str = ""


# --- unit 应急单元 -----------------------------------------------------------------


class UnitRegistered(Event, frozen=True, kw_only=True, tag="unit.registered"):
    """A unit is known, or its master data changed."""

    name: str
    unit_kind: str
    capabilities: tuple[str, ...] = ()
    members: int = 0
    callsign: str = ""
    channels: tuple[str, ...] = ("terminal",)
    station: Place | None = None
    source: str = ""


class UnitDutyChanged(Event, frozen=True, kw_only=True, tag="unit.duty_changed"):
    on_duty: bool


class UnitStatusReported(Event, frozen=True, kw_only=True, tag="unit.status_reported"):
    """What the unit says of itself: ``available``, ``busy`` or ``out_of_service``."""

    status: str
    reason: str = ""


class UnitAssigned(Event, frozen=True, kw_only=True, tag="unit.assigned"):
    order_id: str


class UnitReleased(Event, frozen=True, kw_only=True, tag="unit.released"):
    order_id: str


# --- dispatch order 指令 -----------------------------------------------------------


class OrderQueued(Event, frozen=True, kw_only=True, tag="order.queued"):
    """Accepted from the commander: from here on it is kept, delivered and chased."""

    number: str
    incident_id: str
    unit_id: str
    severity: int
    text: str
    ack_limit_s: int
    ack_due_at: int
    by: str
    by_name: str = ""
    channels: tuple[str, ...] = ("terminal",)
    place: Place | None = None
    title: str = ""
    eta_s: int | None = None


class OrderClaimed(Event, frozen=True, kw_only=True, tag="order.claimed"):
    """A worker took attempt ``attempt`` and holds it until ``lease_until``."""

    attempt: int
    channel: str
    lease_until: int
    worker: str = ""


class OrderSent(Event, frozen=True, kw_only=True, tag="order.sent"):
    """The channel took it (it is on its way; perhaps not on the device)."""

    attempt: int
    channel: str


class OrderAttemptFailed(Event, frozen=True, kw_only=True, tag="order.attempt_failed"):
    """The channel did not take it; ``temporary`` says whether trying again may help."""

    attempt: int
    channel: str
    reason: str
    temporary: bool = True


class OrderReissued(Event, frozen=True, kw_only=True, tag="order.reissued"):
    """A new attempt was started because the last one failed, or its lease ran out."""

    attempt: int
    channel: str
    reason: str = ""


class OrderDelivered(Event, frozen=True, kw_only=True, tag="order.delivered"):
    """The device has it."""

    channel: str = ""
    device_at: int | None = None


class OrderRead(Event, frozen=True, kw_only=True, tag="order.read"):
    device_at: int | None = None


class OrderAccepted(Event, frozen=True, kw_only=True, tag="order.accepted"):
    device_at: int | None = None


class OrderDeclined(Event, frozen=True, kw_only=True, tag="order.declined"):
    reason: str
    text: str = ""
    device_at: int | None = None


class OrderEnRoute(Event, frozen=True, kw_only=True, tag="order.en_route"):
    device_at: int | None = None


class OrderOnScene(Event, frozen=True, kw_only=True, tag="order.on_scene"):
    device_at: int | None = None


class OrderDone(Event, frozen=True, kw_only=True, tag="order.done"):
    text: str = ""
    device_at: int | None = None


class OrderCancelled(Event, frozen=True, kw_only=True, tag="order.cancelled"):
    reason: str = ""


class OrderExpired(Event, frozen=True, kw_only=True, tag="order.expired"):
    """Nobody answered and it makes no sense any more (its incident is closed)."""

    reason: str = ""


class OrderOverdue(Event, frozen=True, kw_only=True, tag="order.overdue"):
    """The acknowledgement limit passed without an answer; ``step`` counts the escalation."""

    step: int = 1


class OrderLateReceipt(Event, frozen=True, kw_only=True, tag="order.late_receipt"):
    """A receipt that came too late to change anything (after a cancel, say); kept for the timeline."""

    receipt: str
    device_at: int | None = None


# --- alarm 告警 --------------------------------------------------------------------


class AlarmRaised(Event, frozen=True, kw_only=True, tag="alarm.raised"):
    """A condition wants attention.  Raised again while active it counts one more occurrence."""

    rule: str
    subject: str
    severity: int
    title: str = ""
    params: dict[str, str | int | float] = {}
    place: Place | None = None
    ack_due_at: int | None = None


class AlarmAcknowledged(Event, frozen=True, kw_only=True, tag="alarm.acknowledged"):
    """Somebody owns it.  ``expires_at``: it comes back by itself when nothing has followed by then."""

    owner: str
    owner_name: str = ""
    expires_at: int | None = None


class AlarmUnacknowledged(Event, frozen=True, kw_only=True, tag="alarm.unacknowledged"):
    """Nobody owns it any more; ``ack_due_at``: when the next person up is told, if at all."""

    reason: str = ""
    ack_due_at: int | None = None


class AlarmEscalated(Event, frozen=True, kw_only=True, tag="alarm.escalated"):
    """Told to the next person up; ``next_due_at``: when to go on to the one after, if at all."""

    to: str
    step: int
    next_due_at: int | None = None


class AlarmCleared(Event, frozen=True, kw_only=True, tag="alarm.cleared"):
    """The condition is over."""

    reason: str = ""


class AlarmShelved(Event, frozen=True, kw_only=True, tag="alarm.shelved"):
    until: int
    reason: str


class AlarmUnshelved(Event, frozen=True, kw_only=True, tag="alarm.unshelved"):
    """It is back, and nobody's; ``ack_due_at``: when the next person up is told, if at all."""

    reason: str = ""
    ack_due_at: int | None = None


class AlarmSuppressed(Event, frozen=True, kw_only=True, tag="alarm.suppressed"):
    """Hidden by design: a parent condition or maintenance explains it."""

    reason: str
    parent: str = ""


class AlarmUnsuppressed(Event, frozen=True, kw_only=True, tag="alarm.unsuppressed"):
    pass


class AlarmOutOfService(Event, frozen=True, kw_only=True, tag="alarm.out_of_service"):
    until: int
    reason: str


class AlarmReturnedToService(Event, frozen=True, kw_only=True, tag="alarm.returned_to_service"):
    pass


# --- camera and camera alert 摄像头告警 ---------------------------------------------


class CameraRegistered(Event, frozen=True, kw_only=True, tag="camera.registered"):
    name: str
    source: str
    place: Place | None = None
    private_premises: bool = False


class CameraHealthChanged(Event, frozen=True, kw_only=True, tag="camera.health_changed"):
    """``online`` or ``offline``, as its source says."""

    health: str
    since: int


class CameraAlertRaised(Event, frozen=True, kw_only=True, tag="camera_alert.raised"):
    """A scene event: smoke, fire, water, crowd density, fall, road blocked; never an identity."""

    camera_id: str
    rule: str
    severity: int
    title: str = ""
    confidence: float | None = None
    place: Place | None = None
    source: str = ""
    still_url: str = ""


class CameraAlertRepeated(Event, frozen=True, kw_only=True, tag="camera_alert.repeated"):
    """The same scene, seen again by the same camera and rule while the alert was open."""

    confidence: float | None = None


class CameraAlertEnded(Event, frozen=True, kw_only=True, tag="camera_alert.ended"):
    pass


class CameraAlertLapsed(Event, frozen=True, kw_only=True, tag="camera_alert.lapsed"):
    """Mild, long over, and nobody judged it: it leaves the list and stays in the history as not judged."""


class CameraAlertVerified(Event, frozen=True, kw_only=True, tag="camera_alert.verified"):
    """The verdict: ``true`` 属实, ``false`` 误报 or ``unclear`` 存疑."""

    verdict: str
    by: str
    reason: str = ""
    incident_id: str = ""


class CameraAlertVerdictUndone(Event, frozen=True, kw_only=True, tag="camera_alert.verdict_undone"):
    by: str


# --- dispute 矛盾纠纷 ---------------------------------------------------------------


class DisputeOpened(Event, frozen=True, kw_only=True, tag="dispute.opened"):
    number: str
    title: str
    category: str
    grade: str
    channel: str
    workflow: str
    steps: tuple[str, ...]
    due_at: int
    accepted_at: int
    parties: Sealed | None = None
    party_count: int = 0
    source: str = ""
    external_ref: str = ""
    place: Place | None = None


class DisputeStepTaken(Event, frozen=True, kw_only=True, tag="dispute.step_taken"):
    step: str
    text: str = ""


class DisputeExtended(Event, frozen=True, kw_only=True, tag="dispute.extended"):
    """An approved extension 延期: the only way besides finishing that removes a card."""

    due_at: int
    reason: str
    approved_by: str


class DisputeCarded(Event, frozen=True, kw_only=True, tag="dispute.carded"):
    """``yellow``, ``red`` or ``none``; computed, never set by hand."""

    card: str
    reason: str = ""


class DisputeAssigned(Event, frozen=True, kw_only=True, tag="dispute.assigned"):
    mediator: str
    mediator_name: str = ""


class DisputeClosed(Event, frozen=True, kw_only=True, tag="dispute.closed"):
    outcome: str
    text: str = ""


# --- response level 响应等级 ---------------------------------------------------------


class LevelProposed(Event, frozen=True, kw_only=True, tag="level.proposed"):
    """Step one of the switch 平战转换: a commander asks for it, a second person decides."""

    level: str
    reason: str
    by: str
    proposal_id: str
    reference: str = ""
    planned_end_at: int | None = None
    drill: bool = False


class LevelChanged(Event, frozen=True, kw_only=True, tag="level.changed"):
    """Step two: confirmed.  ``level``: normal, IV, III, II or I."""

    level: str
    reason: str
    by: str
    confirmed_by: str
    reference: str = ""
    planned_end_at: int | None = None
    drill: bool = False


class LevelProposalDropped(Event, frozen=True, kw_only=True, tag="level.proposal_dropped"):
    proposal_id: str
    reason: str = ""


# --- source 来源 --------------------------------------------------------------------


class SourceRegistered(Event, frozen=True, kw_only=True, tag="source.registered"):
    name: str
    source_kind: str
    cadence_s: int
    contact: str = ""


class SourceStateChanged(Event, frozen=True, kw_only=True, tag="source.state_changed"):
    """``live``, ``late``, ``stale`` or ``lost`` against its own cadence."""

    state: str
    last_seen_at: int | None = None


EVENT_TYPES: tuple[type[Event], ...] = tuple(Event.__subclasses__())

if TYPE_CHECKING:
    AnyEvent = Event
else:  # msgspec decodes by the tag of each member
    AnyEvent = Union[EVENT_TYPES]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event in its envelope, as the event table keeps it and the change stream carries it.

    ``position``     place in the one global order, 1, 2, 3 …
    ``subject``      ``<kind>:<id>``, e.g. ``incident:INC-20261123-0042``
    ``version``      1, 2, 3 … per subject
    ``area``         area code of the thing (a prefix code, see ``centre.py``)
    ``occurred_at``  when it happened, by the clock of whoever told us
    ``recorded_at``  when we wrote it, by our clock
    ``actor``        ``<role>:<id>`` of who did it, e.g. ``commander:li``, ``source:110``, ``worker:watch``
    ``drill``        true for an exercise 演练
    """

    position: int
    id: str
    subject: str
    version: int
    area: str
    occurred_at: int
    recorded_at: int
    actor: str
    event: AnyEvent
    drill: bool = False

    @property
    def subject_kind(self) -> str:
        """The kind of thing, e.g. ``incident``."""
        return self.subject.partition(":")[0]

    @property
    def subject_id(self) -> str:
        """The id of the thing, e.g. ``INC-20261123-0042``."""
        return self.subject.partition(":")[2]
