"""The title bar of every screen: mode, level, elapsed · title · on duty, link, date, clock; and the link banner below."""

from dash import html

from dashboard.domain.commands import Actor
from dashboard.i18n import LANGUAGES, text
from layouts.parts.glyph import glyph
from layouts.parts.page import Say

_ON_DUTY = ("duty_officer", "commander")


def _part(name: str, class_name: str, children: object = None, **attributes: object) -> html.Span:
    return html.Span(children, className=class_name, **{"data-part": name, **attributes})


def _name(actor: Actor, say: Say) -> str:
    """Name a person; an account that bears the name of its role is called so in the reader's language."""
    return (
        say(f"role.{actor.role}")
        if actor.name in {text(f"role.{actor.role}", lang) for lang in LANGUAGES}
        else actor.name
    )


def tools(say: Say) -> html.Nav:
    """Draw the way to the other screens, the switch between dark and light, and the sheet of keys (shell.js)."""
    button = {"type": "button", "className": "tool"}
    return html.Nav(
        [
            html.A(
                glyph("home"),
                href="/",
                className="tool",
                title=say("page.to_home"),
                **{"aria-label": say("page.to_home")},
            ),
            html.Button(
                glyph("theme"),
                title=say("keys.theme"),
                **button,
                **{"data-tool": "theme", "aria-label": say("keys.theme")},
            ),
            html.Button(
                "?", title=say("keys.title"), **button, **{"data-tool": "help", "aria-label": say("keys.title")}
            ),
        ],
        className="tools not-kiosk",
        **{"aria-label": say("page.screens")},
    )


def title_bar(title: str, actor: Actor, say: Say, class_name: str = "", *, with_tools: bool = False) -> html.Header:
    """Draw the bar; shell.js keeps mode, level, link and clock current. ``title`` is the centre's."""
    on_duty = say("wall.on_duty", names=_name(actor, say)) if actor.role in _ON_DUTY and actor.name else None
    left = [
        _part("mode", "tag tag-mode"),
        _part("level", "tag tag-level", [_part("level-glyph", "glyph-box"), _part("level-text", "")], hidden=True),
        _part("drill", "tag tag-drill"),
        _part("demo", "tag tag-demo", title=say("ui.demo_hint")),
        _part("elapsed", "bar-quiet"),
    ]
    right = [
        *([tools(say)] if with_tools else []),
        html.Span([_part("clock-note", "bar-clock-note"), _part("clock", "")], className="bar-clock"),
        _part("link", "tag bar-link", [_part("link-glyph", "glyph-box"), _part("link-text", "")], role="status"),
        _part("date", "bar-quiet"),
        html.Span(on_duty, className="bar-quiet"),
    ]
    return html.Header(
        [
            html.Div(left, className="bar-side bar-left"),
            html.H1(title, className="bar-title"),
            html.Div(right, className="bar-side bar-right"),
        ],
        className=f"bar {class_name}".strip(),
    )


def link_banner(class_name: str = "") -> html.Div:
    """Draw the full-width bar that says the page is not current; hidden while it is."""
    return html.Div(
        className=f"link-banner {class_name}".strip(), hidden=True, role="alert", **{"data-part": "link-banner"}
    )
