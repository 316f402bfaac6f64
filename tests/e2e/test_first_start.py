"""The first minutes of a new user: the link, the screens, the languages, and that nothing leaves the machine."""

import json

import pytest

from tests.harness import Instance, wait_for


@pytest.fixture(scope="module")
def muster(tmp_path_factory):
    """A demonstration, small enough for a test."""
    instance = Instance(tmp_path_factory.mktemp("demo"), demo=True, env={"MUSTER_CITY_SCALE": "0.05"}).start()
    yield instance
    instance.stop()


def test_the_printed_link_opens_the_centre_once(muster, open_browser):
    link = next(word for word in muster.output().split() if "/go/" in word)
    browser = open_browser(muster, "")
    browser.driver.get(link)
    assert browser.driver.current_url.startswith(muster.url)
    assert "/sign-in" not in browser.driver.current_url
    assert muster.get(link.removeprefix(muster.url)).status == 410, "a link works once"


def test_the_wall_fills_with_the_simulated_city_and_asks_nobody_outside(muster, open_browser):
    browser = open_browser(muster, "/wall", role="wall", size=(1920, 1080), limit_s=40)
    browser.wait_for_element(".leaflet-container")
    browser.driver.execute_cdp_cmd("Network.enable", {})
    wait_for(lambda: unit_count(browser) > 0, 40, what="units on the wall")
    asked = browser.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert asked
    foreign = [address for address in asked if not address.startswith((muster.url, "data:", "blob:"))]
    assert foreign == []
    severe = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert severe == []


def test_a_stranger_is_sent_to_the_door_and_unknown_addresses_do_not_exist(muster):
    page = {"Accept": "text/html"}
    assert muster.get("/wall", headers=page).status == 303
    assert muster.get("/wall", headers=page).headers["location"].startswith("/sign-in")
    for path in (
        "/nothing",
        "/docs",
        "/openapi.json",
        "/redoc",
        "/_favicon",
        "/assets/../app.py",
        "/assets/nothing.js",
    ):
        assert muster.get(path, headers=page).status == 404, path
    assert muster.get("/_dash-component-suites/os/path.py").status == 401


def test_scripts_come_compressed_and_are_kept_by_the_browser(muster):
    wait_for(
        lambda: "content-encoding" in muster.get("/assets/js/live.js", headers={"Accept-Encoding": "gzip"}).headers, 60
    )
    first = muster.get("/assets/js/live.js?m=1", headers={"Accept-Encoding": "gzip"})
    assert "immutable" in first.headers["cache-control"]
    again = muster.get(
        "/assets/js/live.js?m=1", headers={"Accept-Encoding": "gzip", "If-None-Match": first.headers["etag"]}
    )
    assert (again.status, again.body) == (304, b"")


def test_readiness_names_every_process(muster):
    said = muster.ready()
    assert said["ready"], json.dumps(said)
    assert {"ingest", "track", "relay", "watch", "gateway", "deliver-terminal"} <= said["processes"].keys()
    assert muster.get("/healthz").status == 200


def unit_count(browser):
    """Return how many units the page knows."""
    return browser.driver.execute_script(
        "const s = window.muster && muster.store; const c = s && (s.cards || (s.state && s.state.cards)); return c && c.unit ? Object.keys(c.unit).length : 0"
    )
