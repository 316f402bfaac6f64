"""One database and how it is spoken to: engines, transactions, whose turn it is to write.

Engines are made here when somebody opens a database, never at import.  On both databases there is **one writing
transaction at a time** (SQLite's write lock; an advisory lock on PostgreSQL), so positions of events are dense, the
order of positions is the order of commits, and what a transaction has read cannot change before it commits.
Transactions must therefore be short: nothing that waits for a network belongs into one.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import get_ident
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from datasource.errors import Unavailable
from datasource.sql.turn import Turn

BUSY_S = 5.0
# One number for all of Muster's writers; advisory locks are per database.
WRITER_LOCK = 0x4D555354
# A process that freezes inside a transaction must not hold the others up for longer than this.
_IDLE_MS = 10_000
_OUTSIDE = "muster_outside_transaction"


class Database:
    """One database, opened: ``writing()`` and ``reading()`` are the two ways in."""

    def __init__(self, url: str, *, durable: bool = True, serial: bool = True) -> None:
        """Open ``url``; ``durable=False`` may lose the last moments in a power cut, ``serial=False`` lets writers overlap on PostgreSQL."""
        self.url = parse_url(url)
        self.serial = serial
        self._turn: Turn | None = None
        self._writers: set[int] = set()
        if self.is_sqlite:
            path = sqlite_path(self.url)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._turn = Turn(path.with_name(path.name + ".turn"), BUSY_S)
            self._write, self._read = (
                _sqlite_engine(self.url, durable, "BEGIN IMMEDIATE"),
                _sqlite_engine(self.url, durable, "BEGIN"),
            )
        else:
            self._write = _postgres_engine(self.url)
            self._read = self._write.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def is_sqlite(self) -> bool:
        """Say whether this is a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes; raises Unavailable when the database is away, or busy for more than 5 s."""
        me = get_ident()
        if me in self._writers:
            raise RuntimeError("this thread is writing already: transactions do not nest, use tx.savepoint()")
        self._writers.add(me)
        try:
            with (
                _named_faults(),
                self._turn.taken() if self._turn else nullcontext(),
                self._write.begin() as connection,
            ):
                if not self.is_sqlite and self.serial:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
                yield connection
        finally:
            self._writers.discard(me)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a snapshot, fixed by its first statement; raises Unavailable when the database is away."""
        with _named_faults(), self._read.connect() as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Open a connection without a transaction, for what a database does only outside of one."""
        with _named_faults(), self._write.connect() as connection:
            # pysqlite, set to autocommit and back, would begin transactions of its own afterwards.
            yield connection.execution_options(
                **{_OUTSIDE: True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
            )

    @staticmethod
    def shown(url: str) -> str:
        """Return an address for messages, its password hidden."""
        return make_url(url).render_as_string(hide_password=True)

    def close(self) -> None:
        """Let go of all connections."""
        self._write.dispose()
        self._read.dispose()


def parse_url(url: str) -> URL:
    """Read a database address; raises ValueError for one Muster does not run on."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ValueError(f"MUSTER_DATABASE_URL: {backend} is not supported, use sqlite:////path or postgresql://…")
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError("MUSTER_DATABASE_URL: a SQLite database needs a file, sqlite:////path/to/muster.db")
    return parsed


def sqlite_path(url: URL) -> Path:
    """Return the file of a SQLite address."""
    return Path(str(url.database)).absolute()


def _sqlite_engine(url: URL, durable: bool, begin: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_S, "isolation_level": None},
        pool_size=4,
        max_overflow=12,
        pool_timeout=BUSY_S,
        hide_parameters=True,
    )
    writes = begin != "BEGIN"
    pragmas = [
        f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}",
        "PRAGMA foreign_keys=ON",
        # What is deleted is overwritten: an erased case key must not stay behind in a free page.
        "PRAGMA secure_delete=ON",
        "PRAGMA cache_size=-4096",
        f"PRAGMA query_only={'OFF' if writes else 'ON'}",
    ]

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        if writes:
            _use_wal(connection)
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        if not connection.get_execution_options().get(_OUTSIDE):
            connection.exec_driver_sql(begin)

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to its write-ahead log; the first time that needs it alone, and SQLite does not wait for that by itself."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)


def _postgres_engine(url: URL) -> Engine:
    options = f"-c lock_timeout={int(BUSY_S * 1000)} -c idle_in_transaction_session_timeout={_IDLE_MS} -c timezone=UTC"
    arguments: dict[str, Any] = {"application_name": "muster", "connect_timeout": 5}
    if "options" not in url.query:
        arguments["options"] = options
    return create_engine(
        url,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=12,
        pool_timeout=BUSY_S,
        # Faults are logged with their statement; what people wrote must not get there.
        hide_parameters=True,
    )


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.OperationalError) as fault:
        # A connection that the server ended (a writer that froze, a restart) is named by many different errors.
        known = not isinstance(fault, DBAPIError) or isinstance(fault, OperationalError | InterfaceError)
        if not known and not getattr(fault, "connection_invalidated", False):
            raise
        cause = getattr(fault, "orig", None) or fault
        raise Unavailable(f"database: {str(cause).strip().splitlines()[0]}") from fault
