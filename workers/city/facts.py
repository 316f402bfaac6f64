"""What the city says: one fact of one source, and where in the API it goes."""

from typing import Any

import msgspec


class Fact(msgspec.Struct, frozen=True):
    """One request: the source that speaks, the path below ``/api/v1``, the body."""

    source: str
    path: str
    body: dict[str, Any]


S_110, S_HOTLINE, S_GRID = "s-110", "s-12345", "s-grid"
S_FLEET, S_CAMERA, S_LEDGER = "s-fleet", "s-camera", "s-ledger"
HEARTBEAT_S = {S_110: 15, S_HOTLINE: 30, S_GRID: 30, S_FLEET: 5, S_CAMERA: 15, S_LEDGER: 60}
"""The sources the city speaks for, and how often each says that it is alive (s)."""

BATCH = 500
"""Things per request when many are registered or reported at once."""
