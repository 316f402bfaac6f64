"""The frame of a live screen: the attributes by which its JavaScript knows texts, area and limits."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from dash import html

from dashboard.config import PARAMETERS, Profile
from dashboard.domain.commands import Actor
from dashboard.i18n import catalogue, text

Say = Callable[..., str]
SHARED = (
    "ui",
    "keys",
    "link",
    "level",
    "source_state",
    "activity",
    "severity",
    "time",
    "alarm",
    "alarm_status",
    "incident_status",
    "camera_rule",
    "confidence",
    "map",
)
NAMED = ("category", "dispute_category", "step", "area", "source", "unit_kind", "centre")


def speaker(lang: str) -> Say:
    """Return ``say(key, **params)`` for one language."""
    return lambda key, **params: text(key, lang, **params)


def texts_for(profile: Profile, lang: str, sections: Iterable[str]) -> dict[str, str]:
    """Return the texts a page's JavaScript needs: the shared sections, its own, and the names of the profile."""
    wanted = {*SHARED, *NAMED, *sections}
    every = catalogue(lang) | profile.texts(lang)
    return {key: value for key, value in every.items() if key.partition(".")[0] in wanted}


def position_limits(profile: Profile) -> dict[str, list[float]]:
    """Return the ages in seconds from which a position is late, stale, lost, for tasked and for idle units."""

    def limit(cls: str, duty: str) -> float:
        name = f"position.{cls}_{duty}_s"
        return profile.parameters.get(name, PARAMETERS[name].default)

    return {duty: [limit(cls, duty) for cls in ("late", "stale", "lost")] for duty in ("tasked", "idle")}


def page(
    screen: str,
    children: list[Any],
    actor: Actor,
    lang: str,
    profile: Profile,
    *,
    title: str,
    sections: Iterable[str],
    class_name: str = "",
    **data: str,
) -> html.Div:
    """Wrap a live screen; shell.js wakes the JavaScript that registered under ``screen``."""
    attributes = {
        "data-screen": screen,
        "data-lang": lang,
        "data-area": actor.scope or profile.area,
        "data-title": title,
        "data-texts": json.dumps(texts_for(profile, lang, sections), ensure_ascii=False, separators=(",", ":")),
        "data-limits": json.dumps(position_limits(profile)),
    }
    attributes |= {f"data-{name}": value for name, value in data.items()}
    return html.Div(children, id=screen, className=class_name, lang=lang, **attributes)
