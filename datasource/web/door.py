"""The door: the outermost ASGI wrapper, for HTTP and for sockets.

Everything that comes in passes here: only listed addresses exist; a visitor is recognised (cookie) or a source (bearer
token), and the actor is put where routes, the hub and Dash callbacks find it; a request that changes something must come
from our own pages; bodies are bounded while they arrive; answers get the headers that keep browsers careful.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import RedirectResponse, Response

from dashboard import access
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Refused
from dashboard.i18n import LANGUAGES, negotiate
from datasource.accounts import Accounts
from datasource.errors import Unavailable
from datasource.web import dash_guard, pages
from datasource.web.bodies import Message, Receive, header, read_body
from datasource.web.problems import Problem, from_fault

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "muster"
FORM_LIMIT = 64 << 10
SESSION_OVER = 4401
SOCKETS = ("/live", "/terminal", dash_guard.SOCKET)
BAD_MESSAGE = 1008
CHECK_S = 1.0
OPEN = ("/assets/", "/tls", "/tls/authority.crt", "/healthz", "/readyz", "/_favicon.ico", "/go/")
FORMS = ("/sign-in", "/sign-out", "/pair/")
"""Open to everybody, and take forms."""
MEMBERS = ("/", "/pair", "/snapshot")
"""For whoever has signed in; what they may see is decided behind."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger()
_current: ContextVar[Actor | None] = ContextVar("muster_actor", default=None)


def actor() -> Actor | None:
    """Return who makes the request that is being answered (in a route or a Dash callback), or None."""
    return _current.get()


