"""The screens themselves: who may see them, in which language they speak, what they fetch and from where."""

import re

from dashboard.i18n import catalogue
from tests.e2e.stage import now
from tests.harness import wait_for

LIMIT_BYTES = 1_200_000
CJK = re.compile(r"[\u3400-\u9fff]")
KEY = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")
BROKEN = re.compile(r"\b(undefined|NaN|null|None)\b|\[object|\{\w+\}")
LANGUAGES_BY_NAME = {"中文", "English"}  # a language is called by its own name
PAGE = {"Accept": "text/html"}


def test_a_language_is_changed_in_the_address_and_the_view_stays(district):
    incident, phone = furnish(district)
    wall, console = district.wall(), district.console(name="Li Ming", query=f"?inc={incident}")
    console.wait(lambda: console.candidates(), what="the recommendation")
    wall.go("/wall?preset=3")
    for lang in ("zh-CN", "en", "zh-CN"):
        console.go(f"/console?inc={incident}&lang={lang}")
        wall.go(f"/wall?preset=3&lang={lang}")
        phone.go(f"/unit?lang={lang}")
        for page in (console, wall):
            page.is_live()
            assert page.js("return document.documentElement.lang") == lang
        assert console.chosen() == incident, "what was selected stays selected"
        assert f"inc={incident}" in console.js("return location.search")
        assert wall.js("return document.querySelector('.wall-grid').dataset.preset") == "3"
        console.wait(
            lambda: console.candidates() and console.shown("#console-timeline li"), what="recommendation and timeline"
        )
        phone.wait(lambda: phone.shown("#task"), what="the task on the phone")
        console.press("r")
        for page in (console, wall, phone):
            reads_well(page, lang)
        console.press("\ue00c")
    # The choice is remembered without being in the address.
    console.go("/console?lang=en")
    console.go("/console")
    console.is_live()
    assert console.js("return document.documentElement.lang") == "en"


def test_the_plain_pages_speak_both_languages(district):
    page = district.page()
    for lang in ("zh-CN", "en"):
        page.go(f"/sign-in?lang={lang}")
        reads_well(page, lang)
    page.go(district.link("commander", "Li Ming"))
    for lang in ("zh-CN", "en"):
        page.go(f"/?lang={lang}")
        reads_well(page, lang)
        page.forgiven = "status of 4"
        for path in ("/nothing", "/go/spent", "/lead"):
            page.go(path)
            reads_well(page, lang)


def test_everybody_gets_the_screens_of_their_role_and_no_others(district):
    muster = district.muster
    stranger = district.page()
    stranger.go("/wall?preset=2")
    stranger.wait(lambda: stranger.path() == "/sign-in", what="the sign-in page")
    assert "next=%2Fwall%3Fpreset%3D2" in stranger.js("return location.search")

    link = district.link("wall", "大屏")
    stranger.go(link)
    stranger.wait(lambda: stranger.path() == "/wall", what="the one screen of a wall")
    stranger.forgiven = "status of 4(03|04|10)"
    stranger.go("/console")
    shown = " ".join(stranger.lines())
    assert "403" in shown
    for role in ("值班员", "指挥员", "管理员"):
        assert role in shown
    for path in ("/nothing", "/console/x", "/assets/nothing.js"):
        stranger.go(path)
        assert "404" in stranger.driver.page_source or "地址不存在" in stranger.driver.page_source

    again = district.page(lang="en")
    again.forgiven = "status of 410"
    again.go(link)
    assert "spent" in " ".join(again.lines())
    again.go("/wall")
    again.wait(lambda: again.path() == "/sign-in", what="the sign-in page")
    token = link.removeprefix(muster.url)
    assert muster.get(token, headers=PAGE).status == 410
    assert muster.get("/wall", headers=PAGE).status == 303
    for path in ("/nothing", "/console/x", "/docs", "/redoc", "/assets/nothing.js"):
        assert muster.get(path, headers=PAGE).status == 404, path

    stranger.driver.delete_all_cookies()
    stranger.go("/wall")
    stranger.wait(lambda: stranger.path() == "/sign-in", what="the sign-in page for whoever has no session")


