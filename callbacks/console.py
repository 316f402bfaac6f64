"""The console: what a commander does goes to the desk, what the desk says is drawn."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from dash import Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from callbacks.who import asking, language
from dashboard.config import Profile
from dashboard.desk import Desk, Done
from dashboard.domain import commands as c
from dashboard.domain import ids as numbers
from dashboard.domain.commands import Actor, Command
from dashboard.domain.errors import Invalid, Refused
from dashboard.domain.events import OrderQueued, Place
from dashboard.domain.geo import valid
from dashboard.i18n import explain, text
from dashboard.projections.recommend import Candidate
from layouts import ids
from layouts.parts.candidate import candidate_list
from layouts.parts.timeline import timeline

log = structlog.get_logger()

Result = dict[str, Any]
SELECTION = State(ids.CONSOLE_SELECTION, "data")


def register(app: Dash, desk: Desk, profile: Profile) -> None:
    """Listen to the console."""

    async def act(command: Command | Callable[[Actor], Command], said: Callable[[Done, str], Result]) -> Result:
        """Carry out a command off the event loop and say what came of it."""
        actor, lang = asking(app), language(app)

        def carry_out() -> Done:
            return desk.do(command(actor) if callable(command) else command, actor)

        try:
            done = await asyncio.to_thread(carry_out)
        except Refused as no:
            return {"ok": False, "text": explain(no, lang)}
        except Exception as fault:
            # A click that comes to nothing must say so; whether it did is shown by what is on the screen.
            log.error("command failed", exc_info=fault)
            return {"ok": False, "text": text("console.not_done", lang)}
        return {"ok": True, **said(done, lang)}

    @app.callback(
        Output(ids.CONSOLE_TIMELINE, "children"),
        Output(ids.CONSOLE_RECOMMENDED, "children"),
        Output(ids.CONSOLE_CHOSEN, "data"),
        Output(ids.CONSOLE_TEXT, "value"),
        Output(ids.CONSOLE_DRAWN, "data"),
        Input(ids.CONSOLE_SELECTION, "data"),
        State(ids.CONSOLE_DRAWN, "data"),
        State(ids.CONSOLE_CHOSEN, "data"),
        prevent_initial_call=True,
    )
    async def draw(selection: Result | None, drawn: str | None, wish: Result | None) -> tuple[Any, ...]:
        incident_id = (selection or {}).get("incident")
        if not incident_id:
            return [], [], {}, "", ""
        actor, lang = asking(app), language(app)
        try:
            story = await asyncio.to_thread(desk.read, "incident", actor, incident_id=incident_id)
            ranked = await asyncio.to_thread(desk.read, "recommend", actor, incident_id=incident_id)
        except Refused as no:
            return html.Li(explain(no, lang)), [], {}, "", incident_id
        names = profile.texts(lang)
        taken = {o.unit_id for o in story["orders"] if o.ended_at is None}
        refused = {o.unit_id for o in story["orders"] if o.status == "declined"}
        # Who has said no stays in the list, below everyone who has not been asked.
        free = sorted((one for one in ranked if one.unit_id not in taken), key=lambda one: one.unit_id in refused)
        chosen = (wish or {}).get("unit")
        still = chosen not in refused and any(one.unit_id == chosen for one in free)
        keep = chosen if drawn == incident_id and still else None
        best = keep or next((one.unit_id for one in free if one.group == "ready" and one.unit_id not in refused), None)
        rows = candidate_list(free, names, lang, incident_id=incident_id, chosen=best, refused=refused)
        none = html.P(text("console.recommended_none", lang), className="quiet-line")
        known = profile.categories[story["incident"].category]
        order_text = known.order_text if lang.startswith("zh") or not known.order_text_en else known.order_text_en
        lines = timeline(story["timeline"], story["unit_names"], lang)
        wish = {"unit": best, "incident": incident_id}
        return lines, rows or none, wish, no_update if drawn == incident_id else order_text, incident_id

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        Input(ids.CONSOLE_TAKE, "n_clicks"),
        SELECTION,
        prevent_initial_call=True,
    )
    async def take(_: int, selection: Result) -> Result:
        wanted = c.TakeIncident(incident_id=selection["incident"])
        return await act(
            wanted, lambda done, lang: {"text": text("console.taken_toast", lang, no=numbers.short(done.id))}
        )

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        Output(ids.CONSOLE_BUSY, "value"),
        Input(ids.CONSOLE_SEND, "n_clicks"),
        SELECTION,
        State(ids.CONSOLE_CHOSEN, "data"),
        State(ids.CONSOLE_TEXT, "value"),
        State(ids.CONSOLE_BUSY, "value"),
        prevent_initial_call=True,
    )
    async def send(
        _: int, selection: Result, wish: Result | None, words: str | None, busy: list[str]
    ) -> tuple[Result, list[str]]:
        wanted = wish or {}
        unit = wanted.get("unit") if wanted.get("incident") == selection["incident"] else None
        chosen: dict[str, Candidate] = {}

        def order(actor: Actor) -> Command:
            if not unit:
                raise Invalid("invalid.no_unit", field="unit_id")
            ranked = desk.read("recommend", actor, incident_id=selection["incident"], limit=50)
            chosen.update({one.unit_id: one for one in ranked if one.unit_id == unit})
            eta = chosen[unit].eta_s if unit in chosen else None
            return c.SendOrder(
                incident_id=selection["incident"],
                unit_id=unit,
                text=words or "",
                confirm_busy=bool(busy),
                eta_s=eta,
            )

        def said(done: Done, lang: str) -> Result:
            name = chosen[unit].name if unit in chosen else str(unit)
            limit = next(r.event.ack_limit_s for r in done.events if isinstance(r.event, OrderQueued))
            return {"text": text("console.sent_toast", lang, unit=name, limit=limit), "undo": done.id}

        return await act(order, said), []

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        Input(ids.CONSOLE_ORDER_ACTION, "data"),
        prevent_initial_call=True,
    )
    async def order_action(wish: Result) -> Result:
        order = str(wish["order"])
        wanted: Command = (
            c.CancelOrder(order_id=order) if wish["action"] == "cancel" else c.ReissueOrder(order_id=order)
        )
        key = "console.cancelled_toast" if wish["action"] == "cancel" else "console.reissued_toast"
        return await act(wanted, lambda done, lang: {"text": text(key, lang, order=numbers.short(done.id))})

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        Input(ids.CONSOLE_ALARM_ACTION, "data"),
        prevent_initial_call=True,
    )
    async def acknowledge(wish: Result) -> Result:
        wanted = c.AcknowledgeAlarm(alarm_id=str(wish["alarm"]))
        return await act(wanted, lambda _done, lang: {"text": text("console.alarm_taken_toast", lang)})

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        Output(ids.CONSOLE_NOTE, "value"),
        Input(ids.CONSOLE_NOTE_ADD, "n_clicks"),
        Input(ids.CONSOLE_NOTE, "n_submit"),
        SELECTION,
        State(ids.CONSOLE_NOTE, "value"),
        prevent_initial_call=True,
    )
    async def note(_: int, __: int, selection: Result, words: str | None) -> tuple[Result, Any]:
        wanted = c.AddNote(incident_id=selection["incident"], text=words or "")
        result = await act(wanted, lambda _done, lang: {"text": text("console.noted_toast", lang)})
        return result, "" if result["ok"] else no_update

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        Input(ids.CONSOLE_CLOSE, "n_clicks"),
        SELECTION,
        State(ids.CONSOLE_OUTCOME, "value"),
        prevent_initial_call=True,
    )
    async def close(_: int, selection: Result, outcome: str) -> Result:
        wanted = c.CloseIncident(incident_id=selection["incident"], outcome=outcome)
        return await act(
            wanted, lambda done, lang: {"text": text("console.closed_toast", lang, no=numbers.short(done.id))}
        )

    @app.callback(
        Output(ids.REPORT_DUPLICATES, "children"),
        Input(ids.REPORT_CATEGORY, "value"),
        Input(ids.REPORT_LAT, "value"),
        Input(ids.REPORT_LON, "value"),
        prevent_initial_call=True,
    )
    async def possible(category: str, lat: str | None, lon: str | None) -> list[Component]:
        place = _place(lat, lon)
        if place is None:
            return []
        actor, lang = asking(app), language(app)
        found = await asyncio.to_thread(desk.read, "duplicates", actor, category=category, lat=place.lat, lon=place.lon)
        rows = [
            html.Li(text("console.duplicate_row", lang, no=d["no"], title=d["title"], m=d["distance_m"]))
            for d in found[:5]
        ]
        return [html.Strong(text("console.duplicates", lang)), html.Ul(rows)] if rows else []

    @app.callback(Output(ids.REPORT_SEVERITY, "value"), Input(ids.REPORT_CATEGORY, "value"), prevent_initial_call=True)
    async def severity(category: str) -> int:
        return profile.categories[category].severity

    @app.callback(
        Output(ids.CONSOLE_RESULT, "data", allow_duplicate=True),
        *(Output(id, "value", allow_duplicate=True) for id in _CLEARED),
        Input(ids.REPORT_SEND, "n_clicks"),
        State(ids.REPORT_CATEGORY, "value"),
        State(ids.REPORT_SEVERITY, "value"),
        *(State(id, "value") for id in _CLEARED),
        # A second click before the first has been answered would be a second incident.
        running=[(Output(ids.REPORT_SEND, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def report(_: int, category: str, level: int, *typed: Any) -> tuple[Any, ...]:
        form = dict(zip(_CLEARED, typed, strict=True))

        def opening(actor: Actor) -> Command:
            place = _place(form[ids.REPORT_LAT], form[ids.REPORT_LON], form[ids.REPORT_PLACE] or "")
            if place is None:
                raise Invalid("invalid.place", field="place")
            people = str(form[ids.REPORT_PEOPLE] or "0").strip()
            if not people.isdigit():
                raise Invalid("invalid.people", field="people", value=people)
            person = {"name": form[ids.REPORT_CALLER], "phone": form[ids.REPORT_PHONE]}
            return c.OpenIncident(
                category=category,
                severity=level,
                title=form[ids.REPORT_TITLE] or "",
                text=form[ids.REPORT_TEXT] or "",
                place=place,
                people=int(people),
                reporter=desk.seal(numbers.fresh("R"), person),
            )

        def said(done: Done, lang: str) -> Result:
            no = numbers.short(done.id)
            return {"text": text("console.opened_toast", lang, no=no), "select": done.id, "close_report": True}

        result = await act(opening, said)
        kept = [no_update] * len(_CLEARED)
        return (result, *([None] * len(_CLEARED) if result["ok"] else kept))

    app.clientside_callback(
        "function(result) { window.muster.toast(result); return ''; }",
        Output(ids.CONSOLE_TOASTED, "data"),
        Input(ids.CONSOLE_RESULT, "data"),
        prevent_initial_call=True,
    )


def _place(lat: str | None, lon: str | None, name: str = "") -> Place | None:
    """Read a place that was typed or clicked; None when it is not one."""
    try:
        found = Place(lat=float(lat or ""), lon=float(lon or ""), name=name)
    except ValueError:
        return None
    return found if valid(found.lat, found.lon) else None


_CLEARED = (
    ids.REPORT_TITLE,
    ids.REPORT_TEXT,
    ids.REPORT_PLACE,
    ids.REPORT_LAT,
    ids.REPORT_LON,
    ids.REPORT_PEOPLE,
    ids.REPORT_CALLER,
    ids.REPORT_PHONE,
)
