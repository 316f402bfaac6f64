"""What a row says, put into single events with an instant each."""

from typing import Any

import msgspec

REPORT, CLOSING, STATUS, FIX = "report", "closing", "status", "fix"


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One thing to send: ``at`` (ms, as in the file) is when the source says it, ``line`` where it stands in the file.

    ``key`` is what must stay in order (an incident's reference, a unit), ``body`` the body for the API without its
    instant, ``occurred_at`` the instant in it.
    """

    at: int
    line: int
    kind: str
    key: str
    occurred_at: int
    body: dict[str, Any]
