"""A fact on its way: what a source told us, from the moment the door answered "accepted" until SQL has it.

An entry of the stream ``facts`` is one :class:`Fact` as JSON.  ``kind`` names the command that ``body`` decodes into, or
is ``Pulse``, which ingest sends to itself.  Personal data is sealed before it gets here.
"""

from typing import Any

import msgspec

from dashboard.domain import commands as c
from dashboard.domain.errors import Invalid
from dashboard.domain.ids import derived
from dashboard.ports import Clock, DeadLetter, Store, Stream

STREAM = "facts"
POSITIONS = "positions"
PULSE = "Pulse"

KINDS: dict[str, type[c.Command]] = {
    kind.__name__: kind
    for kind in (
        c.TakeReport,
        c.RaiseCameraAlert,
        c.ReportUnitStatus,
        c.TakeReceipt,
        c.TakeDispute,
        c.NoteHeartbeat,
        c.RegisterUnits,
        c.RegisterCameras,
    )
}


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact.  ``id`` is derived from source and idempotency key; ``source`` is a source's id, or ``unit:<id>`` for
    a device; ``received_at`` is when the door took it (ms); ``body`` is the command, still undecoded.
    """

    id: str
    kind: str
    source: str
    received_at: int
    lang: str = ""
    body: msgspec.Raw = msgspec.Raw(b"{}")


_fact = msgspec.json.Decoder(Fact)
_bodies = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}
_encode = msgspec.json.Encoder().encode


def encode(
    fact_id: str, kind: str, source: str, received_at: int, body: c.Command | dict[str, Any], lang: str = ""
) -> bytes:
    """Return the stream entry of a fact."""
    return _encode(
        Fact(id=fact_id, kind=kind, source=source, received_at=received_at, lang=lang, body=msgspec.Raw(_encode(body)))
    )


def decode(entry: bytes) -> Fact:
    """Read a stream entry; raises Invalid('dead.undecodable') with the decoder's complaint."""
    try:
        return _fact.decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Invalid("dead.undecodable", problem=str(fault)) from None


def command(fact: Fact) -> c.Command:
    """Decode the body into its command; raises Invalid('dead.unknown_kind' or 'dead.bad_body')."""
    decoder = _bodies.get(fact.kind)
    if decoder is None:
        raise Invalid("dead.unknown_kind", field="kind", value=fact.kind, known=", ".join(KINDS))
    try:
        return decoder.decode(fact.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        what, _, where = str(fault).partition(" - at `")
        raise Invalid(
            "dead.bad_body", field=where.rstrip("`").removeprefix("$.") or None, kind=fact.kind, problem=what
        ) from None


def actor(source: str, lang: str = "") -> c.Actor:
    """Say in whose name a fact is applied: the source's, or the unit's for ``unit:<id>``.

    What it may touch was judged at the door, with the token at hand; behind it the whole tree is in reach.
    """
    role, mark, unit_id = source.partition(":")
    if mark and role == "unit":
        return c.Actor(role="unit", id=unit_id, unit_id=unit_id, lang=lang or "zh-CN")
    return c.Actor(role="source", id=source, lang=lang or "zh-CN")


def replay(letter: DeadLetter, stream: Stream, store: Store, clock: Clock) -> str:
    """Send a dead letter again, as a new fact (its old id is spent); returns the new entry's id.

    The new id is always the same, so that a letter sent again twice counts once; one that fails again is another letter.
    Raises Invalid('dead.undecodable') when its body cannot be read as a fact at all.
    """
    again = msgspec.structs.replace(decode(letter.body), id=derived("F", "replay", letter.id))
    entry_id = stream.add(STREAM, _encode(again))
    store.mark_replayed(letter.id, clock.now())
    return entry_id
