"""The one place that says who may do and see what.

``may(actor, action, area)`` is asked by the Desk before every command and view, and by the hub when a
viewer subscribes.  Roles × actions stand in :data:`TABLE`; areas are sub-trees of the actor's scope.
"""

from dashboard.domain.centre import within
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Forbidden, NotFound

ROLES = ("wall", "duty_officer", "commander", "leader", "mediator", "unit", "source", "administrator", "worker")

# Views, as they are named in URLs and in /live?view=…
VIEWS = ("wall", "console", "lead", "disputes", "cameras", "log", "admin", "unit")

_FACTS = (
    "TakeReport",
    "RaiseCameraAlert",
    "ReportUnitStatus",
    "TakeReceipt",
    "TakeDispute",
    "NoteHeartbeat",
    "RegisterUnits",
    "RegisterCameras",
    "TakePositions",
)
_DUTY = [
    "OpenIncident",
    "TakeIncident",
    "ReleaseIncident",
    "ChangeIncident",
    "AddNote",
    "AcknowledgeAlarm",
    "UnacknowledgeAlarm",
    "ShelveAlarm",
    "UnshelveAlarm",
    "VerifyCameraAlert",
    "UndoVerdict",
]
_COMMAND = [
    "SendOrder",
    "CancelOrder",
    "ReissueOrder",
    "CloseIncident",
    "ReopenIncident",
    "ProposeLevel",
    "DropLevelProposal",
]
_LEDGER = ["TakeDisputeStep", "CloseDispute"]

TABLE: dict[str, frozenset[str]] = {
    "wall": frozenset({"view:wall"}),
    "duty_officer": frozenset(
        {
            "view:wall",
            "view:console",
            "view:disputes",
            "view:cameras",
            "view:log",
            "view:incident",
            "view:unit_list",
            *_DUTY,
        }
    ),
    "commander": frozenset(
        {
            "view:wall",
            "view:console",
            "view:lead",
            "view:disputes",
            "view:cameras",
            "view:log",
            "view:incident",
            "view:unit_list",
            "PairUnit",
            *_DUTY,
            *_COMMAND,
            "ConfirmLevel",
        }
    ),
    "leader": frozenset(
        {"view:wall", "view:lead", "view:disputes", "view:log", "view:incident", "ConfirmLevel", "DropLevelProposal"}
    ),
    "mediator": frozenset({"view:disputes", *_LEDGER}),
    "unit": frozenset({"view:unit", "TakeReceipt", "ReportUnitStatus", "TakePositions"}),
    "source": frozenset({*_FACTS, "view:fleet"}),
    "administrator": frozenset(
        {f"view:{v}" for v in VIEWS if v != "unit"}
        | {
            "view:incident",
            "view:unit_list",
            "PairUnit",
            "ReplayDeadLetter",
            "ManageAccounts",
            "ExtendDispute",
            *_DUTY,
            *_COMMAND,
            *_LEDGER,
            "ConfirmLevel",
        }
    ),
    "worker": frozenset({*_FACTS, "ClaimOrder", "RecordSent", "RecordAttemptFailed", "ReissueOrder", "Sweep"}),
}


def may(actor: Actor, action: str, area: str | None = None) -> bool:
    """Say whether ``actor`` may do ``action`` (a command's name, or ``view:<name>``) in ``area``."""
    return action in TABLE.get(actor.role, frozenset()) and (area is None or within(area, actor.scope))


def roles_that_may(action: str) -> list[str]:
    """List the roles that may, for the sentence "needs …"."""
    return [role for role in ROLES if action in TABLE[role] and role not in ("worker", "source")]


def require(actor: Actor, action: str, area: str | None = None) -> None:
    """Refuse what :func:`may` denies: Forbidden for the role, NotFound for another area (its things do not exist for you)."""
    if action not in TABLE.get(actor.role, frozenset()):
        raise Forbidden("forbidden.role", action=action, needs=", ".join(roles_that_may(action)))
    if area is not None and not within(area, actor.scope):
        raise NotFound("notfound.area")
