"""Texts, by dotted key, in every language that has a TOML file here.

A key that a language lacks falls back to zh-CN, then to the key itself; a test keeps the files complete.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.domain.errors import Refused
from dashboard.domain.worktime import SHANGHAI

FOLDER = Path(__file__).parent
DEFAULT = "zh-CN"
LANGUAGES: tuple[str, ...] = tuple(sorted(p.stem for p in FOLDER.glob("*.toml")))


def _flatten(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flatten(value, f"{name}.")
        else:
            flat[name] = str(value)
    return flat


@cache
def catalogue(lang: str) -> dict[str, str]:
    """Return every text of a language, with zh-CN where it has none of its own."""
    base = {} if lang == DEFAULT else catalogue(DEFAULT)
    path = FOLDER / f"{lang}.toml"
    if not path.is_file():
        return dict(base)
    return base | _flatten(tomllib.loads(path.read_text(encoding="utf-8")))


class _Gaps(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "—"


def text(key: str, lang: str = DEFAULT, **params: object) -> str:
    """Say ``key`` in ``lang``; a parameter that is not given reads "—"."""
    sentence = catalogue(lang if lang in LANGUAGES else DEFAULT).get(key, key)
    return sentence.format_map(_Gaps(params)) if "{" in sentence else sentence


def explain(error: Refused, lang: str = DEFAULT) -> str:
    """Say a refusal: states and codes among its parameters are put into words first."""
    return reason(error.key, error.params, lang)


def reason(key: str, given: Mapping[str, object], lang: str = DEFAULT) -> str:
    """Say the reason of a refusal, known by its key and parameters."""
    params = dict(given)
    thing = key.split(".")[1] if key.count(".") else ""
    words = catalogue(lang if lang in LANGUAGES else DEFAULT)
    if "state" in params:
        params["state"] = words.get(f"{thing}_status.{params['state']}", params["state"])
    if isinstance(at := params.get("at"), int):
        params["at"] = f"{datetime.fromtimestamp(at / 1000, SHANGHAI):%H:%M:%S}"
    if "needs" in params:
        params["needs"] = words["page.listing"].join(
            words.get(f"role.{role}", role) for role in str(params["needs"]).split(", ")
        )
    return text(key, lang, **params)


def negotiate(accept_language: str) -> str:
    """Pick the best language for an ``Accept-Language`` header."""
    wanted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((float(quality or 1), tag.strip().lower()))
        except ValueError:
            continue
    for _, tag in sorted(wanted, reverse=True):
        for lang in LANGUAGES:
            if tag and (lang.lower() == tag or lang.lower().split("-")[0] == tag.split("-")[0]):
                return lang
    return DEFAULT
