"""The ingest API under ``/api/v1``: how reports, alerts, positions, receipts and cases come in.

A request is authenticated by the door, decoded and checked in one go, and answered 202 only when what it said is on disk.
Sent again with the same idempotency key it is answered the same and has no second effect.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, Protocol

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.access import require
from dashboard.config import Profile
from dashboard.domain import errors, geo, ids
from dashboard.domain.commands import Actor
from dashboard.domain.position import Fix
from dashboard.i18n import negotiate, text
from dashboard.ports import Clock, Store, Stream, Vault
from datasource import facts
from datasource.errors import Unavailable
from datasource.web import api_models as m
from datasource.web import openapi
from datasource.web.api_calls import CALLS, Call, Translator
from datasource.web.api_checks import Check, KnownUnits, instant_fault, instant_params, parse_instant
from datasource.web.api_gauge import DEFAULT_LIMITS, Gauge, Limits
from datasource.web.api_wire import MemoryWire, RedisWire, Wire
from datasource.web.bodies import read_body
from datasource.web.problems import FieldError, Problem, from_decoding, from_refusal

PREFIX = "/api/v1"
KEY_LENGTH = 200
# Conversions of a larger batch go to a thread: each takes some twenty microseconds.
CONVERT_HERE = 100


class Backend(Protocol):
    """What the API needs of the instance.  With a ``redis_url`` facts go there, else to ``stream``."""

    @property
    def store(self) -> Store:
        """Events and state."""

    @property
    def stream(self) -> Stream:
        """The transport."""

    @property
    def vault(self) -> Vault:
        """Personal data."""

    @property
    def clock(self) -> Clock:
        """Our time."""


class Intake:
    """Takes requests for one centre, from HTTP and from the terminals' gateway alike."""

    def __init__(
        self, backend: Backend, profile: Profile, wire: Wire | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.wire = wire or wire_of(backend)
        self.clock = backend.clock
        self.profile = profile
        self.gauge = Gauge(self.wire, backend.clock, limits)
        self._translator = Translator(backend.vault, KnownUnits(backend.store, backend.clock))
        self._decoders: dict[type, msgspec.json.Decoder[Any]] = {
            kind: msgspec.json.Decoder(kind)
            for call in CALLS.values()
            for kind in (call.body, call.batch, call.raw_batch)
            if kind
        }
        self._fix = msgspec.json.Decoder(m.BatchPosition)
        self._status = msgspec.json.Decoder(m.UnitStatus)
        self._encode = msgspec.json.Encoder().encode
        self._pack = msgspec.msgpack.Encoder().encode

    async def take(
        self, name: str, raw: bytes, actor: Actor, *, key: str = "", lang: str = "zh-CN", partial: bool = False
    ) -> m.Accepted:
        """Take one request of a call (``reports`` …); raises Problem.  ``key`` is the Idempotency-Key header."""
        call = CALLS[name]
        try:
            require(actor, call.action)
        except errors.Refused as refusal:
            raise from_refusal(refusal) from None
        await self.gauge.check(positions=name == "positions")
        check = Check(actor, self.profile, self.clock.now())
        try:
            if name == "positions":
                return await self._positions(call, raw, check, lang, partial)
            return await self._facts(name, call, raw, check, key, lang)
        except Unavailable:
            raise Problem("unavailable", headers={"Retry-After": "2"}) from None
        except errors.Refused as refusal:
            raise from_refusal(refusal) from None

    async def _facts(self, name: str, call: Call, raw: bytes, check: Check, key: str, lang: str) -> m.Accepted:
        body = self._decode(call, raw)
        key = key or getattr(body, "event_id", None) or ""
        used = key or secrets.token_hex(12)
        items = await self._translator.items(check, body, used)
        request_id = ids.derived("F", check.source, used)
        bodies = []
        for i, item in enumerate(items):
            own = ids.derived("F", check.source, item.key or f"{used}#{i}") if len(items) > 1 else request_id
            bodies.append(facts.encode(own, call.action, check.source, check.now, item.command(own), lang))
        remembered = f"{check.source}:{hashlib.sha256(key.encode()).hexdigest()[:32]}" if key else ""
        # The digest is over what was understood, so a retry that writes the same JSON differently is still the same.
        digest = hashlib.sha256(name.encode() + b"\n" + self._encode(body)).hexdigest() if key else ""
        verdict = await self.wire.accept(remembered, digest, bodies)
        if verdict == "clash":
            raise Problem("conflict", errors=[FieldError("Idempotency-Key", "reason.key_reused", {"value": key})])
        if isinstance(body, m.Units):
            self._translator.learn(check, body)
        return m.Accepted(id=request_id, accepted=len(items), duplicate=verdict == "again", adjusted=check.adjusted)

    def _decode(self, call: Call, raw: bytes) -> Any:
        kind = call.batch if call.batch and _has_member(raw, call.many) else call.body
        try:
            return self._decoders[kind].decode(raw)
        except msgspec.ValidationError as fault:
            if kind is m.UnitStatusBatch:
                raise Problem(
                    "invalid", errors=self._all_faults(raw, m.UnitStatusBatchItems, "items", self._status, fault)
                ) from None
            raise Problem("invalid", errors=[from_decoding(fault)]) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise Problem("malformed", errors=[FieldError("", "reason.malformed", {"said": str(fault)})]) from None

    def _all_faults(
        self, raw: bytes, kind: type, member: str, decoder: msgspec.json.Decoder[Any], first: Exception
    ) -> list[FieldError]:
        """Name every wrong item of a batch, where the decoder stops at the first."""
        try:
            items = getattr(self._decoders[kind].decode(raw), member)
        except msgspec.DecodeError as fault:
            return [from_decoding(fault)]
        faults = []
        for i, item in enumerate(items):
            try:
                decoder.decode(item)
            except msgspec.DecodeError as fault:
                faults.append(from_decoding(fault, f"{member}[{i}]"))
        return faults or [from_decoding(first)]

    # --- positions: the bulk, so it goes its own short way -----------------------------

    async def _positions(self, call: Call, raw: bytes, check: Check, lang: str, partial: bool) -> m.Accepted:
        batch = _has_member(raw, call.many)
        faults: list[FieldError] = []
        try:
            if batch:
                fixes, datum, places = self._batch(raw, partial, faults)
            else:
                single = self._decoders[m.Position].decode(raw)
                fixes, datum, places = [single], single.datum, [""]
        except msgspec.ValidationError as fault:
            errors_found = [from_decoding(fault)]
            if batch:
                errors_found = self._all_faults(raw, m.PositionBatchItems, "positions", self._fix, fault)
            raise Problem("invalid", errors=errors_found) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise Problem("malformed", errors=[FieldError("", "reason.malformed", {"said": str(fault)})]) from None
        wanted: dict[str, str] = {}
        for fix, place in zip(fixes, places, strict=True):
            wanted.setdefault(fix.unit_id, place)
        units = Check(check.actor, check.profile, check.now)
        await self._translator.known(units, {unit: f"{place}unit_id" for unit, place in wanted.items()})
        unknown = {str(e.params["value"]): e.key for e in units.errors}
        good = self._believable(fixes, places, check, unknown, faults)
        if faults and not (partial and good):
            raise Problem("invalid", errors=faults)
        if datum != "wgs84":
            good = (
                await asyncio.to_thread(_converted, good, datum)
                if len(good) > CONVERT_HERE
                else _converted(good, datum)
            )
        request_id = ids.derived("P", check.source, secrets.token_hex(12))
        await self.wire.positions(self._pack([check.source, check.now, good]), check.now)
        rejected = [m.Rejected(**e.as_dict(lang)) for e in faults[: m.BATCH]]
        return m.Accepted(id=request_id, accepted=len(good), duplicate=False, rejected=rejected)

    def _batch(self, raw: bytes, partial: bool, faults: list[FieldError]) -> tuple[Sequence[Any], str, Sequence[str]]:
        try:
            body = self._decoders[m.PositionBatch].decode(raw)
            return body.positions, body.datum, _places(len(body.positions))
        except msgspec.ValidationError:
            if not partial:
                raise
        items = self._decoders[m.PositionBatchItems].decode(raw)
        fixes, places = [], []
        for i, item in enumerate(items.positions):
            try:
                fixes.append(self._fix.decode(item))
                places.append(f"positions[{i}].")
            except msgspec.DecodeError as fault:
                faults.append(from_decoding(fault, f"positions[{i}]"))
        return fixes, items.datum, places

    @staticmethod
    def _believable(
        fixes: Sequence[Any], places: Sequence[str], check: Check, unknown: dict[str, str], faults: list[FieldError]
    ) -> list[Fix]:
        """Check what decoding could not; one pass, as there may be five thousand."""
        earliest, latest = check.window("api.position_age_s")
        good: list[Fix] = []
        for fix, place in zip(fixes, places, strict=True):
            at = parse_instant(fix.at)
            if at is None or not earliest <= at <= latest:
                key = instant_fault(at, earliest, latest, check.now)
                faults.append(FieldError(f"{place}at", key, instant_params(at, earliest, latest)))
            elif fix.lat == 0 and fix.lon == 0:
                faults.append(FieldError(f"{place}lat", "reason.null_island"))
            elif fix.unit_id in unknown:
                faults.append(FieldError(f"{place}unit_id", unknown[fix.unit_id], {"value": fix.unit_id}))
            else:
                good.append(Fix(fix.unit_id, fix.lat, fix.lon, at, fix.speed, fix.heading, fix.accuracy))
        return good


_PLACES: list[str] = [f"positions[{i}]." for i in range(m.BATCH)]


def _places(count: int) -> Sequence[str]:
    return _PLACES[:count]


def _has_member(raw: bytes, name: str) -> bool:
    """Say whether the JSON has a member of this name; a quote in a string would be escaped, so it cannot fool us."""
    at = raw.find(f'"{name}"'.encode())
    return at >= 0 and raw[at + len(name) + 2 :].lstrip()[:1] == b":"


def _converted(fixes: list[Fix], datum: str) -> list[Fix]:
    out = []
    for fix in fixes:
        lat, lon = geo.to_wgs84(fix.lat, fix.lon, datum)
        out.append(Fix(fix.unit_id, round(lat, 7), round(lon, 7), fix.at, fix.speed, fix.heading, fix.accuracy))
    return out


def wire_of(backend: Backend) -> Wire:
    """Return the wire of an instance: Redis when it has one, else its stream."""
    url = getattr(backend, "redis_url", "")
    return RedisWire(url) if url else MemoryWire(backend.stream, backend.clock)


# --- HTTP ------------------------------------------------------------------------------


def language(request: Request) -> str:
    """Pick the language of the answer from ``Accept-Language``."""
    return negotiate(request.headers.get("accept-language", ""))


def routes(intake: Intake, profile: Profile, cookie: str = "muster") -> list[Route]:
    """Return the routes of the API, a true 404 and 405 for everything else below ``/api`` included; ``cookie`` is for the document."""

    @cache
    def document() -> bytes:
        return msgspec.json.encode(openapi.document(profile, cookie))

    async def describe(request: Request) -> Response:
        return Response(document(), media_type="application/json", headers={"Cache-Control": "no-cache"})

    made = [Route(f"{PREFIX}/{name}", _endpoint(intake, name), methods=["POST"]) for name in CALLS]
    made.append(Route(f"{PREFIX}/openapi.json", describe, methods=["GET"]))
    allowed = {route.path: route.methods or set() for route in made}
    every = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]

    async def elsewhere(request: Request) -> Response:
        methods = allowed.get(request.url.path)
        if methods is None:
            return Problem("not_found").response(language(request))
        allow = ", ".join(sorted(methods))
        return Problem("method", headers={"Allow": allow}, allow=allow).response(language(request))

    return [*made, *(Route(path, elsewhere, methods=every) for path in ("/api", "/api/{rest:path}"))]


