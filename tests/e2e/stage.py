"""The stage of the journeys: a centre of its own for a test, the people in it, and what each of them sees.

A journey has a district to itself: its commanders, its wall and its units see nothing of another journey's.  People act as
they would (keys, touches, links), sources speak through the API; only accounts are made directly, as no screen makes them yet.
"""

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from dash.testing.browser import Browser
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from datasource.accounts import Accounts
from datasource.clock import SystemClock
from datasource.sql.database import Database
from tests.harness import CHECKOUT, Instance, wait_for

SOON_S = 2.0
"""What "at once" means to somebody who waits for it."""

DISTRICTS = ("440103", "440104", "440105", "440106", "440111", "440112", "440113", "440114", "440115", "440117", "440118")
DESKTOP, WALL = (1440, 900), (1920, 1080)

Open = Callable[..., Browser]
CJK = re.compile(r"[\u3400-\u9fff]")
TEXT_KEY = re.compile(r"^[a-z_]+(\.[a-z0-9_]+)+$")
BROKEN = re.compile(r"\b(undefined|NaN|null|None)\b|\[object")


def write_profile(path: Path, *, sources: str, parameters: dict[str, float] | None = None, more: str = "") -> Path:
    """Write the default profile with other sources (TOML) and parameters, and what else is given, to ``path``."""
    text = (CHECKOUT / "dashboard" / "centres" / "default.toml").read_text()
    head, *tables = re.split(r"(?m)^(?=\[)", text)
    rest = "".join(table for table in tables if not table.startswith("[[sources]]"))
    values = ", ".join(f'"{name}" = {value:g}' for name, value in (parameters or {}).items())
    path.write_text(f"{head}parameters = {{ {values} }}\n\n{sources}\n{rest}\n{more}\n")
    return path


def source_table(id: str, kind: str, cadence_s: int) -> str:
    """Return a source of a profile as TOML."""
    return f'[[sources]]\nid = "{id}"\nname = "来源 {id}"\nname_en = "Source {id}"\nkind = "{kind}"\ncadence_s = {cadence_s}\n'


class Centre:
    """An instance and its people; hand out districts with :meth:`district`."""

    def __init__(self, muster: Instance) -> None:
        self.muster = muster
        self.accounts = Accounts(Database(f"sqlite:///{muster.home / 'data' / 'muster.db'}"), SystemClock())
        self._districts = iter(DISTRICTS)

    def district(self) -> "District":
        """Return a district nobody has used yet."""
        return District(self, next(self._districts))


class District:
    """Where one journey happens: people and sources whose scope it is."""

    def __init__(self, centre: Centre, area: str) -> None:
        self.centre = centre
        self.muster = centre.muster
        self.area = area
        # Somewhere near the middle of the city; the area of a report is what its source says.
        self.lat, self.lon = 23.1, 113.3
        self._tokens: dict[str, str] = {}
        self._browsers: list[Page] = []
        self._numbers = itertools.count(1)

    def link(self, role: str, name: str = "") -> str:
        """Return a sign-in link for a person of this district, made when there is none of that name."""
        user = f"{role}-{self.area}-{name}".strip("-").lower()
        self.centre.accounts.ensure_account(user, name or role, role, self.area)
        return f"{self.muster.url}/go/{self.centre.accounts.one_time_link(user)}"

    def post(self, path: str, body: dict[str, Any], *, source: str = "s-110") -> dict[str, Any]:
        """Send a fact as a source of this district; it must be accepted."""
        if source not in self._tokens:
            self._tokens[source] = self.centre.accounts.add_source_token(source, self.area)
        said = self.muster.post(path, body, token=self._tokens[source])
        assert said.status == 202, said
        return dict(said.json())

    def report(self, title: str, *, severity: int = 1, category: str = "fire", **more: Any) -> None:
        """Report something, as the police call centre does."""
        place = {"lat": self.lat, "lon": self.lon, "place_name": "解放路 18 号"}
        body = {"category": category, "severity": severity, "title": title, "occurred_at": now(), "area": self.area}
        self.post("/reports", {**body, **place, "event_id": f"{self.area}-{next(self._numbers)}", **more})

    def unit(self, name: str, *, on_duty: bool = True, north_m: float = 800, capabilities: tuple[str, ...] = ("fire",)) -> str:
        """Register a unit some metres north of the reports' place, and where it stands; returns its id."""
        unit_id = f"U-{self.area}-{next(self._numbers)}"
        lat = self.lat + north_m / 111_195
        master = {"unit_id": unit_id, "name": name, "kind": "patrol", "area": self.area, "capabilities": capabilities}
        self.post("/units", {"units": [{**master, "members": 4, "lat": lat, "lon": self.lon}]}, source="s-fleet")
        self.see_unit(unit_id, lambda unit: unit)
        if on_duty:
            self.post("/unit-status", {"unit_id": unit_id, "on_duty": True, "occurred_at": now()}, source="s-fleet")
            self.post("/positions", {"unit_id": unit_id, "lat": lat, "lon": self.lon, "at": now()}, source="s-fleet")
            self.see_unit(unit_id, lambda unit: unit["activity"] == "available")
        return unit_id

    def see_unit(self, unit_id: str, question: Callable[[dict[str, Any]], Any]) -> None:
        """Wait until the picture has a unit that answers the question."""
        wait_for(lambda: question(self.cards("unit").get(unit_id) or {}), 10, what=f"unit {unit_id}")

    # --- the truth ----------------------------------------------------------------------

    def picture(self, view: str = "console") -> dict[str, Any]:
        """Return the snapshot that a page of this district gets now."""
        cookie = self._cookie()
        said = self.muster.get(f"/snapshot?view={view}", headers={"Cookie": cookie})
        assert said.status == 200, said
        return dict(said.json())

    def cards(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the cards of a kind in the picture."""
        return dict(self.picture()["cards"].get(kind) or {})

    def _cookie(self) -> str:
        if not hasattr(self, "_signed_in"):
            said = self.muster.get(self.link("commander", "checker").removeprefix(self.muster.url))
            self._signed_in = said.headers["set-cookie"].split(";")[0]
        return str(self._signed_in)

    def history(self, subject: str) -> list[str]:
        """Return the tags of every event recorded about a subject (``order:…``), in order."""
        return [tag for tag, _ in self.recorded(subject)]

    def recorded(self, subject: str) -> list[tuple[str, dict[str, Any]]]:
        """Return tag and record of every event about a subject, in order."""
        from datasource.sql.store import SqlStore

        database = Database(f"sqlite:///{self.muster.home / 'data' / 'muster.db'}")
        try:
            with SqlStore(database).reading() as reader:
                found = [msgspec.to_builtins(r) for r in reader.events(subject=subject)]
        finally:
            database.close()
        return [(r["event"]["t"], r) for r in found]
