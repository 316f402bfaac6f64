"""Stores, streams and servers for tests: the same test runs on memory, SQLite and PostgreSQL, on memory and real Redis.

PostgreSQL and Redis are started for the test run on unix sockets in temporary folders, and die with it even when it
is killed.  Without their binaries the tests that need them are skipped and say so.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from datasource.clock import ManualClock
from datasource.memory import MemoryStore
from datasource.sql.database import Database
from datasource.sql.migrate import migrate
from datasource.sql.store import SqlStore

PORT = os.environ.get("MUSTER_TEST_PG_PORT", "5461")


def dying_with_us(command: list[str], as_user: str = "") -> list[str]:
    """Wrap a command so that it ends with the test run, and runs as another user where asked."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ["runuser", "-u", as_user, "--", *command] if as_user else command
    user = [f"--reuid={as_user}", f"--regid={pwd.getpwnam(as_user).pw_gid}", "--clear-groups"] if as_user else []
    return [setpriv, *user, "--pdeathsig=QUIT", "--", *command]


# --- PostgreSQL ------------------------------------------------------------------------


class Postgres:
    """A cluster of our own: sorts by Chinese rules, so that a column that forgot its collation shows."""

    def __init__(self, folder: Path, binaries: Path, user: str) -> None:
        self.folder = folder
        self._binaries = binaries
        self._user = user
        self._names = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._template = ""

    def start(self) -> None:
        """Make the cluster and start its server."""
        init = [
            str(self._binaries / "initdb"),
            "-D",
            str(self.folder / "data"),
            "-A",
            "trust",
            "-U",
            "muster",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        icu = [*init, "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=zh-CN"]
        if self._run(icu).returncode != 0:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            made = self._run([*init, "--locale=C.UTF-8"])
            assert made.returncode == 0, made.stderr
        self.serve()

    def serve(self) -> None:
        """Start the server on the data that is there; also after :meth:`kill`."""
        options = [
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={self.folder}",
            "-c",
            "max_connections=60",
            "-p",
            PORT,
        ]
        command = [str(self._binaries / "postgres"), "-D", str(self.folder / "data"), *options]
        with open(self.folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                dying_with_us(command, self._user), cwd=self.folder, stdout=log, stderr=log
            )
        for _ in range(300):
            try:
                psycopg.connect(self.url("postgres", "postgresql"), connect_timeout=1).close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """kill -9 of the server and of its children, as when the machine goes; none of them runs afterwards."""
        assert self._process is not None
        children = [pid for pid, (_, parent) in _processes().items() if parent == self._process.pid]
        self._process.kill()
        self._process.wait()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_processes().get(pid, ("Z", 0))[0] != "Z" for pid in children):
            time.sleep(0.01)

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """Return the address of a database of this cluster."""
        return f"{driver}://muster@/{database}?host={self.folder}&port={PORT}"

    def fresh(self, *, migrated: bool = True) -> str:
        """Make a database and return its address; a migrated one is copied from a template."""
        if migrated and not self._template:
            self._template = "template_muster"
            self._sql(f"CREATE DATABASE {self._template}")
            migrate(self.url(self._template))
        name = f"muster_{next(self._names)}"
        self._sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {self._template}" if migrated else ""))
        return self.url(name)

    def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            # At once, without a last checkpoint: the data goes with it.
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres", "postgresql"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            dying_with_us(command, self._user), cwd=self.folder, capture_output=True, text=True, timeout=120
        )


def _processes() -> dict[int, tuple[str, int]]:
    """List all processes of the machine: pid → (state, parent)."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
            found[int(path.parent.name)] = (state, int(parent))
    return found


def _postgres_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parent.parent.name))
    if found:
        return found[-1].parent
    which = shutil.which("initdb")
    return Path(which).resolve().parent if which else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL of our own."""
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql): its half of the contract was not tested")
    user = ""
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        try:
            pwd.getpwnam(user)
        except KeyError:
            pytest.skip(
                "running as root and there is no user postgres: PostgreSQL's half of the contract was not tested"
            )
    folder = Path(tempfile.mkdtemp(prefix="muster-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, user)
    cluster = Postgres(folder, binaries, user)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


# --- Redis -----------------------------------------------------------------------------


class RedisServer:
    """A real Redis with the settings of ours: append-only file, synced always."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the data of the last run."""
        options = {
            "port": "0",
            "unixsocket": str(self.folder / "redis.sock"),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        command = ["redis-server"]
        for name, value in options.items():
            command += [f"--{name}", value]
        with open(self.folder / "log", "wb") as log:
            self._process = subprocess.Popen(dying_with_us(command), stdout=log, stderr=log)
        client = redis.Redis.from_url(self.url)
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.RedisError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.02)
        client.close()

    def kill(self) -> None:
        """Kill it, as kill -9 does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def wipe(self) -> None:
        """Lose everything it holds."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    """A running Redis, shared by the tests."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: Redis' half of the contract was not tested")
    folder = Path(tempfile.mkdtemp(prefix="muster-redis-", dir="/tmp"))
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """A running Redis without data."""
    redis_process.wipe()
    return redis_process


# --- stores ----------------------------------------------------------------------------


@dataclass
class Stores:
    """One kind of store with data of its own; ``another`` opens it a second time, as another process would."""

    kind: str
    clock: ManualClock
    open: Callable[..., Any]
    url: str = ""
    positions_url: str = ""
    opened: list[Any] = field(default_factory=list)

    def another(self, **options: Any) -> Any:
        """Open the same data once more."""
        store = self.open(**options)
        self.opened.append(store)
        return store


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with migrated, empty SQLite files."""
    folder = tmp_path_factory.mktemp("template")
    migrate(f"sqlite:///{folder / 'muster.db'}", f"sqlite:///{folder / 'positions.db'}")
    return folder


def sql_stores(kind: str, request: pytest.FixtureRequest) -> Stores:
    """Make an empty database of a kind."""
    clock = ManualClock()
    if kind == "sqlite":
        folder = request.getfixturevalue("tmp_path")
        for name in ("muster.db", "positions.db"):
            shutil.copy(request.getfixturevalue("sqlite_template") / name, folder / name)
        url, positions_url = f"sqlite:///{folder / 'muster.db'}", f"sqlite:///{folder / 'positions.db'}"
    else:
        url = positions_url = request.getfixturevalue("postgres").fresh()

    def open_store(store_type: type[SqlStore] = SqlStore, serial: bool = True) -> SqlStore:
        return store_type(Database(url, serial=serial), Database(positions_url, durable=False, serial=False), clock)

    return Stores(kind, clock, open_store, url, positions_url)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """An empty store of each kind in turn."""
    if request.param == "memory":
        clock = ManualClock()
        only = MemoryStore(clock)
        found = Stores("memory", clock, lambda: only)
    else:
        found = sql_stores(request.param, request)
    yield found
    for store in found.opened:
        store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def databases(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """An empty store of each SQL kind in turn."""
    found = sql_stores(request.param, request)
    yield found
    for store in found.opened:
        store.close()


@pytest.fixture
def store(stores: Stores) -> Any:
    """An empty, open store of each kind in turn."""
    return stores.another()
