"""The colours of the style sheet can be read, in both themes."""

import re

import pytest

from layouts.theme import FILE, THEMES, contrast, plotly_template, tokens

TEXT, GLYPH = 4.5, 3.0
SURFACES = ("bg0", "bg1", "bg2")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("token", ["t1", "t2", "t3", "acc", "mode", "sev1", "sev2", "sev3", "sev4"])
def test_text_can_be_read_on_every_surface(theme: str, token: str) -> None:
    t = tokens(theme)
    for surface in SURFACES:
        assert contrast(t[token], t[surface]) >= TEXT, f"{theme} {token} on {surface}"


@pytest.mark.parametrize("theme", THEMES)
def test_borders_of_controls_and_the_focus_ring_can_be_seen(theme: str) -> None:
    t = tokens(theme)
    for token in ("ctl", "focus"):
        assert all(contrast(t[token], t[surface]) >= GLYPH for surface in SURFACES), f"{theme} {token}"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("severity", [1, 2, 3, 4])
def test_the_digit_of_a_severity_can_be_read_on_its_fill(theme: str, severity: int) -> None:
    t = tokens(theme)
    assert contrast(t["on-fill"], t[f"sev{severity}-fill"]) >= TEXT


def test_severity_fills_stand_out_from_dark_surfaces_by_themselves() -> None:
    t = tokens("dark")
    for severity in (1, 2, 3, 4):
        assert all(contrast(t[f"sev{severity}-fill"], t[s]) >= GLYPH for s in SURFACES)


def test_severity_fills_get_an_outline_on_light_surfaces_because_they_do_not_stand_out() -> None:
    t = tokens("light")
    assert contrast(t["sev3-fill"], t["bg1"]) < GLYPH, "the reason for the outline is gone"
    for outline in ("glyph-line", "glyph-ring", "card-line"):
        assert all(contrast(t[outline], t[s]) >= GLYPH for s in SURFACES), outline


def test_a_dangerous_button_can_be_read() -> None:
    assert contrast(tokens()["on-danger"], tokens()["danger"]) >= TEXT


def test_contrast_is_the_one_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_no_style_sheet_but_the_tokens_writes_a_colour() -> None:
    raw = re.compile(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(")  # masks say black and transparent, which are no colours
    for sheet in ("05-type", "10-base", "20-shell", "30-wall"):
        css = re.sub(r"/\*.*?\*/", "", (FILE.parent / f"{sheet}.css").read_text(encoding="utf-8"), flags=re.DOTALL)
        assert raw.findall(css) == [], sheet


@pytest.mark.parametrize("theme", THEMES)
def test_every_token_that_a_style_sheet_asks_for_exists(theme: str) -> None:
    own = {
        "ws",
        "edge",
        "row",
        "row-full",
        "columns",
        "share",
        "shift-x",
        "shift-y",
    }  # set by JavaScript or by the rule itself
    known = set(tokens(theme)) | own
    for sheet in ("10-base", "20-shell", "30-wall"):
        css = (FILE.parent / f"{sheet}.css").read_text(encoding="utf-8")
        assert set(re.findall(r"var\(--([\w-]+)", css)) <= known, sheet


def test_figures_are_drawn_in_the_tokens() -> None:
    layout = plotly_template("light")["layout"]
    assert layout["paper_bgcolor"] == tokens("light")["bg1"]


def test_only_the_rings_of_severity_1_and_2_flash_and_none_when_motion_is_not_wanted() -> None:
    css = {n: (FILE.parent / f"{n}.css").read_text(encoding="utf-8") for n in ("10-base", "20-shell", "30-wall")}
    moving = [line for sheet in css.values() for line in sheet.splitlines() if re.search(r"animation: (?!none)", line)]
    assert len(moving) == 1
    assert "muster-ring" in moving[0]
    assert '[data-sev="3"] .ring { animation: none; }' in css["10-base"]
    assert '[data-sev="4"] .ring { display: none; }' in css["10-base"]
    assert re.search(r"prefers-reduced-motion: reduce\) \{\s*\*[^}]*animation: none !important", css["10-base"])
