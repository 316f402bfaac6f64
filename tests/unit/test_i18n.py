"""Texts: both languages say everything, with the same parameters."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dashboard.config import load_profile
from dashboard.i18n import FOLDER, LANGUAGES, negotiate, text

ROOT = FOLDER.parent.parent


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in table.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


TEXTS = {lang: flat(tomllib.loads((FOLDER / f"{lang}.toml").read_text(encoding="utf-8"))) for lang in LANGUAGES}


def test_there_are_both_languages() -> None:
    assert {"zh-CN", "en"} <= set(LANGUAGES)


@pytest.mark.parametrize("lang", [lang for lang in LANGUAGES if lang != "zh-CN"])
def test_a_language_has_every_key_of_the_first_and_no_other(lang: str) -> None:
    assert sorted(TEXTS["zh-CN"].keys() - TEXTS[lang].keys()) == [], "missing"
    assert sorted(TEXTS[lang].keys() - TEXTS["zh-CN"].keys()) == [], "left over"


def test_every_text_is_a_string() -> None:
    assert [
        (lang, key) for lang, texts in TEXTS.items() for key, value in texts.items() if not isinstance(value, str)
    ] == []


def test_a_text_has_the_same_parameters_in_every_language() -> None:
    free = {"time.date"}  # a date has other parts in other languages
    names = {
        lang: {key: set(re.findall(r"\{(\w+)", value)) for key, value in texts.items()} for lang, texts in TEXTS.items()
    }
    wrong = [
        key
        for key in TEXTS["zh-CN"]
        if key not in free and len({frozenset(names[lang].get(key, ())) for lang in LANGUAGES}) > 1
    ]
    assert wrong == []


def test_english_texts_hold_no_hanzi() -> None:
    own_names = {"page.lang_zh_CN"}  # a language is called by its own name
    assert [
        key for key, value in TEXTS["en"].items() if key not in own_names and re.search(r"[\u4e00-\u9fff]", value)
    ] == []


def test_a_missing_parameter_reads_as_a_dash() -> None:
    assert text("link.retry", "zh-CN") == "— s 后重试"


def test_the_language_a_browser_prefers_wins() -> None:
    assert negotiate("fr, en;q=0.8, zh;q=0.9") == "zh-CN"
    assert negotiate("en-GB,en;q=0.9") == "en"
    assert negotiate("fr") == "zh-CN"


def test_the_bundled_fonts_hold_every_character_of_the_texts_and_the_default_centre() -> None:
    fonts = pytest.importorskip("fontTools.ttLib")
    said = {c for texts in TEXTS.values() for value in texts.values() for c in value}
    for lang in LANGUAGES:
        said |= {c for value in load_profile().texts(lang).values() for c in value}
    for weight in ("regular", "bold"):
        path = ROOT / "assets" / "fonts" / f"cc-sans-{weight}.woff2"
        assert path.stat().st_size < 2.5 * 1024 * 1024
        known = fonts.TTFont(path).getBestCmap()
        assert sorted(c for c in said if ord(c) not in known and c.isprintable()) == [], weight


def test_the_digits_of_the_bundled_fonts_are_all_of_one_width() -> None:
    fonts = pytest.importorskip("fontTools.ttLib")
    for weight in ("regular", "bold"):
        font = fonts.TTFont(ROOT / "assets" / "fonts" / f"cc-sans-{weight}.woff2")
        widths = {font["hmtx"][font.getBestCmap()[ord(d)]][0] for d in "0123456789"}
        assert len(widths) == 1, weight


def test_the_fonts_come_with_their_licence() -> None:
    licence = Path(ROOT / "assets" / "fonts" / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence


KEY = re.compile(
    r"""["'`](?P<key>(?:refused|invalid|notfound|conflict|forbidden|dead|why|card|console|wall|phone|problem|reason|access|page|link|ui|keys|time|map)\.[a-zA-Z0-9_.]+)["'`]"""
)
PREFIXES = ("page.lang_", "map.shapes")


def test_every_key_that_the_code_says_is_in_the_catalogue() -> None:
    known = TEXTS["zh-CN"].keys() | load_profile().texts("zh-CN").keys()
    groups = {key.rpartition(".")[0] for key in known}
    missing = set()
    for folder, ending in (
        ("dashboard", "py"),
        ("datasource", "py"),
        ("workers", "py"),
        ("callbacks", "py"),
        ("layouts", "*"),
        ("assets", "js"),
    ):
        for file in (ROOT / folder).rglob(f"*.{ending}"):
            if file.suffix not in (".py", ".js", ".html"):
                continue
            for found in KEY.finditer(file.read_text(encoding="utf-8")):
                key = found["key"].rstrip(".")
                if (
                    key not in known
                    and key not in groups
                    and not key.startswith(PREFIXES)
                    and not key.endswith((".html", ".js", ".py"))
                ):
                    missing.add((key, file.name))
    assert missing == set()
