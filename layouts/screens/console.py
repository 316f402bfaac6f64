"""``/console``, the dispatch console: commanders at 0.6 m; queue, map and incident follow one selection.

Queue, unit board, facts and orders are drawn live by ``assets/js/console.js``; recommendation and timeline are read
from the desk when the selection or the incident changes (``callbacks/console.py``).
"""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.access import may
from dashboard.config import Profile
from dashboard.domain.commands import Actor
from dashboard.domain.incident import OUTCOMES
from layouts import ids
from layouts.parts.bar import link_banner, title_bar
from layouts.parts.glyph import glyph
from layouts.parts.map import city_map
from layouts.parts.page import Say, page, speaker

KEYS = (("J K", "next"), ("A", "take"), ("D", "dispatch"), ("R", "report"))
TABS = (("new", "console.tab_new"), ("mine", "console.tab_mine"), ("engaged", "console.tab_engaged"))


def layout(actor: Actor, lang: str, profile: Profile) -> Component:
    """Draw the console of the actor's area."""
    say = speaker(lang)
    names = profile.texts(lang)
    known = {
        "store-selection": ids.CONSOLE_SELECTION,
        "store-order-action": ids.CONSOLE_ORDER_ACTION,
        "store-alarm-action": ids.CONSOLE_ALARM_ACTION,
        "store-chosen": ids.CONSOLE_CHOSEN,
        "report-lat": ids.REPORT_LAT,
        "report-lon": ids.REPORT_LON,
    }
    return page(
        ids.CONSOLE,
        [
            html.Div(
                [
                    html.Div(
                        [title_bar(names["centre.title"], actor, say, "console-bar", with_tools=True), link_banner()],
                        className="console-top",
                    ),
                    html.Main([_queue(say), _map(lang), _detail(actor, say)], className="console-main fades"),
                ],
                className="console-grid",
            ),
            _report(say, names, profile),
            _toast(say),
            *(dcc.Store(id=id) for id in _STORES),
        ],
        actor,
        lang,
        profile,
        title=say("console.page_title", centre=names["centre.title"]),
        sections=("console", "wall", "order_status", "alarm_status"),
        class_name="console-page",
        map=ids.CONSOLE_MAP,
        **known,
    )


_STORES = (
    ids.CONSOLE_SELECTION,
    ids.CONSOLE_ORDER_ACTION,
    ids.CONSOLE_ALARM_ACTION,
    ids.CONSOLE_CHOSEN,
    ids.CONSOLE_RESULT,
    ids.CONSOLE_DRAWN,
    ids.CONSOLE_TOASTED,
)


def _part(name: str) -> dict[str, str]:
    return {"data-part": name}


def _queue(say: Say) -> html.Section:
    tabs = [
        html.Button(
            [say(text), html.B("0", **_part(f"count-{name}"))],
            type="button",
            className="tab",
            role="tab",
            tabIndex=0 if name == "new" else -1,
            **{
                "data-tab": name,
                "aria-selected": "true" if name == "new" else "false",
                "aria-controls": "console-queue-rows",
            },
        )
        for name, text in TABS
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2(say("console.queue"), className="panel-title"),
                    html.Button(say("console.take_report"), type="button", className="button", **_part("report-open")),
                ],
                className="panel-head",
            ),
            html.Div(tabs, className="tabs", role="tablist", **_part("queue-tabs")),
            html.Div(className="panel-empty", hidden=True, **_part("queue-empty")),
            html.Ul(
                id="console-queue-rows",
                className="console-rows",
                role="listbox",
                **{**_part("queue-rows"), "aria-label": say("console.queue")},
            ),
            html.H2(say("console.units"), className="panel-title board-title"),
            html.Div(say("console.units_empty"), className="panel-empty", hidden=True, **_part("units-empty")),
            html.Ul(
                className="console-rows board",
                role="listbox",
                **{**_part("unit-rows"), "aria-label": say("console.units")},
            ),
        ],
        className="panel console-queue",
    )