class Door:
    """The wrapper.  ``screens`` are the names of the screens, each at ``/<name>`` for whoever may ``view:<name>``.

    ``open_paths`` and ``member_paths`` add addresses of other routes (one that ends in ``/`` stands for all below it).
    ``csp_hashes`` are the hashes of Dash's inline scripts, or a function that returns them.
    ``is_live`` says whether a session (by its id) still counts, for sockets that are open already.
    """

    def __init__(
        self,
        app: App,
        accounts: Accounts,
        *,
        screens: Iterable[str],
        csp_hashes: Iterable[str] | Callable[[], Iterable[str]] = (),
        dash: dash_guard.DashApp | None = None,
        open_paths: Iterable[str] = (),
        member_paths: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
        cookie: str = COOKIE,
        is_live: Callable[[str], bool] = lambda session_id: True,
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._screens = {f"/{name}": f"view:{name}" for name in screens}
        self._csp_hashes = csp_hashes
        self._policy = ""
        self._dash = dash
        self._open = (*OPEN, *open_paths)
        self._members = (*MEMBERS, *member_paths)
        self._origins = frozenset(allowed_origins)
        self._cookie = cookie
        self._is_live = is_live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on to the application."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    # --- HTTP --------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        out = _Out(send, self._headers(), drop_body=scope["method"] == "HEAD")
        lang = language(scope)
        visitor: Actor | None = None
        try:
            zone = self._zone(scope["path"])
            visitor = await self._recognise(scope, zone, lang)
            answer, receive = await self._enter(scope, receive, zone, visitor)
            if answer is None:
                if scope["method"] == "HEAD":
                    # Dash and most routes know GET only; the answer's body is dropped on the way out.
                    scope["method"] = "GET"
                await self._pass_on(scope, receive, out, visitor)
            else:
                await answer(scope, receive, out)
        except ClientDisconnect:
            return
        except Exception as fault:
            if out.started:
                raise
            await pages.answer(scope, _as_problem(fault, scope["path"]), lang, visitor)(scope, receive, out)

    async def _enter(
        self, scope: Scope, receive: Receive, zone: str, visitor: Actor | None
    ) -> tuple[Response | None, Receive]:
        """Decide about a request: an answer to give here, or None to hand it on with the returned ``receive``."""
        path, method = scope["path"], scope["method"]
        if not zone:
            raise Problem("not_found")
        if method not in (allowed := self._methods(zone, path)):
            raise Problem("method", headers={"Allow": ", ".join(sorted(allowed))}, allow=", ".join(sorted(allowed)))
        if zone in ("screen", "member", "dash") and visitor is None:
            if zone == "dash" or method not in SAFE or not pages.wants_page(scope):
                raise Problem("unauthenticated")
            there = path + (f"?{query}" if (query := scope.get("query_string", b"").decode("latin-1")) else "")
            return RedirectResponse(
                f"/sign-in?next={quote(there, safe='')}", 303, {"Cache-Control": "no-store"}
            ), receive
        if zone == "screen" and visitor is not None:
            await self._require(visitor, self._screens[path], scope)
        by_cookie = visitor is not None and not header(scope, b"authorization") if zone == "api" else True
        if method not in SAFE and by_cookie:
            self._check_origin(scope)
        if zone == "dash":
            return None, await self._check_dash(scope, receive)
        if zone != "api" and method not in SAFE:
            return None, _replay(await read_body(scope, receive, FORM_LIMIT), receive)
        return None, receive

    async def _require(self, visitor: Actor, action: str, scope: Scope) -> None:
        try:
            access.require(visitor, action)
        except Refused:
            with contextlib.suppress(Unavailable):
                await asyncio.to_thread(
                    self._accounts.note_refusal, visitor.id, pages.address(scope), {"action": action}
                )
            raise

    def _zone(self, path: str) -> str:
        """Name the part of the house an address belongs to, or ''."""
        if "\0" in path or "//" in path:
            return ""
        if path in self._screens:
            return "screen"
        if _listed(path, self._open):
            return "open"
        if _listed(path, FORMS):
            return "form"
        if _listed(path, self._members):
            return "member"
        if path == "/api" or path.startswith("/api/"):
            return "api"
        if path in dash_guard.ROUTES or path.startswith(dash_guard.SUITES):
            return "dash"
        return ""

    @staticmethod
    def _methods(zone: str, path: str) -> frozenset[str]:
        if zone == "api":
            return frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # the API answers for itself
        if path in dash_guard.ROUTES:
            return dash_guard.ROUTES[path]
        if path.startswith("/go/"):
            return frozenset({"GET"})  # the link is spent by opening it, so not by a HEAD
        if path in ("/sign-out", "/pair"):
            return frozenset({"POST"})
        if zone == "form":
            return frozenset({"GET", "HEAD", "POST"})
        return frozenset({"GET", "HEAD"}) if zone in ("screen", "open", "dash") or path in MEMBERS else SAFE | {"POST"}

    async def _recognise(self, scope: Scope, zone: str, lang: str) -> Actor | None:
        """Find the actor and put it where everybody looks for it."""
        state = scope.setdefault("state", {})
        state["lang"] = lang
        state["cookie"] = token = cookie(scope, self._cookie)
        found: Actor | None = None
        kind, _, bearer = header(scope, b"authorization").partition(" ")
        if zone == "api" and kind:
            found = await self._accounts.find("source", bearer.strip()) if kind.lower() == "bearer" else None
        elif token and zone not in ("open", ""):
            found = await self._accounts.find("session", token)
        if found is not None:
            found = msgspec.structs.replace(found, lang=lang)
        state["actor"] = found
        return found

    async def _check_dash(self, scope: Scope, receive: Receive) -> Receive:
        path = scope["path"]
        if path.startswith(dash_guard.SUITES):
            if self._dash is not None and not dash_guard.knows_file(self._dash, path.removeprefix(dash_guard.SUITES)):
                raise Problem("not_found")
            return receive
        if path != dash_guard.UPDATE:
            return receive
        if header(scope, b"content-type").partition(";")[0].strip().lower() != "application/json":
            raise Problem("media_type", value=header(scope, b"content-type") or "—")
        raw = await read_body(scope, receive, dash_guard.UPDATE_LIMIT)
        if self._dash is not None:
            dash_guard.check_update(self._dash, raw)
        return _replay(raw, receive)

    def _check_origin(self, scope: Scope) -> None:
        """Let a change come from our own pages only: a cookie alone proves nothing about who made the browser send it."""
        site = header(scope, b"sec-fetch-site")
        origin = header(scope, b"origin")
        if origin in self._origins and origin:
            return
        if site:
            if site != "same-origin":
                raise Problem("cross_site")
        elif not self._is_own(origin, scope):
            raise Problem("cross_site")

    def _is_own(self, origin: str, scope: Scope) -> bool:
        return bool(origin) and (
            origin in self._origins or urlsplit(origin).netloc.lower() == header(scope, b"host").lower()
        )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, visitor: Actor | None) -> None:
        mark = _current.set(visitor)
        try:
            await self._app(scope, receive, send)
        finally:
            _current.reset(mark)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if not self._policy:
            hashes = self._csp_hashes() if callable(self._csp_hashes) else self._csp_hashes
            quoted = [h if h.startswith("'") else f"'{h}'" for h in hashes]
            self._policy = policy(quoted)
        return [
            (b"content-security-policy", self._policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"permissions-policy", b"geolocation=(self), camera=(), microphone=(), payment=(), usb=()"),
        ]

    # --- sockets -----------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        lang = language(scope)
        try:
            if scope["path"] not in SOCKETS:
                raise Problem("not_found")
            zone = "api" if scope["path"] == "/terminal" and header(scope, b"authorization") else "member"
            visitor = await self._recognise(scope, zone, lang)
            # Sockets are no subject to the same-origin rule, so a foreign page could open one with the visitor's cookie.
            if zone == "member" and not self._is_own(header(scope, b"origin"), scope):
                raise Problem("cross_site")
            if visitor is None:
                if scope["state"]["cookie"] and scope["path"] == "/live":
                    await _session_over(receive, send)
                    return
                raise Problem("unauthenticated")
        except Exception as fault:
            await _deny(scope, receive, send, _as_problem(fault, scope["path"]), lang)
            return
        if scope["path"] == dash_guard.SOCKET:
            # /live and /terminal look after themselves; Dash's own socket knows nothing of sessions, nor of bad messages.
            receive = self._watched(receive, send, visitor)
        await self._pass_on(scope, receive, send, visitor)

    def _watched(self, receive: Receive, send: Send, visitor: Actor) -> Receive:
        """Return a ``receive`` that ends with the session, and at the first message Dash would stumble over."""

        async def over(code: int, reason: str) -> Message:
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return {"type": "websocket.disconnect", "code": code}

        async def watched() -> Message:
            waiting = asyncio.ensure_future(receive())
            try:
                while not (await asyncio.wait({waiting}, timeout=CHECK_S))[0]:
                    if not self._is_live(visitor.session_id):
                        return await over(SESSION_OVER, "session")
            finally:
                if not waiting.done():
                    waiting.cancel()
            message = waiting.result()
            if message["type"] == "websocket.receive" and self._dash is not None:
                try:
                    dash_guard.check_message(self._dash, message.get("text") or message.get("bytes") or b"")
                except Problem as problem:
                    return await over(BAD_MESSAGE, problem.kind)
            return message

        return watched


