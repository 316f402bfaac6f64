"""The title bar of every screen: mode, level, elapsed · title · on duty, link, date, clock; and the link banner below."""

from dash import html

from dashboard.domain.commands import Actor
from layouts.parts.page import Say

_ON_DUTY = ("duty_officer", "commander")


def _part(name: str, class_name: str, children: object = None, **attributes: object) -> html.Span:
    return html.Span(children, className=class_name, **{"data-part": name, **attributes})


def title_bar(title: str, actor: Actor, say: Say, class_name: str = "") -> html.Header:
    """Draw the bar; shell.js keeps mode, level, link and clock current. ``title`` is the centre's."""
    on_duty = say("wall.on_duty", names=actor.name) if actor.role in _ON_DUTY and actor.name else None
    left = [
        _part("mode", "tag tag-mode"),
        _part("level", "tag tag-level", [_part("level-glyph", "glyph-box"), _part("level-text", "")], hidden=True),
        _part("drill", "tag tag-drill"),
        _part("demo", "tag tag-demo", title=say("ui.demo_hint")),
        _part("elapsed", "bar-quiet"),
    ]
    right = [
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
