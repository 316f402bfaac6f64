"""Routing: the address changes, its screen is drawn."""

from dash import Dash, Input, Output, State
from dash.development.base_component import Component

from callbacks.who import asking, language
from dashboard.config import Profile
from layouts import ids
from layouts.shell import screen_for


def register(app: Dash, profile: Profile) -> None:
    """Listen to the address."""

    @app.callback(Output(ids.SCREEN, "children"), Input(ids.LOCATION, "pathname"), State(ids.LOCATION, "search"))
    async def show(pathname: str | None, search: str | None) -> Component:
        return screen_for(pathname or "/", asking(app), language(app, search), profile)