def _map(lang: str) -> html.Section:
    return html.Section(city_map(ids.CONSOLE_MAP), className="panel console-map", lang=lang)


def _detail(actor: Actor, say: Say) -> html.Section:
    orders = may(actor, "SendOrder")
    closes = may(actor, "CloseIncident")
    body: list[Any] = [
        html.H3(say("console.orders")),
        html.P(say("console.no_orders"), className="quiet-line", hidden=True, **_part("orders-empty")),
        html.Ul(className="orders", **_part("order-rows")),
        html.Div(_dispatch(say), hidden=not orders, className="dispatch"),
        html.H3(say("console.timeline")),
        html.Ol(id=ids.CONSOLE_TIMELINE, className="timeline"),
    ]
    foot: list[Any] = [
        html.Div(
            [
                dcc.Input(
                    id=ids.CONSOLE_NOTE,
                    type="text",
                    maxLength=500,
                    placeholder=say("console.note"),
                    className="field",
                    n_submit=0,
                ),
                html.Button(say("console.add_note"), id=ids.CONSOLE_NOTE_ADD, type="button", className="button"),
            ],
            className="inline",
            **_part("note-box"),
        ),
        html.Div(
            [
                html.Label(say("console.outcome"), htmlFor=ids.CONSOLE_OUTCOME, className="visually-hidden"),
                dcc.RadioItems(
                    id=ids.CONSOLE_OUTCOME,
                    options=[{"label": say(f"outcome.{o}"), "value": o} for o in OUTCOMES],
                    value=OUTCOMES[0],
                    className="choices chips",
                ),
                html.Button(say("console.close"), id=ids.CONSOLE_CLOSE, type="button", className="button"),
            ],
            className="inline closing",
            hidden=not closes,
        ),
    ]
    incident = [
        html.Div(
            [
                html.Span(className="incident-glyph", **_part("incident-glyph")),
                html.H2(className="incident-title", **_part("incident-title")),
                html.Button(
                    say("console.acknowledge"),
                    id=ids.CONSOLE_TAKE,
                    type="button",
                    className="button strong",
                    **_part("take"),
                ),
            ],
            className="incident-head",
        ),
        html.Dl(className="facts", **{**_part("facts"), "aria-label": say("console.facts")}),
        html.Div(body, className="incident-body"),
        html.Div(foot, className="incident-foot"),
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.P(say("console.nothing")),
                    html.Dl([_key(keys, say(f"console.key_{name}")) for keys, name in KEYS]),
                ],
                className="panel-empty nothing",
                **_part("nothing"),
            ),
            html.Div(_alarm(say), className="incident alarm", hidden=True, **_part("alarm")),
            html.Div(incident, className="incident", hidden=True, **_part("incident")),
        ],
        className="panel console-detail",
        **{"aria-label": say("console.detail")},
    )


def _key(keys: str, meaning: str) -> html.Div:
    return html.Div([html.Dt([html.Kbd(key) for key in keys.split()]), html.Dd(meaning)])


def _alarm(say: Say) -> list[Any]:
    return [
        html.Div(
            [
                html.Span(className="incident-glyph", **_part("alarm-glyph")),
                html.H2(className="incident-title", **_part("alarm-title")),
                html.Button(
                    say("console.acknowledge_alarm"), type="button", className="button strong", **_part("alarm-take")
                ),
            ],
            className="incident-head",
        ),
        html.Dl(className="facts", **{**_part("alarm-facts"), "aria-label": say("console.facts")}),
    ]


