"""How the screens look: what can be measured of it. Nothing scrolls, overlaps, is too small, too pale or half cut off."""

from pathlib import Path

from tests.e2e.stage import now

AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
WALLS = ((1920, 1080), (3840, 1080), (3840, 2160), (1366, 768))
PANELS = ".wall-grid > *, .kpi, .bar-side > *, .bar-title"
LONG = "道路积水致多车抛锚,需要拖离并疏导交通,请附近单位协助"


def resize(page, width, height):
    """Give the page another size, as another screen would."""
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    page.js("dispatchEvent(new Event('resize'))")
    page.wait(lambda: page.js("return innerWidth") == width, what="the new size")


def theme(page, name):
    """Switch to dark or light."""
    page.js("document.documentElement.setAttribute('data-mantine-color-scheme', arguments[0])", name)


def settled(page):
    """Let the page draw what has changed."""
    page.driver.execute_async_script("const done = arguments[0]; setTimeout(() => requestAnimationFrame(done), 350)")


def flaws(page, floor):
    """Return what the audit finds, as a dictionary without what is in order."""
    found = page.js(AUDIT, floor)
    assert found.pop("texts") > 4, "an empty page is no proof"
    found["scroll"] = max(found["scroll"]) > 0 and found["scroll"]
    return {name: what for name, what in found.items() if what}


def rem(page):
    """Return the size of the root's type in px."""
    return page.js("return parseFloat(getComputedStyle(document.documentElement).fontSize)")


def furnish(district):
    """Let enough happen that every list of the wall is full; returns a unit's id and an incident."""
    units = [district.unit(name, north_m=300 * n) for n, name in enumerate(("应急一组", "应急二组", "应急三组"), 1)]
    incident = district.incident("仓库起火", severity=1)
    for number in range(12):
        district.report(f"{LONG} {number}", severity=2 + number % 3, lat=district.lat + number / 2000)
    camera = f"C-{district.area}"
    district.post(
        "/cameras", {"cameras": [{"camera_id": camera, "name": "路口球机", "area": district.area}]}, source="s-camera"
    )
    for rule in ("smoke", "crowd", "water"):
        alert = {"camera_id": camera, "rule": rule, "occurred_at": now(), "confidence": 0.9}
        district.post("/camera-alerts", alert, source="s-camera")
    for number in range(4):
        case = {"title": f"欠薪 {number}", "category": "labour", "area": district.area}
        district.post("/disputes", {**case, "accepted_at": now() - 90 * 86_400_000}, source="s-ledger")
    return units[0], incident


def test_the_wall_fits_every_screen_and_everything_on_it_can_be_read(district):
    furnish(district)
    wall = district.wall()
    wall.wait(lambda: len(wall.rows("alarms-rows")) > 5, what="a full list of alarms")
    wall.wait(lambda: wall.js("return document.querySelector('.wall-grid').dataset.ground || ''"), what="the ground")
    for width, height in WALLS:
        resize(wall, width, height)
        for name in ("light", "dark") if (width, height) == WALLS[0] else ("dark",):
            theme(wall, name)
            settled(wall)
            assert flaws(wall, rem(wall)) == {}, f"{width}x{height} {name}"
        assert halves(wall) == [], f"{width}x{height}"
        assert overlaps(wall) == [], f"{width}x{height}"
    assert wall.text("[data-part='alarms-more']").startswith("+"), "what does not fit is counted"

    # A bigger scale shows less, and nothing over another.
    for scale in (1.5, 1.8):
        wall.go(f"/wall?scale={scale}")
        wall.is_live()
        wall.wait(lambda: len(wall.rows("alarms-rows")) > 1, what="alarms")
        for width, height in ((1920, 1080), (3840, 1080)):
            resize(wall, width, height)
            settled(wall)
            assert flaws(wall, rem(wall)) == {}, f"{width}x{height} at {scale}"
            assert overlaps(wall) == [], f"{width}x{height} at {scale}"
            assert halves(wall) == [], f"{width}x{height} at {scale}"


def test_no_ring_flashes_where_motion_is_not_wanted(district):
    district.report("仓库起火", severity=1)
    wall = district.wall()
    wall.wait(lambda: wall.shown(".row .ring"), what="a ring")
    running = "return document.getAnimations().filter((a) => a.animationName === 'muster-ring').length"
    assert wall.js(running) > 0
    wall.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    settled(wall)
    assert wall.js(running) == 0
    assert wall.shown(".row .ring"), "the ring stands still"


