"""Takes what terminals say over their connection: the HTTP API's checks, types and facts under another envelope.

A frame is a body of the API with a ``t`` beside it (``receipt``, ``status`` or ``position``).  A phone need not name
its unit.  When :meth:`Reception.take` returns, the fact is in the stream, on disk.
"""

import msgspec

from dashboard.domain.commands import Actor
from datasource.web.api import Intake
from datasource.web.problems import FieldError, Problem

CALLS = {"receipt": "receipts", "status": "unit-status", "position": "positions"}

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class Reception:
    """The door for frames; ``event_id`` makes a repeated one harmless."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def take(self, actor: Actor, frame: str) -> str:
        """Keep what a frame says and return its event id ('' if it has none); raises Problem."""
        try:
            members = _members.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise Problem("malformed", errors=[FieldError("", "reason.malformed", {"said": str(fault)})]) from None
        kind = _text(members.pop("t", msgspec.Raw(b"null")))
        call = CALLS.get(kind)
        if call is None:
            raise Problem(
                "invalid", errors=[FieldError("t", "reason.choice_known", {"value": kind, "known": ", ".join(CALLS)})]
            )
        key = _text(members["event_id"]) if "event_id" in members else ""
        if call == "positions":
            members.pop("event_id", None)  # a position has no second effect to guard against
        if actor.role == "unit":
            members.setdefault("unit_id", msgspec.Raw(_encode(actor.unit_id)))
        try:
            await self._intake.take(call, _encode(members), actor, lang=actor.lang)
        except Problem as problem:
            # A phone that comes back says again what it is not sure of, with the time of saying it: the first one counts.
            if not (key and problem.errors and problem.errors[0].key == "reason.key_reused"):
                raise
        return key

    async def close(self) -> None:
        """Let go of connections."""
        await self._intake.gauge.stop()
        await self._intake.wire.close()


def event_id(frame: str) -> str:
    """Read the event id of a frame that was refused, as far as it can be read."""
    try:
        return _text(_members.decode(frame).get("event_id", msgspec.Raw(b"null")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _text(raw: msgspec.Raw) -> str:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else ""