def _dispatch(say: Say) -> list[Any]:
    return [
        html.H3(say("console.recommended")),
        html.Div(
            id=ids.CONSOLE_RECOMMENDED,
            className="candidates",
            role="radiogroup",
            **{**_part("recommended"), "aria-label": say("console.recommended")},
        ),
        html.Label(say("console.order_text"), htmlFor=ids.CONSOLE_TEXT, className="visually-hidden"),
        dcc.Textarea(id=ids.CONSOLE_TEXT, className="field", maxLength=300, rows=2),
        html.Div(
            [
                dcc.Checklist(
                    id=ids.CONSOLE_BUSY,
                    options=[{"label": say("console.confirm_busy"), "value": "yes"}],
                    value=[],
                    className="choices",
                ),
                html.Button(
                    say("console.send"), id=ids.CONSOLE_SEND, type="button", className="button strong", **_part("send")
                ),
            ],
            className="inline spread",
        ),
    ]


def _severity(n: int, say: Say) -> html.Span:
    return html.Span([glyph(f"sev-{n}"), say(f"severity.{n}")], className="severity")


def _toast(say: Say) -> html.Div:
    return html.Div(
        [
            html.Span(className="toast-text"),
            html.Button(say("console.undo"), type="button", className="button", hidden=True, **_part("toast-undo")),
        ],
        className="toast",
        hidden=True,
        role="status",
        **_part("toast"),
    )


def _report(say: Say, names: dict[str, str], profile: Profile) -> html.Div:
    categories = [{"label": names[f"category.{code}"], "value": code} for code in profile.categories]

    def field(id: str, label: str, kind: str = "text", **more: Any) -> html.Div:
        return html.Div(
            [html.Label(say(label), htmlFor=id), dcc.Input(id=id, type=kind, className="field", **more)],
            className="form-field",
        )

    form = [
        html.H2(say("console.report_title"), id="report-heading"),
        html.Div(
            [
                html.Label(say("console.category"), htmlFor=ids.REPORT_CATEGORY),
                dcc.RadioItems(
                    id=ids.REPORT_CATEGORY,
                    options=categories,
                    value=next(iter(profile.categories)),
                    className="choices chips",
                ),
            ],
            className="form-field wide",
        ),
        html.Div(
            [
                html.Label(say("console.report_severity"), htmlFor=ids.REPORT_SEVERITY),
                dcc.RadioItems(
                    id=ids.REPORT_SEVERITY,
                    options=[{"label": _severity(n, say), "value": n} for n in (1, 2, 3, 4)],
                    value=next(iter(profile.categories.values())).severity,
                    className="choices chips",
                ),
            ],
            className="form-field wide",
        ),
        field(ids.REPORT_TITLE, "console.report_name", maxLength=60),
        field(ids.REPORT_PLACE, "console.report_place", maxLength=60),
        field(ids.REPORT_LAT, "console.report_lat", inputMode="decimal", maxLength=12),
        field(ids.REPORT_LON, "console.report_lon", inputMode="decimal", maxLength=12),
        html.P(say("console.report_pick"), className="quiet-line form-field wide"),
        html.Div(id=ids.REPORT_DUPLICATES, className="duplicates wide", role="status"),
        html.Div(
            [
                html.Label(say("console.report_text"), htmlFor=ids.REPORT_TEXT),
                dcc.Textarea(id=ids.REPORT_TEXT, className="field", maxLength=1000, rows=3),
            ],
            className="form-field wide",
        ),
        field(ids.REPORT_PEOPLE, "console.people", inputMode="numeric", maxLength=6),
        html.Span(),
        field(ids.REPORT_CALLER, "console.report_caller", maxLength=40, autoComplete="off"),
        field(ids.REPORT_PHONE, "console.report_phone", "tel", maxLength=20, autoComplete="off"),
        html.Div(
            [
                html.Button(say("console.report_cancel"), type="button", className="button", **_part("report-cancel")),
                html.Button(say("console.report_send"), id=ids.REPORT_SEND, type="button", className="button strong"),
            ],
            className="inline spread wide",
        ),
    ]
    return html.Div(
        html.Div(
            form, className="report-form", role="dialog", **{"aria-modal": "false", "aria-labelledby": "report-heading"}
        ),
        className="report",
        hidden=True,
        **_part("report"),
    )
