"""The shell around every screen: the address, the place a screen goes to, and what is said when there is none."""

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.access import may, roles_that_may
from dashboard.config import Profile
from dashboard.domain.commands import Actor
from layouts import ids
from layouts.parts.page import Say, speaker
from layouts.screens import SCREENS


def app_layout() -> Component:
    """Draw the shell; ``callbacks/shell.py`` fills in the screen of the address."""
    return html.Div([dcc.Location(id=ids.LOCATION, refresh=False), html.Div(id=ids.SCREEN)])


def screen_for(pathname: str, actor: Actor, lang: str, profile: Profile) -> Component:
    """Draw the screen of an address, or say that there is none, or who may see it."""
    screen = SCREENS.get(pathname.rstrip("/") or "/")
    say = speaker(lang)
    if screen is None:
        return not_found(actor, say)
    if not may(actor, f"view:{screen.view}"):
        roles = " / ".join(say(f"role.{role}") for role in roles_that_may(f"view:{screen.view}"))
        return html.Main(html.P(say("ui.no_permission", roles=roles), className="notice-title"), className="notice")
    return screen.layout(actor, lang, profile)


def not_found(actor: Actor, say: Say) -> Component:
    """Say that an address is unknown, and list the screens this actor may open."""
    links = [html.A(say(s.name), href=path) for path, s in SCREENS.items() if may(actor, f"view:{s.view}")]
    return html.Main(
        [html.P(say("ui.not_found"), className="notice-title"), html.P(say("ui.not_found_hint")), *links],
        className="notice",
    )


def validation_layout(profile: Profile) -> Component:
    """Draw every screen at once, so that Dash knows every id without ``suppress_callback_exceptions``."""
    everybody = Actor(role="administrator", id="validation", scope=profile.area)
    return html.Div([app_layout(), *(s.layout(everybody, profile.languages[0], profile) for s in SCREENS.values())])
