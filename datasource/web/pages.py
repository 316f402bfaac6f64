"""The plain pages: home, signing in and out, one-time links, pairing a telephone, and what a refusal looks like.

Plain on purpose: they work before Dash has loaded, without JavaScript, and on any telephone.
"""

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jinja2
import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard import access
from dashboard.config import Profile
from dashboard.domain.centre import within
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Refused
from dashboard.i18n import DEFAULT, LANGUAGES, text
from dashboard.ports import Store
from datasource.accounts import LINK_MS, Accounts, SignedIn, TooManyFailures
from datasource.web.bodies import header
from datasource.web.problems import Problem, from_fault

FOLDER = Path(__file__).resolve().parents[2] / "layouts" / "pages"
YEAR_S = 365 * 86_400


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def render(
    name: str, lang: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Draw a page of ``layouts/pages`` in a language; ``t(key, **params)`` says texts in it."""

    def say(key: str, **params: object) -> str:
        return text(key, lang, **params)

    body = _templates().get_template(name).render(lang=lang, t=say, **values)
    return HTMLResponse(body, status, {"Cache-Control": "no-store", "Content-Language": lang, **(headers or {})})


def refusal(problem: Problem, lang: str, visitor: Actor | None) -> HTMLResponse:
    """Draw a refusal: what is wrong, who may, and the way on."""
    said = problem.as_dict(lang)
    needs = ""
    if problem.kind == "forbidden" and problem.errors and (action := str(problem.errors[0].params.get("action", ""))):
        needs = text("page.listing", lang).join(text(f"role.{role}", lang) for role in access.roles_that_may(action))
    return render(
        "error.html",
        lang,
        problem.status,
        problem.headers,
        title=said["title"],
        detail=said["detail"],
        code=problem.status,
        needs=needs,
        visitor=visitor,
    )


def wants_page(scope: MutableMapping[str, Any]) -> bool:
    """Say whether a person asks (a browser going to an address) rather than a program."""
    accepts = header(scope, b"accept")
    return "text/html" in accepts or (accepts in ("", "*/*") and not header(scope, b"authorization"))


def answer(scope: MutableMapping[str, Any], problem: Problem, lang: str, visitor: Actor | None) -> Response:
    """Put a refusal into the form the asker reads: a page for people, a document for programs."""
    if scope["path"].startswith(("/api/", "/_dash-")) or not wants_page(scope):
        if problem.kind == "unauthenticated":
            problem.headers.setdefault("WWW-Authenticate", 'Bearer realm="muster"')
        return problem.response(lang)
    return refusal(problem, lang, visitor)


async def on_fault(request: Request, fault: Exception) -> Response:
    """Answer for a handler that raised (to be registered with the application)."""
    return answer(
        request.scope, from_fault(fault), getattr(request.state, "lang", DEFAULT), getattr(request.state, "actor", None)
    )


def safe_next(value: str) -> str:
    """Return a path of our own to go to after signing in, or '' for anything that could lead elsewhere."""
    if not value.startswith("/") or value.startswith(("//", "/\\")) or any(ch in value for ch in "\r\n\t\\"):
        return ""
    parts = urlsplit(value)
    return "" if parts.scheme or parts.netloc or parts.path in ("/sign-in", "/sign-out") else value


class Pages:
    """The handlers, for one centre.  ``screens`` are names in the order of the cards; ``public_url`` goes into links when it is set."""

    def __init__(
        self,
        accounts: Accounts,
        profile: Profile,
        store: Store,
        screens: Iterable[str],
        *,
        cookie: str,
        public_url: str = "",
        demo: bool = False,
    ) -> None:
        self._accounts = accounts
        self._profile = profile
        self._store = store
        self._screens = tuple(screens)
        self._cookie = cookie
        self._public_url = public_url.rstrip("/")
        self._demo = demo

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/sign-in", self.sign_in_form, methods=["GET"]),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/go/{token}", self.go, methods=["GET"]),
            Route("/pair", self.offer_pairing, methods=["POST"]),
            Route("/pair/{token}", self.pairing, methods=["GET"]),
            Route("/pair/{token}", self.pair, methods=["POST"]),
        ]

    async def home(self, request: Request) -> Response:
        """Show the screens the visitor may open, who they are, and what else they may do here."""
        return self._home(request, _actor(request))

    def _home(self, request: Request, visitor: Actor, status: int = 200, **more: Any) -> Response:
        lang = request.state.lang
        page = render(
            "home.html",
            lang,
            status,
            visitor=visitor,
            centre=self._profile.title if lang == "zh-CN" else self._profile.title_en,
            screens=self.screens_of(visitor),
            languages=self._profile.languages,
            area=self._profile.texts(lang).get(f"area.{visitor.scope}", visitor.scope),
            may_pair=access.may(visitor, "PairUnit"),
            demo=self._demo,
            **more,
        )
        return _remember_language(request, page)

    def screens_of(self, visitor: Actor) -> list[str]:
        """List the screens an actor may open."""
        return [name for name in self._screens if access.may(visitor, f"view:{name}")]

    # --- signing in and out --------------------------------------------------------------

    async def sign_in_form(self, request: Request) -> Response:
        """Show the form; whoever has signed in already goes on."""
        there = safe_next(request.query_params.get("next", ""))
        if getattr(request.state, "actor", None) is not None:
            return RedirectResponse(there or "/", 303)
        return self._form(request, there)

    def _form(
        self,
        request: Request,
        there: str,
        *,
        status: int = 200,
        wrong: str = "",
        username: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        lang = request.state.lang
        centre = self._profile.title if lang == "zh-CN" else self._profile.title_en
        page = render(
            "sign-in.html",
            lang,
            status,
            headers,
            next=there,
            wrong=wrong,
            username=username,
            centre=centre,
            languages=self._profile.languages,
            demo=self._demo,
        )
        return _remember_language(request, page)

    async def sign_in(self, request: Request) -> Response:
        """Sign in with user name and password."""
        form, lang = await _form_of(request), request.state.lang
        there, username = safe_next(form.get("next", "")), form.get("username", "")
        try:
            signed = await asyncio.to_thread(
                self._accounts.sign_in, username, form.get("password", ""), address(request.scope), _device(request)
            )
        except TooManyFailures as refused:
            wait = {"Retry-After": str(refused.params["wait_s"])}
            return self._form(
                request,
                there,
                status=429,
                wrong=text(refused.key, lang, **refused.params),
                username=username,
                headers=wait,
            )
        except Refused as refused:
            return self._form(request, there, status=401, wrong=text(refused.key, lang), username=username)
        return self._enter(request, signed, there)

    async def sign_out(self, request: Request) -> Response:
        """End the session; its open pages close within two seconds."""
        if token := request.state.cookie:
            visitor = getattr(request.state, "actor", None)
            await asyncio.to_thread(
                self._accounts.end_session,
                token=token,
                by=visitor.id if visitor else "",
                address=address(request.scope),
            )
        gone = RedirectResponse("/sign-in", 303)
        gone.delete_cookie(self._cookie, path="/")
        return gone

    async def go(self, request: Request) -> Response:
        """Sign in with a one-time link.  A browser that only looks ahead does not spend it."""
        if "prefetch" in (request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")):
            return Response(status_code=503)
        try:
            signed = await asyncio.to_thread(
                self._accounts.redeem, request.path_params["token"], address(request.scope), _device(request)
            )
        except Refused:
            return render("spent.html", request.state.lang, 410, what="page.link_spent", hint="page.link_spent_hint")
        return self._enter(request, signed, safe_next(request.query_params.get("next", "")))

    def _enter(self, request: Request, signed: SignedIn, there: str) -> Response:
        mine = self.screens_of(signed.actor)
        # A wall or a telephone has one screen and nobody in front of it to choose.
        onward = RedirectResponse(
            there or (f"/{mine[0]}" if len(mine) == 1 else "/"), 303, {"Cache-Control": "no-store"}
        )
        onward.set_cookie(
            self._cookie,
            signed.token,
            max_age=signed.lasts_ms // 1000 if signed.lasts_ms > 7 * 86_400_000 else 7 * 86_400,
            path="/",
            httponly=True,
            samesite="lax",
            secure=_is_secure(request),
        )
        return onward

    # --- telephones -------------------------------------------------------------------------

    async def offer_pairing(self, request: Request) -> Response:
        """Make a pairing link for a unit and show it as a QR code."""
        visitor, lang = _actor(request), request.state.lang
        access.require(visitor, "PairUnit")
        unit_id = (await _form_of(request)).get("unit_id", "").strip()
        unit = await asyncio.to_thread(self._unit, unit_id)
        if unit is None or not within(unit.area, visitor.scope):
            return self._home(request, visitor, 422, unit_id=unit_id, wrong=text("notfound.unit", lang, id=unit_id))
        token = await asyncio.to_thread(self._accounts.pair_unit, unit.id, unit.area, unit.name, visitor.id)
        link = f"{self._public_url or str(request.base_url).rstrip('/')}/pair/{token}"
        qr = segno.make(link, error="m").svg_inline(scale=7, dark="#101418", light="#ffffff", border=3, omitsize=True)
        return render("pair-offer.html", lang, visitor=visitor, unit=unit, link=link, qr=qr, minutes=LINK_MS // 60_000)

    def _unit(self, unit_id: str) -> Any | None:
        with self._store.reading() as reader:
            return reader.load("unit", unit_id)

    async def pairing(self, request: Request) -> Response:
        """Ask before pairing: scanners and messengers open links on their own, and must not spend this one."""
        offer = await asyncio.to_thread(self._accounts.pairing, request.path_params["token"])
        if offer is None:
            return self._spent_pairing(request)
        return render("pair.html", request.state.lang, offer=offer, secure=_is_secure(request))

    async def pair(self, request: Request) -> Response:
        """Pair this telephone with the unit."""
        try:
            signed = await asyncio.to_thread(
                self._accounts.redeem_pairing, request.path_params["token"], address(request.scope), _device(request)
            )
        except Refused:
            return self._spent_pairing(request)
        return self._enter(request, signed, "/unit")

    @staticmethod
    def _spent_pairing(request: Request) -> Response:
        return render("spent.html", request.state.lang, 410, what="page.pairing_spent", hint="page.pairing_spent_hint")


def address(scope: Mapping[str, Any]) -> str:
    """Return the network address a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _actor(request: Request) -> Actor:
    visitor: Actor | None = getattr(request.state, "actor", None)
    if visitor is None:
        raise Problem("unauthenticated")
    return visitor


def _device(request: Request) -> str:
    return request.headers.get("user-agent", "")[:200]


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


async def _form_of(request: Request) -> dict[str, str]:
    """Read a small urlencoded form; other kinds give nothing."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem("media_type", value=request.headers.get("content-type", "—"))
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Problem("malformed") from None
    return {name: values[0] for name, values in fields.items()}


def _remember_language(request: Request, page: Response) -> Response:
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        page.set_cookie("lang", asked, max_age=YEAR_S, path="/", samesite="lax", secure=_is_secure(request))
    return page