def test_the_console_can_be_read_and_walked_with_the_keyboard(district):
    unit, incident = furnish(district)
    console = district.console(query=f"?inc={incident}")
    console.wait(lambda: console.chosen() == incident, what="the incident of the address")
    console.send(unit)
    console.wait(lambda: console.rows("order-rows"), what="the order")
    for name in ("dark", "light"):
        theme(console, name)
        settled(console)
        assert flaws(console, 14) == {}, name
        console.press("r")
        console.wait(lambda: console.shown("[data-part='report']"), what="the form")
        assert flaws(console, 14) == {}, f"{name}, the form"
        console.press("\ue00c")
    for width, height in ((1920, 1080), (2560, 1440)):
        resize(console, width, height)
        settled(console)
        assert flaws(console, 14) == {}, f"{width}x{height}"

    stops = [focus(console, "\ue004") for _ in range(30)]
    assert [one["what"] for one in stops if not one["ring"]] == [], "the focus can always be seen"
    names = [one["what"] for one in stops]
    for wanted in ("report-open", "new", "note", "console-send", "console-close"):
        assert any(wanted in name for name in names), f"{wanted}: {names}"
    assert sum("incident_untaken" in name for name in names) <= 2, "a list is one stop"

    console.js("document.querySelector(\"[data-part='queue-rows'] > *\").focus()")
    first = console.js("return document.activeElement.dataset.key")
    console.press("\ue015")
    assert console.js("return document.activeElement.dataset.key") != first, "arrows go through the list"
    assert console.js("return document.activeElement.getAttribute('aria-selected')") == "true"

    console.press("?")
    console.wait(lambda: console.shown("#key-sheet"), what="the sheet of keys")
    sheet = console.text("#key-sheet")
    for words in ("接报登记", "写备注", "前往大屏"):
        assert words in sheet
    assert flaws(console, 14) == {}, "the sheet"
    console.press("\ue00c")
    console.tap("#console-note")
    console.press("a", "d", "r", "?", "j")
    assert console.js("return document.getElementById('console-note').value") == "adr?j", (
        "letters are only letters there"
    )
    assert not console.shown("[data-part='report']")


def test_a_task_fits_the_phone_and_the_next_step_is_the_biggest_button(district):
    unit = district.unit("应急七组", on_duty=False)
    phone = district.phone(unit)
    assert fits(phone) == {}, "off duty"
    phone.start_duty()
    assert fits(phone) == {}, "standing by"
    incident = district.incident(LONG, severity=1, place_name="开创大道与科学大道交叉口西南角辅道下穿隧道入口处")
    console = district.console()
    console.choose(incident)
    console.send(unit)
    phone.wait(lambda: phone.shown("#task"), what="the order")
    for step in ("new", "accepted", "en route"):
        assert fits(phone) == {}, step
        assert height(phone, "#next") >= 72
        assert min(height(phone, "#navigate"), height(phone, "#decline")) >= 56
        was = phone.step()
        phone.tap("#next")
        phone.wait(lambda was=was: phone.step() != was, what="the next step")
    phone.wait(lambda: phone.shown("#slide"), what="the slider")
    assert fits(phone) == {}, "on scene"
    assert height(phone, "#slide") >= 72
    assert not phone.shown("#decline"), "who is there does not decline any more"
    phone.forgiven = "ERR_INTERNET_DISCONNECTED"
    phone.cut()
    phone.wait(lambda: "离线" in phone.text("#link"), what="the phone to notice")
    assert fits(phone) == {}, "without a line"
    assert phone.text("#unit-name") == "应急七组"
    assert phone.js("const n = document.getElementById('unit-name'); return n.scrollWidth <= n.clientWidth"), (
        "its whole name"
    )


# --- measures ---------------------------------------------------------------------------


def fits(phone):
    """Return what is wrong with a phone's page in both themes; the page never scrolls."""
    wrong = {}
    for name in ("light", "dark"):
        theme(phone, name)
        wrong |= {f"{name} {what}": said for what, said in flaws(phone, 16).items()}
    return wrong


def height(page, selector):
    """Return the height of an element in px."""
    return page.js("return document.querySelector(arguments[0]).getBoundingClientRect().height", selector)


def overlaps(wall):
    """Return the pairs of panels, tiles and parts of the title bar that lie over one another."""
    return wall.js(
        """const all = [...document.querySelectorAll(arguments[0])].filter((n) => {
             const b = n.getBoundingClientRect(), p = n.parentElement.getBoundingClientRect();
             return n.checkVisibility() && b.width && b.bottom <= p.bottom + 1;  // what has dropped off is cut off
           });
           const out = [];
           all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
             if (a.contains(b) || b.contains(a)) return;
             const x = a.getBoundingClientRect(), y = b.getBoundingClientRect();
             if (Math.min(x.right, y.right) - Math.max(x.left, y.left) > 1 && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 1)
               out.push(`${a.className} over ${b.className}`);
           }));
           return out;""",
        PANELS,
    )


def halves(wall):
    """Return the rows that are only partly within their list."""
    return wall.js(
        """return [...document.querySelectorAll('.rows')].filter((n) => n.checkVisibility()).flatMap((list) => {
             const l = list.getBoundingClientRect();
             return [...list.children].filter((n) => n.getBoundingClientRect().bottom > l.bottom + 1).map((n) => n.dataset.key);
           });"""
    )


def focus(page, key):
    """Press a key and return what has the focus then, and whether that can be seen."""
    page.press(key)
    return page.js(
        """const n = document.activeElement, seen = (e) => e && getComputedStyle(e).outlineStyle !== 'none' && parseFloat(getComputedStyle(e).outlineWidth) >= 2;
           const mark = n.querySelector('.map-mark'), ring = mark && getComputedStyle(mark, '::after').borderTopStyle !== 'none';
           return {what: [n.id, n.dataset.part, n.dataset.tab, n.dataset.key, n.className, n.tagName, n.name].filter(Boolean).join(' '),
                   ring: n === document.body || Boolean(seen(n) || seen(n.closest('label')) || seen(n.parentElement) || ring)};"""
    )
