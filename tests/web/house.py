"""A centre in memory behind its door: what tests of the web process speak to."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from dashboard.config import Profile, load_profile
from dashboard.domain.events import UnitRegistered
from dashboard.domain.position import Fix
from dashboard.ports import NewEvents
from datasource import facts
from datasource.accounts import Accounts
from datasource.clock import ManualClock
from datasource.memory import MemoryStore, MemoryStream, MemoryVault
from datasource.sql.database import Database
from datasource.sql.tables_access import ACCESS_TABLES, metadata
from datasource.web import door
from datasource.web.routes import build_routes

START = 1_795_400_000_000
HOST = "http://centre.test"
SCREENS = ("wall", "console", "disputes", "unit")
TOKEN = "fleet-token-0123456789-0123456789-0123456789"
PROFILE: Profile = load_profile()
HASTY = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
OTHER_TOKEN = "other-token-0123456789-0123456789-0123456789"


@cache
def _empty_database() -> bytes:
    """Make the tables once; each test starts from a copy of the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "access.db"
        database = Database(f"sqlite:///{path}", durable=False)
        with database.writing() as connection:
            metadata.create_all(connection, tables=ACCESS_TABLES)
        database.close()
        return path.read_bytes()


class House:
    """Store, stream and vault in memory, accounts in a SQLite file, the routes, a stand-in for the screens, the door."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock = ManualClock(START)
        self.store = MemoryStore(self.clock)
        self.stream = MemoryStream(self.clock)
        self.vault = MemoryVault()
        self.profile = PROFILE
        (folder / "access.db").write_bytes(_empty_database())
        self.database = Database(f"sqlite:///{folder / 'access.db'}", durable=False)
        self.accounts = Accounts(self.database, self.clock)
        self.accounts._hasher = HASTY  # the real cost of a password would be most of the time of these tests
        self.accounts.add_source_token("s-fleet", "4401", TOKEN)
        self.accounts.add_source_token("s-110", "440112", OTHER_TOKEN)
        self.app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        self.routes = build_routes(self.app, self, self.accounts, self.profile, screens=SCREENS, **options)
        self.seen: list[Any] = []

        async def catch_all(path: str) -> dict[str, Any]:
            self.seen.append(door.actor())
            return {"screen": path}

        self.app.get("/{path:path}")(catch_all)
        self.door = door.Door(self.app, self.accounts, screens=SCREENS)

    def register(self, *unit_ids: str, source: str = "s-fleet", area: str = "440112") -> None:
        """Make units known, as ingest would."""
        with self.store.transaction() as tx:
            for unit_id in unit_ids:
                master = UnitRegistered(name=f"应急 {unit_id}", unit_kind="minimum", source=source)
                tx.record(
                    NewEvents(
                        kind="unit",
                        id=unit_id,
                        area=area,
                        events=[master],
                        expected_version=0,
                        occurred_at=self.clock.now(),
                        actor=f"source:{source}",
                    )
                )

    def facts(self) -> list[tuple[facts.Fact, Any]]:
        """Return what waits in the facts stream, with the commands."""
        entries = self.stream.read({facts.STREAM: "0-0"}, count=100_000).get(facts.STREAM, [])
        return [(fact := facts.decode(entry.body), facts.command(fact)) for entry in entries]

    def positions(self) -> list[tuple[str, int, list[Fix]]]:
        """Return what waits in the positions stream."""
        entries = self.stream.read({facts.POSITIONS: "0-0"}, count=100_000).get(facts.POSITIONS, [])
        return [msgspec.msgpack.decode(entry.body, type=tuple[str, int, list[Fix]]) for entry in entries]

    def raw_facts(self) -> bytes:
        """Return everything in the facts stream as bytes."""
        return b"".join(e.body for e in self.stream.read({facts.STREAM: "0-0"}, count=100_000).get(facts.STREAM, []))


class Visitor:
    """A browser, or a program: keeps its cookies.  Browsers send where a request came from; ``same_origin=False`` is another site."""

    def __init__(self, app: Any, *, browser: bool = True) -> None:
        self._app = app
        self.cookies = httpx.Cookies()
        self._browser = browser

    def ask(
        self, method: str, path: str, *, same_origin: bool = True, follow: bool = False, **more: Any
    ) -> httpx.Response:
        """Send one request."""
        headers = {k.lower(): v for k, v in more.pop("headers", {}).items()}
        if self._browser:
            headers.setdefault("accept", "text/html,*/*")
            if method != "GET":
                headers.setdefault("origin", HOST if same_origin else "https://elsewhere.example")

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=HOST, cookies=self.cookies, follow_redirects=follow
            ) as client:
                answer = await client.request(method, path, headers=headers, **more)
                self.cookies = client.cookies
                return answer

        return asyncio.run(go())

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Send a GET."""
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Send a POST."""
        return self.ask("POST", path, **more)


class Source(Visitor):
    """A department's system with its token."""

    def __init__(self, app: Any, token: str = TOKEN) -> None:
        super().__init__(app, browser=False)
        self._token = token

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request below /api/v1 with the token."""
        headers = {
            "authorization": f"Bearer {self._token}",
            "accept-language": "en",
            **{k.lower(): v for k, v in more.pop("headers", {}).items()},
        }
        return super().ask(method, f"/api/v1{path}", headers=headers, **more)


@contextmanager
def house(folder: Path, **options: Any) -> Iterator[House]:
    """Open a house and close it again; its database lies in memory where the machine has such a folder, as nothing here is about disks."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else folder) as place:
        made = House(Path(place), **options)
        try:
            yield made
        finally:
            made.database.close()


def problem_fields(answer: httpx.Response) -> dict[str, str]:
    """Return field → key of a problem document, checking that it is one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"] and body["detail"] and body["type"].startswith("urn:muster:problem:")
    assert all(e["reason"] and not e["reason"].startswith("reason.") for e in body["errors"])
    return {e["field"]: e["key"] for e in body["errors"]}
