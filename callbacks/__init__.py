"""Callbacks: parse, ask the desk, draw. One module per screen, one line each in :func:`register_all`."""

from dash import Dash

from callbacks import console, shell
from dashboard.config import Profile
from dashboard.desk import Desk


def register_all(app: Dash, desk: Desk, profile: Profile) -> None:
    """Register every callback on this app (never on Dash's global list)."""
    shell.register(app, profile)
    console.register(app, desk, profile)
