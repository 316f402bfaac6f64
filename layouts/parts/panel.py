"""A panel with a head, and the live list in it: whole rows only, the rest is counted."""

from typing import Any

from dash import html


def panel(name: str, title: str, children: list[Any], class_name: str = "") -> html.Section:
    """Draw a panel; its note at the right of the head is the part ``<name>-note``."""
    head = html.Div(
        [
            html.H2(title, className="panel-title"),
            html.Span(className="panel-note parts", **{"data-part": f"{name}-note"}),
        ],
        className="panel-head",
    )
    return html.Section([head, *children], className=f"panel {class_name}".strip(), **{"aria-label": title})


def live_list(name: str, loading: str, *, columns: int = 1) -> list[Any]:
    """Draw the parts ``<name>-rows`` (the list), ``<name>-empty`` and ``<name>-more`` (what did not fit)."""
    return [
        html.Div(loading, className="panel-empty", hidden=True, **{"data-part": f"{name}-empty"}),
        html.Ul(className="rows", **{"data-part": f"{name}-rows", "data-columns": str(columns)}),
        html.Div(className="rows-more", **{"data-part": f"{name}-more"}),
    ]
