"""The stage of the journeys: a centre, districts in it, and the people and pages of each.

A journey has a district to itself: its commanders, its wall and its units see nothing of another journey's.  People act as
they would (links, keys, touches) and sources speak through the API; only accounts are made directly, as no screen makes them.
"""

import contextlib
import itertools
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from dash.testing.browser import Browser
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from datasource.accounts import Accounts
from datasource.bootstrap import open_backend
from datasource.settings import load
from tests.harness import CHECKOUT, Instance, wait_for

# Seconds on a machine that has far more to do than it can say nothing about the product.
PATIENCE = max(1.0, os.getloadavg()[0] / (2 * (os.cpu_count() or 1)))
SOON_S = 2.0 * PATIENCE
"""What "at once" means to somebody who waits for it."""
THEN_S = 6.0 * PATIENCE
"""What follows from something, without anybody having promised when."""

ENTER, TAB = "\ue007", "\ue004"
DESKTOP, BIG = (1440, 900), (1920, 1080)

# Districts of the default profile with a place in each.
DISTRICTS = {
    "4401": (23.1290, 113.2640),
    "440104": (23.1290, 113.2640),
    "440106": (23.1250, 113.3610),
    "440112": (23.1060, 113.4590),
    "440111": (23.1570, 113.2730),
    "440105": (23.0840, 113.3170),
    "440113": (22.9380, 113.3840),
    "440103": (23.1260, 113.2440),
    "440118": (23.2610, 113.8110),
    "440114": (23.4040, 113.2200),
    "440117": (23.5480, 113.5860),
    "440115": (22.8010, 113.5250),
}

Open = Callable[..., Browser]
Answer = TypeVar("Answer")


def now() -> int:
    """Return the instant, in ms since 1970 UTC."""
    return int(time.time() * 1000)


def write_profile(
    path: Path, sources: dict[str, tuple[str, int]], *, parameters: dict[str, float] | None = None, more: str = ""
) -> Path:
    """Write the default profile with other sources, ``{id: (kind, cadence in s)}``, and parameters; returns ``path``."""
    text = (CHECKOUT / "dashboard" / "centres" / "default.toml").read_text(encoding="utf-8")
    head, *tables = re.split(r"(?m)^(?=\[)", text)
    values = ", ".join(f'"{name}" = {value:g}' for name, value in (parameters or {}).items())
    listed = "".join(
        f'[[sources]]\nid = "{id}"\nname = "来源 {id}"\nname_en = "Source {id}"\nkind = "{kind}"\ncadence_s = {cadence_s}\n'
        for id, (kind, cadence_s) in sources.items()
    )
    rest = "".join(table for table in tables if not table.startswith("[[sources]]"))
    path.write_text(f"{head}parameters = {{ {values} }}\n\n{listed}\n{rest}\n{more}\n", encoding="utf-8")
    return path


class Centre:
    """An instance whose districts are handed out one by one."""

    def __init__(self, muster: Instance) -> None:
        self.muster = muster
        self.backend = open_backend(load(muster.env))
        self.accounts = Accounts(self.backend.database, self.backend.clock)
        self._districts = (area for area in DISTRICTS if len(area) == 6)

    def district(self, open_browser: Open) -> "District":
        """Return a district nobody has used yet, whose people open their pages with ``open_browser``."""
        return District(self, next(self._districts), open_browser)

    def city(self, open_browser: Open) -> "District":
        """Return the whole city, which sees what happens to all."""
        return District(self, "4401", open_browser)

    def close(self) -> None:
        """Let go of the database."""
        self.backend.close()


