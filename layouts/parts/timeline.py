"""The timeline of an incident: newest first, each line with our time, who, and what."""

from datetime import datetime
from typing import Any

from dash import html

from dashboard.domain.worktime import SHANGHAI
from dashboard.i18n import catalogue, text

# Codes among the parameters of an event, and the texts that name them.
_CODES = {
    "event.incident.closed": {"outcome": "outcome"},
    "event.order.declined": {"reason": "decline"},
    "event.order.sent": {"channel": "channel"},
    "event.order.attempt_failed": {"reason": "failure"},
}


def _who(actor: str, words: dict[str, str]) -> str:
    role, _, id = actor.partition(":")
    if own := words.get(f"account.{id}"):  # an account that comes with a demonstration
        return own
    # An account that is called as its role is says it once.
    named = role in ("commander", "duty_officer", "administrator") and id != role
    return words.get(f"role.{role}", "") + (f" {id}" if named else "")


def timeline(entries: list[dict[str, Any]], unit_names: dict[str, str], lang: str) -> list[html.Li]:
    """Draw the entries of ``projections/timeline.py``; ``unit_names`` names the unit of each order's id."""
    words = catalogue(lang)
    units = {
        e["subject"]: unit_names.get(e["params"].get("unit_id", ""), "") for e in entries if "unit_id" in e["params"]
    }
    lines = []
    for entry in reversed(entries):
        codes = _CODES.get(entry["key"], {})
        params = {k: words.get(f"{codes[k]}.{v}", v) if k in codes else v for k, v in entry["params"].items()}
        params["unit"] = units.get(entry["subject"]) or "—"
        at = datetime.fromtimestamp(entry["at"] / 1000, SHANGHAI)
        lines.append(
            html.Li(
                [
                    html.Time(f"{at:%H:%M:%S}"),
                    html.Span(text(entry["key"], lang, **params), className="what"),
                    html.Span(_who(entry["actor"], words), className="who"),
                ]
            )
        )
    return lines
