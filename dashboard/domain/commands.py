"""Every command, imperative: what somebody wants to happen.

A command is plain data.  ``Desk.do(command, actor)`` checks who may, loads, decides, and writes
events, state and outbox in one transaction.  ``key`` makes a repeated command harmless.
"""

import msgspec

from dashboard.domain.events import Place, Sealed


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all commands.  ``occurred_at`` (ms) defaults to now; ``key`` is an idempotency key."""

    key: str = ""
    occurred_at: int | None = None
    drill: bool = False


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts: a role, an id, the area whose sub-tree may be seen and touched, and for a unit leader the unit."""

    role: str
    id: str
    name: str = ""
    scope: str = ""
    unit_id: str = ""
    session_id: str = ""
    lang: str = "zh-CN"

    @property
    def label(self) -> str:
        """How events name the actor: ``<role>:<id>``."""
        return f"{self.role}:{self.id}"


# --- facts, from sources ---------------------------------------------------------


class TakeReport(Command, frozen=True, kw_only=True):
    """A report: joins the incident its ``external_ref`` names, or opens a new one."""

    report_id: str
    source: str = ""
    category: str
    severity: int | None = None
    title: str = ""
    text: str = ""
    area: str = ""
    place: Place | None = None
    external_ref: str = ""
    people: int = 0
    reporter: Sealed | None = None
    closed: bool = False


class RaiseCameraAlert(Command, frozen=True, kw_only=True):
    alert_id: str
    camera_id: str
    rule: str
    severity: int | None = None
    confidence: float | None = None
    source: str = ""
    still_url: str = ""
    ended: bool = False


class ReportUnitStatus(Command, frozen=True, kw_only=True):
    """Duty and the unit's own word; both optional."""

    unit_id: str
    on_duty: bool | None = None
    status: str | None = None
    reason: str = ""


class TakeReceipt(Command, frozen=True, kw_only=True):
    """A unit answers an order; ``receipt`` is one of ``dispatch.RECEIPTS``."""

    order_id: str
    unit_id: str = ""
    receipt: str
    reason: str = ""
    text: str = ""
    channel: str = ""
    device_at: int | None = None


class TakeDispute(Command, frozen=True, kw_only=True):
    """A case for the ledger: opens it, or moves the one its ``external_ref`` names."""

    dispute_id: str
    external_ref: str = ""
    source: str = ""
    title: str
    category: str
    grade: str = "ordinary"
    channel: str = ""
    area: str = ""
    place: Place | None = None
    parties: Sealed | None = None
    party_count: int = 0
    accepted_at: int | None = None
    step: str = ""
    outcome: str = ""


class NoteHeartbeat(Command, frozen=True, kw_only=True):
    """A source is alive; ``offline`` is the full list of its devices that are not."""

    source: str
    offline: tuple[str, ...] | None = None
    devices: int | None = None