class District:
    """Where one journey happens: people and sources whose scope it is."""

    def __init__(self, centre: Centre, area: str, open_browser: Open) -> None:
        self.centre = centre
        self.pages: list[Page] = []
        self.muster = centre.muster
        self.area = area
        self.lat, self.lon = DISTRICTS[area]
        self._open = open_browser
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._cookie = ""

    # --- people -------------------------------------------------------------------------

    def user(self, role: str, name: str) -> str:
        """Return the user name of a person of this district, who is made at the first time."""
        known = f"{role}-{self.area}-{msgspec.json.encode(name).hex()[2:10]}"
        self.centre.accounts.ensure_account(known, name, role, self.area)
        return known

    def link(self, role: str, name: str) -> str:
        """Return a sign-in link for a person of this district, to be used once."""
        return f"{self.muster.url}/go/{self.centre.accounts.one_time_link(self.user(role, name))}"

    def page(self, **how: Any) -> "Page":
        """Open a browser window for anybody; options are those of ``open_browser``."""
        return Page(self._open(self.muster, "", **how), self)

    def console(self, name: str = "李指挥", query: str = "") -> "Console":
        """Let a commander sign in and open the console."""
        page = Console(self._open(self.muster, "", size=DESKTOP), self)
        page.go(self.link("commander", name))
        page.go(f"/console{query}")
        page.is_live()
        return page

    def wall(self, query: str = "") -> "Wall":
        """Hang up the wall of this district."""
        page = Wall(self._open(self.muster, "", size=BIG), self)
        page.go(self.link("wall", "大屏"))
        page.go(f"/wall{query}")
        page.is_live()
        return page

    def phone(self, unit_id: str, link: str = "") -> "Phone":
        """Pair a telephone with a unit, by the link that somebody showed it."""
        token = "" if link else self.centre.accounts.pair_unit(unit_id, self.area, unit_id)
        page = Phone(self._open(self.muster, "", phone=True), self, unit_id)
        page.stand_at(self.lat + 0.006, self.lon)
        page.go(link or f"/pair/{token}")
        page.tap("form button")
        page.wait(lambda: page.path() == "/unit", 10, "the unit's page")
        return page

    # --- sources ------------------------------------------------------------------------

    def post(self, path: str, body: dict[str, Any], *, source: str = "s-110") -> dict[str, Any]:
        """Send a fact as a source of this district; it has to be accepted."""
        if source not in self._tokens:
            self._tokens[source] = self.centre.accounts.add_source_token(source, self.area)
        key = {"Idempotency-Key": f"{source}-{self.area}-{next(self._numbers)}"}
        until = time.monotonic() + 10
        while (said := self.muster.post(path, body, token=self._tokens[source], headers=key)).status == 503:
            assert time.monotonic() < until, said
            time.sleep(min(2.0, float(said.headers["retry-after"])))  # as it was asked to
        assert said.status == 202, said
        return dict(said.json())

    def report(self, title: str, *, severity: int = 1, category: str = "fire", **more: Any) -> None:
        """Report something, as the police call centre does."""
        where = {"area": self.area, "lat": self.lat, "lon": self.lon, "place_name": "解放路 18 号"}
        what = {"category": category, "severity": severity, "title": title, "occurred_at": now()}
        self.post("/reports", {**what, **where, **more})

    def incident(self, title: str, **more: Any) -> str:
        """Report something and return the id of the incident it has become."""
        self.report(title, **more)
        return self.card("incident", lambda one: one["title"] == title)["id"]

    def unit(
        self, name: str, *, north_m: float = 800, on_duty: bool = True, capabilities: tuple[str, ...] = ("fire",)
    ) -> str:
        """Register a unit that stands some metres north of where reports come from; returns its id."""
        unit_id = f"U-{self.area}-{next(self._numbers)}"
        lat = self.lat + north_m / 111_195
        master = {"unit_id": unit_id, "name": name, "kind": "patrol", "area": self.area, "capabilities": capabilities}
        self.post("/units", {"units": [{**master, "members": 4, "lat": lat, "lon": self.lon}]}, source="s-fleet")
        self.card("unit", lambda one: one["id"] == unit_id)
        if on_duty:
            self.post("/unit-status", {"unit_id": unit_id, "on_duty": True, "occurred_at": now()}, source="s-fleet")
            self.post("/positions", {"unit_id": unit_id, "lat": lat, "lon": self.lon, "at": now()}, source="s-fleet")
            self.card("unit", lambda one: one["id"] == unit_id and one["activity"] == "available")
            wait_for(lambda: self.is_somewhere(unit_id), what="the centre to know where the unit is")
        return unit_id

    # --- what is so -----------------------------------------------------------------------

    def picture(self, view: str = "console") -> dict[str, Any]:
        """Return the snapshot that a page of this district would get now."""
        if not self._cookie:
            said = self.muster.get(self.link("commander", "核对员").removeprefix(self.muster.url))
            self._cookie = said.headers["set-cookie"].partition(";")[0]
        said = self.muster.get(f"/snapshot?view={view}", headers={"Cookie": self._cookie})
        assert said.status == 200, said
        return dict(said.json())

    def cards(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the cards of a kind, by id."""
        return dict(self.picture()["cards"].get(kind) or {})

    def card(self, kind: str, question: Callable[[dict[str, Any]], Any], limit_s: float = 10.0) -> dict[str, Any]:
        """Wait for a card that answers the question, and return it."""
        return (
            wait_for(
                lambda: next((one for one in self.cards(kind).values() if question(one)), None),
                limit_s,
                what=f"a card: {kind}",
            )
            or {}
        )

    def is_somewhere(self, unit_id: str) -> bool:
        """Say whether the centre has a position of a unit."""
        with self.centre.backend.store.reading() as reader:
            return unit_id in reader.positions([unit_id])

    def history(self, subject: str) -> list[str]:
        """Return the kinds of all events about a subject (``order:…``), oldest first."""
        with self.centre.backend.store.reading() as reader:
            return [msgspec.to_builtins(r.event)["kind"] for r in reader.events(subject=subject)]


class Heart(threading.Thread):
    """A source that says every now and then that it is alive, until it is told to be silent."""

    def __init__(self, district: District, source: str, every_s: float = 0.4) -> None:
        super().__init__(name=f"heart of {source}", daemon=True)
        self._district, self._source, self._every_s = district, source, every_s
        self._beating, self._over = threading.Event(), threading.Event()
        self.speak()
        self.start()

    def run(self) -> None:
        """Beat; while the centre is away it is of no use."""
        while not self._over.wait(self._every_s):
            if self._beating.is_set():
                with contextlib.suppress(OSError):
                    self._district.post("/heartbeats", {"occurred_at": now()}, source=self._source)

    def speak(self) -> None:
        """Begin again."""
        self._beating.set()

    def hush(self) -> None:
        """Fall silent."""
        self._beating.clear()

    def __enter__(self) -> "Heart":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


class Page:
    """A browser window and somebody in front of it."""

    def __init__(self, browser: Browser, district: District) -> None:
        self.driver = browser.driver
        self.district = district
        self.forgiven = ""
        """What the browser may complain about on this page, as a regular expression."""
        district.pages.append(self)

    def go(self, address: str) -> None:
        """Go to a path of the centre, or to a link."""
        self.driver.get(address if address.startswith("http") else self.district.muster.url + address)

    def path(self) -> str:
        """Return the path of the page that is shown."""
        return str(self.js("return location.pathname"))

    def js(self, script: str, *arguments: Any) -> Any:
        """Ask the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, question: Callable[[], Answer], limit_s: float = 10.0, what: str = "") -> Answer:
        """Ask until the answer is true; a page that is just being drawn again is asked again."""

        def patiently() -> Answer | None:
            try:
                return question()
            except WebDriverException:
                return None

        return wait_for(patiently, limit_s, what=what)  # type: ignore[return-value]

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def tap(self, selector: str) -> None:
        """Press what is visible under a selector, as soon as it can be pressed."""

        def pressed() -> bool:
            found = next(
                n for n in self.driver.find_elements(By.CSS_SELECTOR, selector) if n.is_displayed() and n.is_enabled()
            )
            found.click()
            return True

        def once() -> bool:
            try:
                return pressed()
            except StopIteration:
                return False

        self.wait(once, what=f"{selector} to press")

    def tab_to(self, id: str, limit: int = 30) -> None:
        """Press the tabulator until a field has the focus."""
        for _ in range(limit):
            if self.js("return document.activeElement.id") == id:
                return
            self.press(TAB)
        raise AssertionError(f"{id} cannot be reached with the keyboard")

    def text(self, selector: str) -> str:
        """Return the text of the first element of a selector, or ''."""
        return str(
            self.js("const n = document.querySelector(arguments[0]); return n ? n.textContent.trim() : ''", selector)
        )

    def part(self, name: str) -> str:
        """Return the text of a part of the screen."""
        return self.text(f"[data-part='{name}']")

    def shown(self, selector: str) -> bool:
        """Say whether something under a selector can be seen."""
        return bool(
            self.js(
                "return [...document.querySelectorAll(arguments[0])].some((n) => n.checkVisibility() && n.getClientRects().length > 0)",
                selector,
            )
        )

    def lines(self, selector: str = "body") -> list[str]:
        """Return every piece of text that can be seen, and what is said to those who cannot see, each on its own."""
        return list(
            self.js(
                """
                const out = [], root = document.querySelector(arguments[0]);
                const seen = (n) => n.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
                const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
                while (walk.nextNode()) {
                  const {parentElement: p, textContent: t} = walk.currentNode;
                  if (t.trim() && !p.closest("script, style, template, noscript") && seen(p)) out.push(t.trim());
                }
                for (const n of root.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
                  for (const a of ["aria-label", "title", "placeholder", "alt"])
                    if (n.hasAttribute(a) && n.getAttribute(a).trim()) out.push(n.getAttribute(a).trim());
                out.push(document.title);
                return out;
                """,
                selector,
            )
        )

    def complaints(self) -> list[str]:
        """Return what the browser has found wrong since the last time (errors of scripts, failed requests)."""
        said = [str(line["message"]) for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [line for line in said if not (self.forgiven and re.search(self.forgiven, line))]


class Screen(Page):
    """A live screen."""

    def is_live(self, limit_s: float = 20.0) -> None:
        """Wait until it shows the picture and says that it is live."""
        self.wait(
            lambda: self.js("return Boolean(document.querySelector('[data-ready=true]'))") and self.link() == "live",
            limit_s,
            "a live screen",
        )

    def link(self) -> str:
        """Return what the page says of its connection: live, late, lost …"""
        return str(self.js("return document.documentElement.dataset.link || ''"))

    def rows(self, part: str) -> dict[str, str]:
        """Return the rows of a list: key → text."""
        return dict(
            self.js(
                """const out = {};
                for (const n of document.querySelectorAll(`[data-part='${arguments[0]}'] > [data-key]`))
                  out[n.dataset.key] = [...n.querySelectorAll('.row-text')].map((t) => t.textContent).join(' | ');
                return out;""",
                part,
            )
        )

    def row(self, part: str, words: str) -> str:
        """Return the key of the row that says something, or ''."""
        return next((key for key, text in self.rows(part).items() if words in text), "")

    def doubles(self) -> list[str]:
        """Return the keys of rows that a list of this page shows more than once."""
        return list(
            self.js(
                """const seen = new Set(), twice = [];
                for (const n of document.querySelectorAll("[data-part] > [data-key]")) {
                  const name = `${n.parentNode.dataset.part} ${n.dataset.key}`;
                  if (seen.has(name)) twice.push(name); else seen.add(name);
                }
                return twice;"""
            )
        )

    def faded(self) -> bool:
        """Say whether the colours have gone from everything that lives."""
        return bool(
            self.js(
                "return [...document.querySelectorAll('.fades')].every((n) => getComputedStyle(n).filter.includes('saturate'))"
            )
        )

    def ids(self, kind: str) -> list[str]:
        """Return the ids of the cards the page knows of a kind."""
        return sorted(self.js("return Object.keys(muster.store.cards[arguments[0]] || {})", kind))


class Wall(Screen):
    """The big screen."""

    def counter(self, tile: str) -> str:
        """Return the figure of a counter."""
        return self.text(f"[data-tile='{tile}'] .kpi-value")

    def counters(self) -> dict[str, str]:
        """Return the figures of all counters."""
        return dict(
            self.js(
                "return Object.fromEntries([...document.querySelectorAll('[data-tile]')]"
                ".map((n) => [n.dataset.tile, n.querySelector('.kpi-value').textContent]))"
            )
        )

    def states(self) -> dict[str, str]:
        """Return the age class of every counter."""
        tiles = "[...document.querySelectorAll('[data-tile]')]"
        return dict(self.js(f"return Object.fromEntries({tiles}.map((n) => [n.dataset.tile, n.dataset.state]))"))

    def source(self, id: str) -> str:
        """Return the age class of a source in the footer: live, late, stale, lost or unknown."""
        shown = str(
            self.js(
                "const n = document.querySelector(`[data-key='source:${arguments[0]}']`); return n ? n.className : ''",
                id,
            )
        )
        return shown.partition("foot-item foot-")[2]


class Console(Screen):
    """The dispatch console and its commander."""

    def chosen(self) -> str:
        """Return the incident that is selected."""
        return str(self.js("const s = muster.selected(); return s && s.kind === 'incident' ? s.id : ''"))

    def choose(self, incident: str) -> None:
        """Click the row of an incident in the queue."""
        self.tap(f"[data-part='queue-rows'] > [data-key$='{incident}']")
        self.wait(lambda: self.chosen() == incident, what="the incident to be selected")

    def candidates(self) -> list[str]:
        """Return the units that are recommended for the selected incident, best first."""
        return list(
            self.js(
                "const i = muster.selected(); return [...document.querySelectorAll('[data-part=recommended] [data-unit]')]"
                ".filter((n) => i && n.dataset.incident === i.id).map((n) => n.dataset.unit)"
            )
        )

    def aims_at(self) -> str:
        """Return the recommended unit that has the focus, or ''."""
        return str(self.js("return document.activeElement.dataset.unit || ''"))

    def send(self, unit_id: str) -> str:
        """Send the selected incident's order to the unit that is recommended first, with D and Enter; returns the order's id."""
        before = set(self.district.cards("order"))
        self.wait(lambda: self.candidates()[:1] == [unit_id], 15, f"{unit_id} to be recommended")
        self.press("d")
        self.wait(lambda: self.aims_at() == unit_id, what="the focus on the unit")
        self.press(ENTER)
        return str(self.district.card("order", lambda one: one["unit"] == unit_id and one["id"] not in before)["id"])

    def steps(self, order: str) -> str:
        """Return the line of steps of an order, with their times."""
        return self.text(f"[data-part='order-rows'] > [data-key='order:{order}'] > .row-sub .row-text")

    def toast(self) -> str:
        """Return what the console says of the last command, while it says it."""
        return self.text("[data-part='toast'] .toast-text") if self.shown("[data-part='toast']") else ""


class Phone(Page):
    """The telephone of a unit leader."""

    def __init__(self, browser: Browser, district: District, unit_id: str) -> None:
        super().__init__(browser, district)
        self.unit_id = unit_id
        self._cdp("Page.addScriptToEvaluateOnNewDocument", source=_LISTEN)

    def _cdp(self, command: str, **given: Any) -> None:
        self.driver.execute_cdp_cmd(command, given)

    def stand_at(self, lat: float, lon: float) -> None:
        """Be somewhere, and let pages know where."""
        self._cdp("Browser.grantPermissions", origin=self.district.muster.url, permissions=["geolocation"])
        self._cdp("Emulation.setGeolocationOverride", latitude=lat, longitude=lon, accuracy=8)

    def cut(self, off: bool = True) -> None:
        """Lose the connection, or find it again."""
        self._cdp("Network.enable")
        rates = {"downloadThroughput": -1, "uploadThroughput": -1}
        self._cdp("Network.emulateNetworkConditions", offline=off, latency=0, **rates)

    def start_duty(self) -> None:
        """Begin the duty, and wait until the centre knows where the unit is."""
        self.tap("#duty")
        self.wait(lambda: "位置" in self.text("#link"), what="the phone's own position")
        self.district.card("unit", lambda one: one["id"] == self.unit_id and one["activity"] == "available")
        self.wait(lambda: self.district.is_somewhere(self.unit_id), what="the centre to know where the unit is")

    def rings(self) -> int:
        """Return how often the phone has rung since the page was opened."""
        return int(self.js("return window.rung || 0"))

    def step(self) -> str:
        """Return the step the phone shows as the current one, or ''."""
        return self.text("#steps [aria-current=step]") if self.shown("#task") else ""

    def slide(self) -> None:
        """Drag the slider to its end with a finger."""
        box = self.js(
            "const b = document.getElementById('slide-input').getBoundingClientRect(); return [b.left, b.right, b.top + b.height / 2]"
        )
        left, right, y = box
        for number, x in enumerate((left + 20, *(left + (right - left) * part / 5 for part in range(1, 5)), right - 2)):
            kind = "touchMove" if number else "touchStart"
            self._cdp("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self._cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


# A phone in a test has nobody to hear it: what it plays is counted instead.
_LISTEN = """
window.rung = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { window.rung++; return start.apply(this, when); };
"""
