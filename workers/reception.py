"""Takes what terminals say over their connection: the same checks, types and facts as the HTTP API's.

A frame is a body of the API with a ``t`` beside it (``receipt``, ``status`` or ``position``).  A phone need not name
its unit.  When :meth:`Reception.take` returns, the fact is in the stream, on disk.
"""

from typing import Any, NamedTuple

import msgspec

from dashboard import access
from dashboard.config import Profile
from dashboard.domain import ids
from dashboard.domain.commands import Actor
from dashboard.domain.position import Fix
from dashboard.ports import Clock
from datasource import facts
from datasource.web import api_models as m
from datasource.web.api_calls import Translator
from datasource.web.api_checks import Check
from datasource.web.api_wire import Wire
from datasource.web.problems import FieldError, Problem, from_decoding


class Kind(NamedTuple):
    """A kind of frame: its body and what the actor must be allowed to do."""

    body: type
    action: str


KINDS = {
    "receipt": Kind(m.Receipt, "TakeReceipt"),
    "status": Kind(m.UnitStatus, "ReportUnitStatus"),
    "position": Kind(m.Position, "TakePositions"),
}
_frame = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Reception:
    """The door for frames; ``event_id`` makes a repeated one harmless."""

    def __init__(self, translator: Translator, wire: Wire, profile: Profile, clock: Clock) -> None:
        self._translator = translator
        self._wire = wire
        self._profile = profile
        self._clock = clock

    async def take(self, actor: Actor, frame: str | bytes) -> str:
        """Keep what a frame says and return its event id ('' if it has none).

        Raises Problem when it is wrong, and the wire's Unavailable when it may not have been kept.
        """
        kind, body = self._read(actor, frame)
        now = self._clock.now()
        check = Check(actor, self._profile, now)
        if isinstance(body, m.Position):
            await self._position(check, body)
            return ""
        # A receipt is the same receipt however often it is told, so its content is a key too.
        key = body.event_id or f"{kind}:{ids.derived('X', msgspec.json.encode(body).decode())}"
        items = await self._translator.items(check, body, key)
        entries = []
        for item in items:
            fact_id = ids.derived("F", check.source, item.key or key)
            command = item.command(fact_id)
            entries.append(facts.encode(fact_id, type(command).__name__, check.source, now, command, actor.lang))
        await self._wire.accept("", "", entries)
        return body.event_id or ""

    async def close(self) -> None:
        """Let go of connections."""
        await self._wire.close()

    def _read(self, actor: Actor, frame: str | bytes) -> tuple[str, Any]:
        try:
            members = _frame.decode(frame)
            name = msgspec.json.decode(members.pop("t", msgspec.Raw(b'""')), type=str)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Problem("malformed", errors=[from_decoding(fault)]) from None
        kind = KINDS.get(name)
        if kind is None:
            raise Problem("invalid", errors=[FieldError("t", "reason.choice_known", {"value": name, "known": ", ".join(KINDS)})])
        if not access.may(actor, kind.action):
            raise Problem("forbidden")
        if actor.role == "unit":
            members.setdefault("unit_id", msgspec.Raw(msgspec.json.encode(actor.unit_id)))
        try:
            return name, msgspec.json.decode(msgspec.json.encode(members), type=kind.body)
        except msgspec.DecodeError as fault:
            raise Problem("invalid", errors=[from_decoding(fault)]) from None

    async def _position(self, check: Check, body: m.Position) -> None:
        await self._translator.known(check, {body.unit_id: "unit_id"})
        at = check.instant(body.at, "at", "api.position_age_s")
        place = check.place(body.lat, body.lon, body.datum)
        check.passed()
        if place is not None:
            fix = Fix(body.unit_id, place.lat, place.lon, at, body.speed, body.heading, body.accuracy)
            await self._wire.positions(msgspec.msgpack.encode([check.source, check.now, [fix]]), check.now)


def event_id(frame: str | bytes) -> str:
    """Read the event id of a frame that was refused, as far as it can be read."""
    try:
        found = msgspec.json.decode(_frame.decode(frame).get("event_id", msgspec.Raw(b'""')))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return found if isinstance(found, str) else ""
