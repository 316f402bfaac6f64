"""The phone page of a unit leader, ``/unit``: a plain page, because it must open fast and live through a bad connection."""

import asyncio
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse

from dashboard.config import Profile
from dashboard.desk import Desk
from dashboard.domain.commands import Actor
from dashboard.domain.dispatch import DECLINE_REASONS
from dashboard.i18n import catalogue

_PAGES = Path(__file__).resolve().parents[2] / "layouts" / "pages"


def mount_unit_page(app: FastAPI, desk: Desk, profile: Profile, *, demo: bool = False) -> None:
    """Add ``GET /unit``; the door has already made sure that the visitor is a paired unit."""
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(_PAGES), autoescape=True)

    @app.get("/unit", include_in_schema=False)
    async def unit(request: Request) -> HTMLResponse:
        actor: Actor = request.scope["state"]["actor"]
        lang = actor.lang
        seen = await asyncio.to_thread(desk.read, "unit", actor)
        texts = catalogue(lang)
        data: dict[str, Any] = {
            "unit": {"id": seen["unit"].id, "name": seen["unit"].name, "on_duty": seen["unit"].on_duty},
            "tasks": msgspec.to_builtins(seen["tasks"]),
            "texts": {k: v for k, v in texts.items() if k.startswith("phone.")},
        }
        page = env.get_template("unit.html").render(
            lang=lang,
            unit=seen["unit"],
            data=data,
            demo=demo,
            reasons=DECLINE_REASONS,
            t=lambda key: texts.get(key, key),
        )
        answer = HTMLResponse(page, headers={"Cache-Control": "no-store"})
        if request.query_params.get("lang") == lang:  # as on the other screens, the choice is remembered
            answer.set_cookie("lang", lang, max_age=365 * 86_400, samesite="lax", secure=request.url.scheme == "https")
        return answer
