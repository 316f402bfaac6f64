"""The timeline of an incident: every step of it and of its orders, who, when, in words of the reader's language."""

from collections.abc import Iterable
from typing import Any

import msgspec

from dashboard.domain import events as e

_HIDDEN = {"sealed", "reporter", "parties"}
# Claims are the machine's own business; a commander reads "sent" and "delivered".
_SILENT = (e.OrderClaimed, e.IncidentEngaged, e.UnitAssigned, e.UnitReleased)


def entries(recorded: Iterable[e.Recorded]) -> list[dict[str, Any]]:
    """Return entries ``{position, at, occurred_at, actor, subject, key, params}``, oldest first; ``key`` is ``event.<kind>``."""
    out = []
    for r in sorted(recorded, key=lambda r: r.position):
        if isinstance(r.event, _SILENT):
            continue
        params = {k: v for k, v in msgspec.to_builtins(r.event).items() if k not in _HIDDEN and k != "kind"}
        out.append(
            {
                "position": r.position,
                "at": r.recorded_at,
                "occurred_at": r.occurred_at,
                "actor": r.actor,
                "subject": r.subject,
                "key": f"event.{r.event.__struct_config__.tag}",
                "params": params,
                "drill": r.drill,
            }
        )
    return out
