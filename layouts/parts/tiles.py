"""The strip of counters. Python draws labels and places; wall.js puts in the figures with their ages."""

from dash import html

from layouts.parts.page import Say

# In the order of the wall's hierarchy: what does not fit drops off at the end.
TILES = ("unacked", "open", "awaiting", "available", "disputes", "cameras", "today")


def tile(name: str, label: str) -> html.Div:
    """Draw one counter, empty and marked as loading."""
    return html.Div(
        [
            html.Div(
                [
                    html.Span(label, className="kpi-label"),
                    html.Span(
                        [html.Span(className="kpi-age-mark"), html.Span(className="kpi-age-text one-line")],
                        className="kpi-age",
                    ),
                ],
                className="kpi-head",
            ),
            html.Div(
                [
                    html.Span(className="kpi-glyph"),
                    html.Span(className="kpi-value"),
                    html.Span(className="kpi-unit"),
                    html.Span(className="kpi-spark"),
                ],
                className="kpi-body",
            ),
            html.Div(className="kpi-sub parts"),
        ],
        className="kpi",
        role="group",
        **{"aria-label": label, "data-tile": name, "data-state": "loading"},
    )


def tile_strip(say: Say, class_name: str = "") -> html.Section:
    """Draw all counters."""
    return html.Section(
        [tile(name, say(f"wall.kpi.{name}")) for name in TILES], className=f"tiles {class_name}".strip()
    )
