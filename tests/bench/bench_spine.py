"""The figures of the spine, measured on a whole instance with a real browser.

    python -m tests.bench.bench_spine [visible] [orders] [phone] [positions] [flood] [memory]

Each part prints one line with medians and percentiles, and what was asked for beside it.  Everything runs on loopback.
CPU and memory are those of every process of the instance together, from ``/proc``.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.e2e.conftest import ARGUMENTS, chrome
from tests.harness import Instance, wait_for

HUANGPU = {"area": "440112", "lat": 23.1065, "lon": 113.4592}
TICKS = os.sysconf("SC_CLK_TCK")

WATCH = """
window.__seen = {};
window.__want = new Set();
new MutationObserver(() => {
  if (!window.__want.size) return;
  const text = document.body.textContent;  // innerText would lay the page out at every change
  for (const word of [...window.__want]) if (text.includes(word)) {
    window.__want.delete(word);
    requestAnimationFrame(() => { window.__seen[word] = Date.now(); });
  }
}).observe(document.body, {childList: true, subtree: true, characterData: true});
"""


def percentile(values: list[float], p: float) -> float:
    """Return the p-th percentile (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]


def line(name: str, values: list[float], target: str) -> None:
    """Print one figure."""
    figures = " ".join(f"p{p} {percentile(values, p):.0f}" for p in (95, 99))
    print(f"{name:<58} n {len(values):<5} p50 {median(values):.0f} {figures} ms   asked: {target}", flush=True)


class Caller:
    """One kept connection to the instance, as a source (token) or a person (cookie)."""

    def __init__(self, instance: Instance, *, token: str = "", cookie: str = "") -> None:
        self.url = instance.url
        self.connection = HTTPConnection("127.0.0.1", instance.port, timeout=30)
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        if cookie:
            self.headers |= {"Cookie": cookie, "Origin": instance.url}

    def __call__(self, path: str, body: Any) -> Any:
        """POST JSON; raises AssertionError for anything but 2xx."""
        raw = msgspec.json.encode(body)
        self.connection.request("POST", f"/api/v1{path}", raw, self.headers)
        answer = self.connection.getresponse()
        said = answer.read()
        assert 200 <= answer.status < 300, f"{path}: {answer.status} {said[:300]!r}"
        return json.loads(said)


def person(instance: Instance, role: str = "commander") -> Caller:
    """Sign in as a person and return what calls with their cookie."""
    there = instance.link(role=role).removeprefix(instance.url)
    reply = instance.get(there)
    return Caller(instance, cookie=reply.headers["set-cookie"].split(";")[0])


def browser(size: tuple[int, int] = (1920, 1080)) -> Chrome:
    """Open a headless Chromium."""
    options = Options()
    options.binary_location = chrome()
    for argument in (*ARGUMENTS, f"--window-size={size[0]},{size[1]}", f"--user-data-dir={tempfile.mkdtemp()}"):
        options.add_argument(argument)
    return Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def seen(driver: Chrome, word: str, limit_s: float = 10) -> float:
    """Return the page's instant (ms) at which ``word`` was painted."""
    return float(
        wait_for(
            lambda: driver.execute_script("return window.__seen[arguments[0]]", word), limit_s, what=f"{word} visible"
        )
    )


