"""Who asks: the actor that the door put on the request, and the language the visitor reads."""

from urllib.parse import parse_qs

from dash import Dash

from dashboard.domain.commands import Actor
from dashboard.i18n import LANGUAGES


def asking(app: Dash) -> Actor:
    """Return the actor of the request a callback answers; raises AttributeError when no door stood before it."""
    actor: Actor = app.backend.request_adapter().context.actor
    return actor


def language(app: Dash, search: str | None = "") -> str:
    """Pick ``?lang=`` of the address, else the cookie, else what the actor's account says."""
    wanted = parse_qs((search or "").lstrip("?")).get("lang", [""])[0]
    for lang in (wanted, app.backend.request_adapter().cookies.get("lang"), asking(app).lang):
        if lang in LANGUAGES:
            return str(lang)
    return LANGUAGES[-1]
