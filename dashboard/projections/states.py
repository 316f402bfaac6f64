"""The kinds of things Muster keeps: for each, the type of its state and how events fold into it.

The Desk, the SQL rows, the live hub and replay all fold with this one table.
"""

from collections.abc import Callable
from typing import NamedTuple

from dashboard.domain import alert, camera, dispatch, dispute, incident, response, source, unit
from dashboard.domain.events import Recorded


class Kind(NamedTuple):
    """A kind of thing: its state type and its fold."""

    type: type
    evolve: Callable[..., object]


KINDS: dict[str, Kind] = {
    "incident": Kind(incident.Incident, incident.evolve),
    "unit": Kind(unit.Unit, unit.evolve),
    "order": Kind(dispatch.Order, dispatch.evolve),
    "alarm": Kind(alert.Alarm, alert.evolve),
    "camera": Kind(camera.Camera, camera.evolve_camera),
    "camera_alert": Kind(camera.CameraAlert, camera.evolve_alert),
    "dispute": Kind(dispute.Dispute, dispute.evolve),
    "level": Kind(response.Level, response.evolve),
    "source": Kind(source.Source, source.evolve),
}


def evolve(state: object | None, recorded: Recorded) -> object:
    """Fold one recorded event into the state of its subject."""
    return KINDS[recorded.subject_kind].evolve(state, recorded)
