"""The frame of the wall: what Python draws before anything is live."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboard.config import Profile, load_profile
from dashboard.domain.commands import Actor
from layouts.parts.tiles import TILES
from layouts.screens import SCREENS
from layouts.shell import app_layout, screen_for, validation_layout

ASSETS = Path(__file__).resolve().parents[3] / "assets"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile()


def actor(role: str = "wall", scope: str = "4401", name: str = "") -> Actor:
    return Actor(role=role, id="a", name=name, scope=scope)


def plain(component: Any) -> dict[str, Any]:
    return json.loads(json.dumps(component.to_plotly_json(), default=lambda c: c.to_plotly_json()))


def every(tree: Any) -> list[dict[str, Any]]:
    """All components of a plain tree."""
    if isinstance(tree, list):
        return [found for item in tree for found in every(item)]
    if not isinstance(tree, dict) or "props" not in tree:
        return []
    return [tree, *every(tree["props"].get("children"))]


def parts(tree: Any) -> set[str]:
    return {c["props"]["data-part"] for c in every(tree) if "data-part" in c["props"]}


def test_the_wall_brings_no_chart_library(profile: Profile) -> None:
    drawn = every(plain(screen_for("/wall", actor(), "zh-CN", profile)))
    assert "Graph" not in {c["type"] for c in drawn}
    assert "wall-map" in {c["props"].get("id") for c in drawn}


def test_every_place_the_wall_script_writes_to_is_drawn(profile: Profile) -> None:
    tree = plain(screen_for("/wall", actor(), "zh-CN", profile))
    script = (ASSETS / "js" / "wall.js").read_text(encoding="utf-8") + (ASSETS / "js" / "shell.js").read_text(
        encoding="utf-8"
    )
    wanted = set(re.findall(r'(?:this\.part|this\.text|part|show)\("([a-z-]+)"', script))
    for name in re.findall(r'this\.list\("([a-z]+)"', script):
        wanted |= {f"{name}-rows", f"{name}-more", f"{name}-empty"}
    assert len(wanted) > 25
    assert wanted <= parts(tree)


def test_every_counter_is_empty_before_the_first_snapshot(profile: Profile) -> None:
    tiles = [c for c in every(plain(screen_for("/wall", actor(), "zh-CN", profile))) if "data-tile" in c["props"]]
    assert [t["props"]["data-tile"] for t in tiles] == list(TILES)
    for tile in tiles:
        assert tile["props"]["data-state"] == "loading"
        values = [c["props"].get("children") for c in every(tile) if c["props"].get("className") == "kpi-value"]
        assert values == [None]


def test_the_page_carries_texts_names_and_limits_for_its_script(profile: Profile) -> None:
    root = plain(screen_for("/wall", actor(scope="440112"), "en", profile))["props"]
    texts = json.loads(root["data-texts"])
    assert texts["link.live"] == "Live"
    assert texts["category.fire"] == "Fire"
    assert root["data-area"] == "440112"
    assert json.loads(root["data-limits"]) == {"tasked": [30, 90, 300], "idle": [180, 600, 900]}


def test_the_wall_script_asks_for_no_text_that_is_not_sent(profile: Profile) -> None:
    texts = json.loads(plain(screen_for("/wall", actor(), "zh-CN", profile))["props"]["data-texts"])
    scripts = [
        ASSETS / "js" / f"{n}.js"
        for n in (
            "shell",
            "wall",
            "words",
            "told",
            "wall_alarms",
            "wall_backlog",
            "wall_bar",
            "wall_tiles",
            "wall_units",
        )
    ]
    asked = {
        key
        for s in scripts
        for key in re.findall(
            r'"((?:ui|keys|link|level|time|wall|alarm_status|incident_status|activity|confidence)\.[a-z_.]+[a-z])"',
            s.read_text("utf-8"),
        )
    }
    assert len(asked) > 40
    assert sorted(asked - texts.keys()) == []


def test_a_profile_that_tightens_position_limits_tightens_them_on_the_page(profile: Profile) -> None:
    import msgspec

    strict = msgspec.structs.replace(profile, parameters={"position.lost_tasked_s": 120.0})
    root = plain(screen_for("/wall", actor(), "zh-CN", strict))["props"]
    assert json.loads(root["data-limits"])["tasked"] == [30, 90, 120]


def test_a_duty_officer_is_named_and_a_wall_is_not(profile: Profile) -> None:
    def said(who: Actor) -> str:
        return json.dumps(plain(screen_for("/wall", who, "zh-CN", profile)), ensure_ascii=False)

    assert "值班 王晓" in said(actor("duty_officer", name="王晓"))
    assert "值班 大屏一" not in said(actor("wall", name="大屏一"))


def test_english_is_complete_on_the_frame(profile: Profile) -> None:
    tree = plain(screen_for("/wall", actor(), "en", profile))
    tree["props"].pop("data-texts")
    assert not re.search(r"[\u4e00-\u9fff]", json.dumps(tree, ensure_ascii=False))


def test_an_unknown_address_lists_the_screens_one_may_open(profile: Profile) -> None:
    links = [
        c["props"]["href"] for c in every(plain(screen_for("/nowhere", actor(), "zh-CN", profile))) if c["type"] == "A"
    ]
    assert links == ["/wall"]


def test_who_may_not_see_a_screen_is_told_who_may(profile: Profile) -> None:
    said = json.dumps(plain(screen_for("/wall", actor("mediator"), "zh-CN", profile)), ensure_ascii=False)
    assert "值班员" in said
    assert "data-screen" not in said


def test_the_validation_layout_knows_every_screen(profile: Profile) -> None:
    ids = {c["props"].get("id") for c in every(plain(validation_layout(profile)))}
    assert {path.strip("/") for path in SCREENS} <= ids
    assert {c["props"].get("id") for c in every(plain(app_layout()))} - {None} <= ids


def test_no_id_is_used_twice(profile: Profile) -> None:
    ids = [str(c["props"]["id"]) for c in every(plain(validation_layout(profile))) if "id" in c["props"]]
    assert sorted(ids) == sorted(set(ids))
