"""The desk over HTTP: people who have signed in read the lists a console lives on, and give commands.

The door has recognised the session and checked that a change comes from one of our own pages.  A body is decoded
strictly, personal data is sealed before anything else happens to it, and whether the actor may is asked of the desk
like everywhere else.  All of it waits for a database, so all of it happens in threads.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard import access
from dashboard.desk import Desk
from dashboard.domain import ids
from dashboard.domain.commands import Actor, Command
from dashboard.domain.errors import Refused
from dashboard.domain.events import Sealed
from dashboard.i18n import DEFAULT
from datasource.errors import Unavailable
from datasource.sealing import mask_text
from datasource.web import api_desk_models as d
from datasource.web.api import PREFIX, check_media_type, idempotency_key
from datasource.web.api_checks import Check, parse_instant
from datasource.web.bodies import read_body
from datasource.web.problems import FieldError, Problem, from_decoding, from_fault

BODY_LIMIT = 64 << 10
FREE_INSTANTS = ("due_at", "planned_end_at")
"""Instants that may lie in the future."""

T = TypeVar("T", bound=msgspec.Struct)
Handler = Callable[[Request, Actor], Awaitable[msgspec.Struct]]


def mount_desk_api(app: Starlette, desk: Desk) -> None:
    """Add the routes in front of whatever else the application serves."""
    app.router.routes[:0] = routes(desk)


def routes(desk: Desk) -> list[Route]:
    """Return the routes: ``/commands/{name}`` and the questions."""
    api = DeskApi(desk)
    listed: list[tuple[str, str, Handler]] = [
        ("/commands/{name}", "POST", api.command),
        ("/incidents", "GET", api.incidents),
        ("/incidents/{id}", "GET", api.incident),
        ("/incidents/{id}/recommended", "GET", api.recommended),
        ("/camera-alerts", "GET", api.camera_alerts),
        ("/alarms", "GET", api.alarms),
    ]
    made = []
    for path, method, handler in listed:
        allow = {"GET": "GET, HEAD"}.get(method, method)
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        if path == "/camera-alerts":  # where sources post theirs: everything else is answered here, as everywhere
            methods.remove("POST")
            allow = "GET, HEAD, POST"
        made.append(Route(PREFIX + path, _endpoint(handler, method, allow), methods=methods))
    return made


def _endpoint(handler: Handler, method: str, allow: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        actor: Actor | None = getattr(request.state, "actor", None)
        lang = getattr(request.state, "lang", DEFAULT)
        try:
            if request.method.replace("HEAD", "GET") != method:
                raise Problem("method", headers={"Allow": allow}, allow=allow)
            if actor is None:
                raise Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer realm="muster"'})
            answer = await handler(request, actor)
        except ClientDisconnect:
            return Response(status_code=400)
        except (Problem, Refused, Unavailable) as no:
            return from_fault(no).response(lang)
        headers = {"Cache-Control": "no-store", "Content-Language": lang, "Vary": "Accept-Language, Cookie"}
        return Response(msgspec.json.encode(answer), 200, headers, "application/json")

    return endpoint


class DeskApi:
    """The handlers, for one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._decoders = {name: msgspec.json.Decoder(body) for name, body in d.BODIES.items()}

    # --- questions -----------------------------------------------------------------------

    async def incidents(self, request: Request, actor: Actor) -> d.OpenIncidents:
        """List the open incidents with their active orders."""

        def look() -> d.OpenIncidents:
            rows = [
                msgspec.structs.replace(_as(d.OpenIncidentRow, inc), orders=[_as(d.ActiveOrder, o) for o in orders])
                for inc, orders in self._desk.read("incidents", actor)
            ]
            return d.OpenIncidents(now=self._desk.clock.now(), incidents=rows)

        return await asyncio.to_thread(look)

    async def incident(self, request: Request, actor: Actor) -> d.IncidentDetail:
        """Show one incident; what is sealed stays where it is."""

        def look() -> d.IncidentDetail:
            found = self._desk.read("incident", actor, incident_id=request.path_params["id"])
            return d.IncidentDetail(
                now=self._desk.clock.now(),
                incident=_as(d.IncidentFacts, found["incident"]),
                orders=[_as(d.OrderFacts, order) for order in found["orders"]],
                unit_names=found["unit_names"],
                timeline=found["timeline"],
            )

        return await asyncio.to_thread(look)

    async def recommended(self, request: Request, actor: Actor) -> d.Recommended:
        """Rank the units that could be sent."""

        def look() -> d.Recommended:
            found = self._desk.read("recommend", actor, incident_id=request.path_params["id"])
            rows = [
                d.CandidateRow(
                    **{f: getattr(one, f) for f in d.CandidateRow.__struct_fields__ if f != "why"},
                    why=[d.Why(key=key, params=params) for key, params in one.why],
                )
                for one in found
            ]
            return d.Recommended(now=self._desk.clock.now(), candidates=rows)

        return await asyncio.to_thread(look)

    async def camera_alerts(self, request: Request, actor: Actor) -> d.OpenCameraAlerts:
        """List the camera alerts that want a verdict."""

        def look() -> d.OpenCameraAlerts:
            rows = [_as(d.CameraAlertRow, one) for one in self._desk.read("camera_alerts", actor)]
            return d.OpenCameraAlerts(now=self._desk.clock.now(), camera_alerts=rows)

        return await asyncio.to_thread(look)

    async def alarms(self, request: Request, actor: Actor) -> d.ActiveAlarms:
        """List the alarms that are not over and done."""

        def look() -> d.ActiveAlarms:
            rows = [_as(d.AlarmRow, one) for one in self._desk.read("alarms", actor)]
            return d.ActiveAlarms(now=self._desk.clock.now(), alarms=rows)

        return await asyncio.to_thread(look)

    # --- commands ------------------------------------------------------------------------

    async def command(self, request: Request, actor: Actor) -> d.Done:
        """Carry out a command."""
        name = request.path_params["name"]
        if name not in d.COMMANDS:
            raise Problem("not_found")
        access.require(actor, name)
        check_media_type(request)
        key = idempotency_key(request.headers.get("idempotency-key", ""))
        body = self._decode(name, await read_body(request.scope, request.receive, BODY_LIMIT))

        def carry_out() -> d.Done:
            done = self._desk.do(self._command(name, body, actor, key), actor)
            return d.Done(id=done.id, changed=bool(done.events))

        return await asyncio.to_thread(carry_out)

    def _decode(self, name: str, raw: bytes) -> Any:
        try:
            return self._decoders[name].decode(raw)
        except msgspec.ValidationError as fault:
            raise Problem("invalid", errors=[from_decoding(fault)]) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise Problem("malformed", errors=[FieldError("", "reason.malformed", {"said": str(fault)})]) from None

    def _command(self, name: str, body: Any, actor: Actor, key: str) -> Command:
        """Make the command: places in WGS-84, areas in their short form, people sealed; raises Problem."""
        check = Check(actor, self._desk.profile, self._desk.clock.now())
        report = name == "OpenIncident"
        said: dict[str, Any] = {f: v for f in body.__struct_fields__ if (v := getattr(body, f)) is not None}
        if place := said.get("place"):
            words = mask_text(place.name) if report else place.name
            found = check.place(place.lat, place.lon, place.datum, words, "place.")
            said["place"] = found and msgspec.structs.replace(found, uncertainty_m=place.uncertainty_m)
        if "area" in said:
            said["area"] = check.area(said["area"])
        if "occurred_at" in said:
            said["occurred_at"] = check.instant(said["occurred_at"], "occurred_at")
        for field in FREE_INSTANTS:
            if field in said:
                if (at := parse_instant(said[field])) is None:
                    check.wrong(field, "reason.instant")
                said[field] = at
        check.passed()
        if report:
            said |= {field: mask_text(said[field]) for field in ("title", "text") if field in said}
        if person := said.pop("reporter", None):
            said["reporter"] = self._seal(person, actor, key)
        return d.COMMANDS[name](key=key, **said)

    def _seal(self, person: Any, actor: Actor, key: str) -> Sealed | None:
        # The id the report will have, so that the same request sent again finds the key it made the first time.
        case = ids.derived("R", actor.label, key) if key else ids.fresh("R")
        return self._desk.seal(case, msgspec.to_builtins(person))


def _as(kind: type[T], state: object) -> T:
    return msgspec.convert(state, kind, from_attributes=True)
