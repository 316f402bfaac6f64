"""The screens: one line each. A screen is a module with ``layout(actor, lang, profile)``."""

from collections.abc import Callable
from typing import NamedTuple

from dash.development.base_component import Component

from dashboard.config import Profile
from dashboard.domain.commands import Actor
from layouts.screens import console, wall


class Screen(NamedTuple):
    """A screen: the view an actor must be allowed to see, the text key of its name, and what draws it."""

    view: str
    name: str
    layout: Callable[[Actor, str, Profile], Component]


SCREENS: dict[str, Screen] = {
    "/wall": Screen("wall", "ui.screen_wall", wall.layout),
    "/console": Screen("console", "ui.screen_console", console.layout),
}