class _Out:
    """``send`` with our headers on the answer; knows whether it has begun."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], *, drop_body: bool) -> None:
        self._send = send
        self._headers = headers
        self._drop_body = drop_body
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            given = {name.lower() for name, _ in message.get("headers", ())}
            extra = [pair for pair in self._headers if pair[0] not in given]
            if b"cache-control" not in given:
                extra.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        elif message["type"] == "http.response.body" and self._drop_body:
            message = {**message, "body": b""}
        await self._send(message)


def policy(script_hashes: Iterable[str]) -> str:
    """Return the content security policy: our own files, and the inline scripts with these hashes."""
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *script_hashes)),
            # Components set style attributes, and charts and the ledger add style elements of their own.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "media-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def language(scope: Scope) -> str:
    """Pick the language: ``?lang=``, the cookie, what the browser asks for."""
    query = scope.get("query_string", b"").decode("latin-1")
    asked = next((part[5:] for part in query.split("&") if part.startswith("lang=")), "")
    for lang in (asked, cookie(scope, "lang")):
        if lang in LANGUAGES:
            return lang
    return negotiate(header(scope, b"accept-language"))


def cookie(scope: Scope, name: str) -> str:
    """Return the value of a cookie, or ''."""
    given = header(scope, b"cookie")
    if f"{name}=" not in given:
        return ""
    return cookie_parser(given).get(name, "")


def _listed(path: str, listed: Iterable[str]) -> bool:
    return any(path == entry or (entry != "/" and entry.endswith("/") and path.startswith(entry)) for entry in listed)


def _as_problem(fault: Exception, path: str) -> Problem:
    problem = from_fault(fault)
    if problem.kind == "internal":
        log.error("request failed", path=path, exc_info=fault)
    return problem


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that hands out a body already read, and then whatever comes."""
    handed = False

    async def replay() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _session_over(receive: Receive, send: Send) -> None:
    """Tell a page whose session has ended; a refused handshake would tell its script nothing at all."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": '{"t":"bye","reason":"session"}'})
    await send({"type": "websocket.close", "code": SESSION_OVER, "reason": "session"})


async def _deny(scope: Scope, receive: Receive, send: Send, problem: Problem, lang: str) -> None:
    """Refuse a handshake, with the problem document where the server can send one."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 4000 + problem.status, "reason": problem.kind})
        return
    answer = problem.response(lang)
    await send({"type": "websocket.http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "websocket.http.response.body", "body": bytes(answer.body)})