def cpu_s(instance: Instance) -> float:
    """Return the CPU seconds that all processes of the instance have used so far."""
    total = 0
    for pid in instance.processes():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def with_instance(measure: Callable[[Instance], None], **options: Any) -> None:
    """Start an instance, measure, stop it."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "home", **options).start()
        try:
            measure(instance)
        finally:
            instance.stop()


def units(instance: Instance, n: int) -> tuple[Caller, list[str]]:
    """Register n units on duty and return the source that speaks for them."""
    fleet = Caller(instance, token=instance.token("s-fleet"))
    names = [f"B{i:05d}" for i in range(n)]
    for at in range(0, n, 1000):
        part = names[at : at + 1000]
        fleet("/units", {"units": [{"unit_id": u, "name": u, "kind": "fire", "area": "440112"} for u in part]})
    wait_for(lambda: _known(fleet, names[-1]), 60, what="units registered")
    now = int(time.time() * 1000)
    for at in range(0, n, 1000):
        items = [
            {"unit_id": u, "on_duty": True, "occurred_at": now, "event_id": f"d{u}"} for u in names[at : at + 1000]
        ]
        fleet("/unit-status", {"items": items})
    return fleet, names


def _known(fleet: Caller, unit: str) -> bool:
    try:
        fleet("/positions", {"unit_id": unit, "lat": 23.1, "lon": 113.4, "at": int(time.time() * 1000)})
    except AssertionError:
        return False
    return True


# --- the parts -----------------------------------------------------------------------------------------


def visible(reports: int = 60) -> None:
    """Change accepted → painted on the wall, with the demo at scale 1 and 200 positions a second."""

    def measure(instance: Instance) -> None:
        time.sleep(20)  # the city has registered and the first wave is over
        police = Caller(instance, token=instance.token("s-110"))
        driver = browser()
        try:
            driver.get(instance.link(role="wall"))
            driver.get(f"{instance.url}/wall")
            wait_for(lambda: driver.execute_script("return document.querySelector('[data-ready]') !== null"), 30)
            driver.execute_script(WATCH)
            took = []
            for n in range(reports):
                title = f"火情试验{n:04d}"
                driver.execute_script("window.__want.add(arguments[0])", title)
                now = int(time.time() * 1000)
                body = {
                    "category": "fire",
                    "severity": 1,
                    "title": title,
                    "occurred_at": now,
                    "external_ref": f"b{n}",
                    **HUANGPU,
                }
                police("/reports", body)
                accepted = time.time() * 1000
                took.append(seen(driver, title) - accepted)
                police("/reports", body | {"closed": True, "event_id": f"c{n}"})
                time.sleep(0.3)
            line("report accepted → painted on /wall, scale 1, 200 fixes/s", took, "p95 ≤ 200")
        finally:
            driver.quit()

    with_instance(measure, demo=True, env={"MUSTER_CITY_POSITION_RATE": "200", "MUSTER_CITY_DUTY": "0"})


def _incident(police: Caller, desk: Caller, n: int) -> str:
    now = int(time.time() * 1000)
    body = {"category": "fire", "title": f"火情{n}", "occurred_at": now, "event_id": f"o{n}", **HUANGPU}
    police("/reports", body)
    return str(desk("/commands/OpenIncident", {"category": "fire", "severity": 1, "title": f"派单{n}", "area": "440112",
                                               "place": {"lat": 23.1065, "lon": 113.4592}})["id"])  # fmt: skip


def orders(n: int = 200) -> None:
    """An order answered to the commander while every channel is unreachable (the gateway is frozen)."""
    import signal

    def measure(instance: Instance) -> None:
        _, names = units(instance, n)
        police, desk = Caller(instance, token=instance.token("s-110")), person(instance)
        incident = _incident(police, desk, 0)
        gateway = instance.pid_of("gateway")
        os.kill(gateway, signal.SIGSTOP)
        try:
            took = []
            for unit in names:
                start = time.perf_counter()
                desk("/commands/SendOrder", {"incident_id": incident, "unit_id": unit, "text": "立即赶赴现场"})
                took.append((time.perf_counter() - start) * 1000)
                time.sleep(0.05)
        finally:
            os.kill(gateway, signal.SIGCONT)
        line("order answered, every channel unreachable", took, "p99 ≤ 100")

    with_instance(measure)


def phone(n: int = 40) -> None:
    """Order accepted → painted on the phone page."""

    def measure(instance: Instance) -> None:
        _, names = units(instance, 1)
        police, desk = Caller(instance, token=instance.token("s-110")), person(instance)
        link = next(w for w in instance.muster("pair", names[0]).split() if w.startswith("http"))
        driver = browser((390, 844))
        try:
            driver.get(link)
            driver.find_element("css selector", "button").click()
            wait_for(lambda: driver.execute_script("return document.querySelector('#link')?.dataset.state") == "on", 20)
            driver.execute_script(WATCH)
            took = []
            for i in range(n):
                incident = _incident(police, desk, i)
                word = f"派单{i}"
                driver.execute_script("window.__want.add(arguments[0])", word)
                order = desk(
                    "/commands/SendOrder", {"incident_id": incident, "unit_id": names[0], "text": "立即赶赴现场"}
                )
                accepted = time.time() * 1000
                took.append(seen(driver, word) - accepted)
                desk("/commands/CancelOrder", {"order_id": order["id"]})
                wait_for(lambda: "hidden" in (driver.find_element("id", "task").get_attribute("outerHTML")[:80]), 10)
            line("order accepted → painted on the phone", took, "p95 ≤ 400")
        finally:
            driver.quit()

    with_instance(measure)


def _stream(n_units: int, per_s: int, seconds: int, batch: int, asked: str) -> None:
    def measure(instance: Instance) -> None:
        fleet, names = units(instance, n_units)
        time.sleep(5)
        start_cpu, start = cpu_s(instance), time.monotonic()
        sent, late = 0, 0.0
        last: dict[str, int] = {}
        while sent < per_s * seconds:
            now = int(time.time() * 1000)
            fixes = []
            for i in range(batch):
                unit = names[(sent + i) % n_units]
                step = ((sent + i) // n_units) * 1e-5
                fixes.append({"unit_id": unit, "lat": 23.1 + step, "lon": 113.4 + step, "at": now + i % 7})
                last[unit] = now + i % 7
            fleet("/positions", {"positions": fixes})
            sent += batch
            ahead = start + sent / per_s - time.monotonic()
            late = min(late, ahead)
            if ahead > 0:
                time.sleep(ahead)
        took = time.monotonic() - start
        share = (cpu_s(instance) - start_cpu) / took
        missing = wait_for_all(instance, last)
        print(
            f"{per_s} positions/s for {took:.0f} s ({sent} sent, {sent / took:.0f}/s, sender at most {-late:.2f} s behind): "
            f"{share:.2f} core in all, {missing} of {n_units} units without their last fix   asked: {asked}",
            flush=True,
        )

    with_instance(measure)


def wait_for_all(instance: Instance, last: dict[str, int], limit_s: float = 10) -> int:
    """Return how many units have not got their last fix in SQL after a while."""
    from datasource.bootstrap import open_backend
    from datasource.settings import load

    backend = open_backend(load(instance.env))
    until = time.monotonic() + limit_s
    try:
        while True:
            with backend.store.reading() as reader:
                kept = reader.positions()
            missing = sum(1 for unit, at in last.items() if unit not in kept or kept[unit].at != at)
            if not missing or time.monotonic() > until:
                return missing
            time.sleep(0.2)
    finally:
        backend.close()


def positions() -> None:
    """4,000 positions a second for a minute."""
    _stream(4000, 4000, 60, 400, "≤ 0.5 core, none lost")


def flood() -> None:
    """25,000 positions a second for half a minute."""
    _stream(20000, 25000, 30, 5000, "none lost")


def memory(settle_s: float = 120) -> None:
    """Memory of the idle demo at scale 1: the sum of PSS of all its processes."""

    def measure(instance: Instance) -> None:
        time.sleep(settle_s)
        rows = {}
        for pid, command in instance.processes().items():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            kb = next(int(row.split()[1]) for row in text.splitlines() if row.startswith("Pss:"))
            rows[command.split("app.py ")[-1][:32]] = kb // 1024
        parts = ", ".join(f"{name} {mb}" for name, mb in sorted(rows.items(), key=lambda r: -r[1]))
        print(
            f"demo at scale 1 after {settle_s:.0f} s: {sum(rows.values())} MB PSS ({parts})   asked: ≤ 900", flush=True
        )

    with_instance(measure, demo=True)


PARTS = {f.__name__: f for f in (visible, orders, phone, positions, flood, memory)}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or list(PARTS):
        PARTS[wanted]()
