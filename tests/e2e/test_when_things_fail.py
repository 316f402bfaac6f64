"""A server dies, a source falls silent: the screens say so at once, and are right again by themselves."""

import os
import re
import signal

import pytest

from tests.e2e.stage import PATIENCE, THEN_S, Centre, Heart, now, write_profile
from tests.harness import Instance

LOST_S = 4.0 * PATIENCE
"""A page that hears nothing says so after three seconds; a test looks a moment later."""


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    """A centre with two sources, one of which promises to be heard of every second."""
    folder = tmp_path_factory.mktemp("centre")
    sources = {"s-110": ("incidents", 1), "s-12345": ("hotline", 3600), "s-fleet": ("positions", 3600)}
    profile = write_profile(folder / "profile.toml", sources)
    made = Centre(Instance(folder / "home", env={"MUSTER_PROFILE": str(profile)}).start())
    yield made
    made.close()
    made.muster.stop()


def test_a_source_that_falls_silent_turns_late_then_stale_and_rings_while_others_go_on(centre, open_browser):
    city = centre.city(open_browser)
    with Heart(city, "s-110") as police:
        city.post("/heartbeats", {"occurred_at": now()}, source="s-12345")
        wall, console = city.wall(), city.console()
        wall.wait(lambda: wall.source("s-110") == wall.source("s-12345") == "live", what="both sources to be live")

        police.hush()
        wall.wait(lambda: wall.source("s-110") == "late", 4, "the source to be late")
        wall.wait(lambda: wall.source("s-110") == "stale", 8, "the source to be stale")
        wall.wait(lambda: wall.row("alarms-rows", "来源 s-110 数据中断"), 4, "the alarm on the wall")
        console.wait(lambda: console.row("queue-rows", "来源 s-110 数据中断"), THEN_S, "the alarm on the console")
        assert wall.source("s-12345") == "live"
        assert wall.link() == "live"
        states = {"open": "stale", "awaiting": "live", "unacked": "live"}
        wall.wait(lambda: states.items() <= wall.states().items(), THEN_S, "the figures that hang on it, and no others")
        assert "来源 s-110" in wall.text("[data-tile='open'] .kpi-sub")

        police.speak()
        wall.wait(lambda: wall.source("s-110") == "live", 4, "the source to be live again")
        wall.wait(
            lambda: "已恢复" in wall.rows("alarms-rows").get("alarm:source_silent:source:s-110", ""),
            6,
            "the alarm to say so",
        )
        wall.wait(lambda: wall.states()["open"] == "live", 4, "the figure to be good again")
        console.tap("[data-key='alarm:source_silent:source:s-110']")
        console.press("a")
        wall.wait(
            lambda: "alarm:source_silent:source:s-110" not in wall.rows("alarms-rows"),
            THEN_S,
            "the alarm to leave once seen",
        )
    assert [found for page in city.pages for found in page.complaints()] == []


@pytest.mark.parametrize("fate", ["stopped", "killed"])
def test_a_server_that_is_gone_is_seen_on_every_screen_and_both_heal_without_a_reload(district, fate):
    for name in ("甲", "乙", "丙"):
        district.incident(f"{name}处起火")
    district.unit("巡逻一组")
    wall, console = district.wall(), district.console()
    for page in (wall, console):
        page.forgiven = "WebSocket connection|ERR_CONNECTION|Failed to load resource"
        page.js("window.neverReloaded = true")
    wall.wait(lambda: wall.counter("unacked") == "3" and wall.counter("available") == "1", what="the figures")
    before = {**wall.counters(), "rows": wall.rows("alarms-rows").keys()}

    web = district.muster.pid_of("web")
    os.kill(web, signal.SIGSTOP)
    try:
        for page in (wall, console):
            page.wait(lambda page=page: page.link() == "lost", LOST_S, "the page to notice")
            assert re.search(r"与服务器断开 00:0\d · 以下为 \d\d:\d\d:\d\d 的数据", page.part("link-banner"))
            assert page.shown("[data-part='link-banner']")
            assert "本机时间" in page.part("clock-note")
        wall.wait(wall.faded, what="the colours to go")
        assert {**wall.counters(), "rows": wall.rows("alarms-rows").keys()} == before
        assert console.js("return getComputedStyle(document.querySelector('.closing')).pointerEvents") == "none"
    finally:
        os.kill(web, signal.SIGKILL if fate == "killed" else signal.SIGCONT)

    for page in (wall, console):
        page.wait(lambda page=page: page.link() == "live", 30, "the page to be live again")
        assert not page.shown("[data-part='link-banner']")
    assert (district.muster.pid_of("web") == web) is (fate == "stopped")
    district.incident("丁处起火")
    wall.wait(
        lambda: wall.row("alarms-rows", "丁处起火") and wall.counter("unacked") == "4", THEN_S, "what happened since"
    )
    for page, view in ((wall, "wall"), (console, "console")):
        assert page.js("return window.neverReloaded") is True
        assert page.doubles() == []
        for kind in ("incident", "alarm", "unit", "order"):
            assert page.ids(kind) == sorted(district.picture(view)["cards"].get(kind, ()))
    assert len(wall.rows("alarms-rows")) == 4
    assert not wall.faded()