def test_no_screen_asks_anybody_outside_and_the_two_that_hang_on_thin_lines_are_small(
    district, record_property, capsys
):
    furnish(district)
    unit = district.unit("Unit 9")
    pages = {
        "/sign-in": district.page(),
        "/": district.page(),
        "/wall": district.wall(),
        "/console": district.console(),
        "/unit": district.phone(unit),
    }
    pages["/sign-in"].go("/sign-in")
    pages["/"].go(district.link("commander", "Li Ming"))
    addresses = {name for page in pages.values() for name in fetched(page)}
    compressed(district.muster, addresses)
    figures = {}
    for path, page in pages.items():
        page.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        page.js("performance.setResourceTimingBufferSize(2000)")
        page.go(path)
        if path in ("/wall", "/console"):
            page.is_live()
            page.wait(lambda page=page: page.shown(".leaflet-container"), what="the map")
        found = fetched(page)
        foreign = [name for name in found if not name.startswith((district.muster.url, "data:", "blob:"))]
        assert foreign == [], path
        figures[path] = sum(size for name, size in found.items() if ".woff2" not in name)
        with capsys.disabled():
            print(
                f"\n{path}: {len(found)} requests, {figures[path]:,} bytes without fonts, {sum(found.values()):,} in all",
                end="",
            )
    for path in ("/wall", "/unit"):
        record_property(f"bytes {path}", figures[path])
        assert 5_000 < figures[path] <= LIMIT_BYTES, path


def furnish(district):
    """Let something of everything happen, in data that is the same in both languages; returns an incident and a phone."""
    unit = district.unit("Unit 7", on_duty=False)
    district.unit("Unit 8", north_m=2500)
    phone = district.phone(unit)
    phone.start_duty()
    camera = f"C-{district.area}"
    english = {"place_name": "18 Jiefang Rd"}
    incident = district.incident("Warehouse fire", severity=2, **english)
    district.incident("Burst pipe", category="flood", severity=3, **english)
    district.post(
        "/cameras", {"cameras": [{"camera_id": camera, "name": "Cam 1", "area": district.area}]}, source="s-camera"
    )
    district.post(
        "/camera-alerts",
        {"camera_id": camera, "rule": "smoke", "occurred_at": now(), "confidence": 0.9},
        source="s-camera",
    )
    overdue = {"title": "Wages", "category": "labour", "area": district.area, "accepted_at": now() - 90 * 86_400_000}
    district.post("/disputes", overdue, source="s-ledger")
    console = district.console(name="Li Ming", query="?lang=en")
    console.choose(incident)
    console.send(unit)
    phone.wait(lambda: phone.shown("#task"), what="the order on the phone")
    district.card("alarm", lambda one: one["rule"] == "order_unanswered", 8)
    district.card("camera_alert", lambda one: one["rule"] == "smoke")
    district.card("dispute", lambda one: one["card"] == "red")
    return incident, phone


def reads_well(page, lang):
    """Look for what a reader should never meet: left-over keys, holes, and Chinese where English was asked for."""
    lines = page.wait(page.lines, what="something to read")
    assert len(lines) > 3
    other, own = (catalogue(code) for code in (("en", "zh-CN") if lang == "zh-CN" else ("zh-CN", "en")))
    foreign = {text for key, text in other.items() if text != own[key] and len(text) > 3} - set(own.values())
    wrong = [line for line in lines if line in foreign and line not in LANGUAGES_BY_NAME]
    wrong += [line for line in lines if KEY.fullmatch(line) or BROKEN.search(line)]
    if lang == "en":
        wrong += [line for line in lines if CJK.search(line) and line not in LANGUAGES_BY_NAME]
    assert wrong == [], f"{page.path()} in {lang}"


def fetched(page):
    """Return what the page has fetched since it was opened, itself included: address → bytes over the wire."""
    page.wait(lambda: page.js("return document.readyState") == "complete", what="the page to be complete")
    return dict(
        page.js(
            "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".map((e) => [e.name, e.transferSize])"
        )
    )


def compressed(muster, addresses):
    """Wait until the server has packed its scripts and styles, which it does in the background after its start."""
    files = [
        a.removeprefix(muster.url) for a in addresses if re.search(r"/(assets|_dash-component-suites)/.*\.(js|css)", a)
    ]
    assert files
    packed = {"Accept-Encoding": "gzip", "Cookie": ""}
    wait_for(
        lambda: all(
            "content-encoding" in muster.get(f, headers=packed).headers for f in files if f.startswith("/assets/")
        ),
        60,
        what="packed files",
    )
