"""The table of contents of what can be done: each command and the function that does it."""

from collections.abc import Callable
from typing import Any

from dashboard.domain import commands as c
from dashboard.handlers import alarms, cameras, disputes, incidents, levels, orders, sweep
from dashboard.handlers.dealing import Dealing as Dealing

Handler = Callable[[Dealing, Any], str]

HANDLERS: dict[type[c.Command], Handler] = {
    c.TakeReport: incidents.take_report,
    c.RaiseCameraAlert: cameras.raise_camera_alert,
    c.ReportUnitStatus: orders.report_unit_status,
    c.TakeReceipt: orders.take_receipt,
    c.TakeDispute: disputes.take_dispute,
    c.NoteHeartbeat: cameras.note_heartbeat,
    c.RegisterUnits: orders.register_units,
    c.RegisterCameras: cameras.register_cameras,
    c.OpenIncident: incidents.open_incident,
    c.TakeIncident: incidents.take,
    c.ReleaseIncident: incidents.release,
    c.ChangeIncident: incidents.change,
    c.AddNote: incidents.note,
    c.CloseIncident: incidents.close,
    c.ReopenIncident: incidents.reopen,
    c.SendOrder: orders.send,
    c.CancelOrder: orders.cancel,
    c.ReissueOrder: orders.reissue,
    c.AcknowledgeAlarm: alarms.acknowledge,
    c.UnacknowledgeAlarm: alarms.unacknowledge,
    c.ShelveAlarm: alarms.shelve,
    c.UnshelveAlarm: alarms.unshelve,
    c.VerifyCameraAlert: cameras.verify,
    c.UndoVerdict: cameras.undo_verdict,
    c.TakeDisputeStep: disputes.take_step,
    c.ExtendDispute: disputes.extend,
    c.CloseDispute: disputes.close,
    c.ProposeLevel: levels.propose,
    c.ConfirmLevel: levels.confirm,
    c.DropLevelProposal: levels.drop,
    c.ClaimOrder: orders.claim,
    c.RecordSent: orders.record_sent,
    c.RecordAttemptFailed: orders.record_attempt_failed,
    c.Sweep: sweep.sweep,
}