def _endpoint(intake: Intake, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        lang = language(request)
        try:
            actor: Actor | None = getattr(request.state, "actor", None)
            if actor is None:
                raise Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer realm="muster"'})
            check_media_type(request)
            key = idempotency_key(request.headers.get("idempotency-key", ""))
            # The bound is taken before the body: a door under pressure must not collect megabytes first.
            await intake.gauge.check(positions=name == "positions")
            raw = await read_body(request.scope, request.receive, CALLS[name].limit)
            partial = request.query_params.get("partial") == "1"
            accepted = await intake.take(name, raw, actor, key=key, lang=lang, partial=partial)
        except Problem as problem:
            return problem.response(lang)
        except ClientDisconnect:
            return Response(status_code=400)
        headers = {"Cache-Control": "no-store", "Content-Language": lang}
        return Response(msgspec.json.encode(accepted), 202, headers, "application/json")

    return endpoint


def check_media_type(request: Request) -> None:
    """Refuse a body that is not plain JSON in UTF-8; raises Problem."""
    given, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower()
    if given.strip().lower() != "application/json" or (
        charset.startswith("charset=") and charset[8:].strip('"') not in ("utf-8", "utf8")
    ):
        raise Problem("media_type", headers={"Accept": "application/json"}, value=given.strip() or "—")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("media_type", headers={"Accept-Encoding": "identity"}, value=request.headers["content-encoding"])


def idempotency_key(value: str) -> str:
    """Read the Idempotency-Key header, with or without the quotes of the draft standard; raises Problem."""
    key = value.strip().removeprefix('"').removesuffix('"')
    if len(key) > KEY_LENGTH or any(ch < " " or ch > "~" for ch in key):
        raise Problem("invalid", errors=[FieldError("Idempotency-Key", "reason.key", {"limit": KEY_LENGTH})])
    return key


def refusal_text(problem: Problem, lang: str) -> tuple[str, str]:
    """Return key and sentence of a problem in short, for a terminal's ``refused``."""
    if problem.errors:
        first = problem.errors[0]
        return first.key, text(first.key, lang, **dict(first.params))
    return f"problem.{problem.kind}.detail", str(problem.as_dict(lang)["detail"])