class UnitMaster(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Master data of one unit, as its authority registers it."""

    unit_id: str
    name: str
    kind: str
    area: str
    capabilities: tuple[str, ...] = ()
    members: int = 0
    callsign: str = ""
    channels: tuple[str, ...] = ("terminal",)
    place: Place | None = None


class CameraMaster(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Master data of one camera."""

    camera_id: str
    name: str
    area: str
    place: Place | None = None
    private_premises: bool = False


class RegisterUnits(Command, frozen=True, kw_only=True):
    units: tuple[UnitMaster, ...]
    source: str = ""


class RegisterCameras(Command, frozen=True, kw_only=True):
    cameras: tuple[CameraMaster, ...]
    source: str = ""


# --- what people do ---------------------------------------------------------------


class OpenIncident(Command, frozen=True, kw_only=True):
    """Take a report at the desk (by telephone, say)."""

    category: str
    severity: int
    title: str
    area: str = ""
    place: Place | None = None
    text: str = ""
    people: int = 0
    reporter: Sealed | None = None


class TakeIncident(Command, frozen=True, kw_only=True):
    """Own it; also acknowledges its alarm."""

    incident_id: str
    seen_version: int | None = None


class ReleaseIncident(Command, frozen=True, kw_only=True):
    incident_id: str
    reason: str = ""


class ChangeIncident(Command, frozen=True, kw_only=True):
    incident_id: str
    category: str | None = None
    severity: int | None = None
    title: str | None = None
    place: Place | None = None
    people: int | None = None
    reason: str = ""


class AddNote(Command, frozen=True, kw_only=True):
    incident_id: str
    text: str


class CloseIncident(Command, frozen=True, kw_only=True):
    incident_id: str
    outcome: str = "resolved"
    text: str = ""


class ReopenIncident(Command, frozen=True, kw_only=True):
    incident_id: str
    reason: str = ""


class SendOrder(Command, frozen=True, kw_only=True):
    """Dispatch one unit; ``confirm_busy`` sends it although it already has an order."""

    incident_id: str
    unit_id: str
    text: str
    confirm_busy: bool = False
    eta_s: int | None = None


class CancelOrder(Command, frozen=True, kw_only=True):
    order_id: str
    reason: str = ""


class ReissueOrder(Command, frozen=True, kw_only=True):
    """Send it again (再次下达), by the next channel when asked to."""

    order_id: str
    next_channel: bool = False


class AcknowledgeAlarm(Command, frozen=True, kw_only=True):
    """Own it; for an incident's alarm this also takes the incident."""

    alarm_id: str


class UnacknowledgeAlarm(Command, frozen=True, kw_only=True):
    alarm_id: str
    reason: str = ""


class ShelveAlarm(Command, frozen=True, kw_only=True):
    alarm_id: str
    minutes: int
    reason: str


class UnshelveAlarm(Command, frozen=True, kw_only=True):
    alarm_id: str


class VerifyCameraAlert(Command, frozen=True, kw_only=True):
    alert_id: str
    verdict: str
    reason: str = ""


class UndoVerdict(Command, frozen=True, kw_only=True):
    alert_id: str


class TakeDisputeStep(Command, frozen=True, kw_only=True):
    dispute_id: str
    step: str
    text: str = ""


class ExtendDispute(Command, frozen=True, kw_only=True):
    dispute_id: str
    due_at: int
    reason: str


class CloseDispute(Command, frozen=True, kw_only=True):
    dispute_id: str
    outcome: str
    text: str = ""


class ProposeLevel(Command, frozen=True, kw_only=True):
    area: str
    level: str
    reason: str
    reference: str = ""
    planned_end_at: int | None = None


class ConfirmLevel(Command, frozen=True, kw_only=True):
    area: str
    proposal_id: str


class DropLevelProposal(Command, frozen=True, kw_only=True):
    area: str
    proposal_id: str
    reason: str = ""


# --- what workers do ----------------------------------------------------------------


class ClaimOrder(Command, frozen=True, kw_only=True):
    """A delivery worker takes attempt n; the answer says whether it got it."""

    order_id: str
    attempt: int
    worker: str


class RecordSent(Command, frozen=True, kw_only=True):
    order_id: str
    attempt: int


class RecordAttemptFailed(Command, frozen=True, kw_only=True):
    order_id: str
    attempt: int
    reason: str
    temporary: bool = True


class Sweep(Command, frozen=True, kw_only=True):
    """Do what the clock asks for.  Idempotent.

    ``parts``: ``orders`` and ``alarms`` (leases, limits, escalation) want a quarter of a second,
    ``sources`` and ``units`` (silence) two seconds, ``disputes`` (cards) and ``cameras`` (lapse) a minute.
    """

    parts: tuple[str, ...] = ("orders", "alarms", "sources", "units", "disputes", "cameras")


COMMANDS: tuple[type[Command], ...] = tuple(c for c in Command.__subclasses__())
