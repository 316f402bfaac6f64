"""``/wall``, the big screen: duty officers, round the clock, from 3 to 10 m, without a pointer.

Python draws the frame once; everything live is put in by ``assets/js/wall.js`` from the ``/live`` socket.
"""

from dash import html
from dash.development.base_component import Component

from dashboard.config import Profile
from dashboard.domain.commands import Actor
from layouts import ids
from layouts.parts.bar import link_banner, title_bar
from layouts.parts.map import city_map
from layouts.parts.page import Say, page, speaker
from layouts.parts.panel import live_list, panel
from layouts.parts.tiles import tile_strip
from layouts.version import version


def layout(actor: Actor, lang: str, profile: Profile) -> Component:
    """Draw the wall of the actor's area."""
    say = speaker(lang)
    title = profile.texts(lang)["centre.title"]
    loading = say("ui.loading")
    grid = html.Main(
        [
            html.Div([title_bar(title, actor, say), link_banner()], className="wall-top"),
            tile_strip(say, "wall-kpi fades"),
            panel("alarms", say("wall.alarms.title"), live_list("alarms", loading), "wall-alarms fades"),
            html.Section(city_map(ids.WALL_MAP, interactive=False), className="wall-map fades"),
            panel("cameras", say("wall.cameras.title"), live_list("cameras", loading, columns=2), "wall-cameras fades"),
            panel(
                "trend",
                say("wall.trend.title"),
                [html.Div(className="trend", **{"data-part": "trend-chart"})],
                "wall-trend fades",
            ),
            panel("units", say("wall.units.title"), live_list("units", loading), "wall-units fades"),
            panel("disputes", say("wall.disputes.title"), _disputes(loading), "wall-disputes fades"),
            _footer(say),
        ],
        className="wall-grid",
    )
    return page(
        ids.WALL,
        [grid],
        actor,
        lang,
        profile,
        title=say("wall.page_title", centre=title),
        sections=("wall",),
        class_name="wall-page",
        map=ids.WALL_MAP,
    )


def _disputes(loading: str) -> list[Component]:
    return [html.Div(className="bars", **{"data-part": "disputes-bars"}), *live_list("disputes", loading)]


def _footer(say: Say) -> html.Footer:
    return html.Footer(
        [
            html.Span(say("wall.sources"), className="foot-note"),
            html.Div(className="foot-list", **{"data-part": "sources"}),
            html.Span(className="foot-note", **{"data-part": "pulse"}),
            html.Span(className="foot-note", **{"data-part": "skew"}),
            html.Span(say("wall.version", version=version()), className="foot-note"),
        ],
        className="wall-foot fades",
    )
