"""Bringing a database to the schema of this program, and refusing to run on another one.

Only ``muster up`` and ``muster migrate`` call :func:`migrate`; every other process calls :func:`wait_for_schema`.
A revision is the number of its file, ``NNNN_what.py``, so that looking at the state of a database needs no alembic.
"""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, MetaData, column, select, table, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from datasource.errors import SchemaMismatch, Unavailable
from datasource.sql import tables
from datasource.sql.database import Database, sqlite_path

FOLDER = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x4D554D47
# Alembic keeps what it works on in module globals.
_in_process = threading.Lock()


class History(NamedTuple):
    """One line of migrations with its tables and the table that remembers how far it got."""

    name: str
    metadata: MetaData
    version_table: str

    @property
    def folder(self) -> Path:
        """Where the migrations stand."""
        return FOLDER / self.name

    @property
    def revisions(self) -> list[str]:
        """All revisions, oldest first."""
        return sorted(path.name[:4] for path in self.folder.glob("[0-9][0-9][0-9][0-9]_*.py"))


MAIN = History("main", tables.metadata, "schema_version")
POSITIONS = History("positions", tables.positions, "schema_version_positions")


def migrate(database_url: str, positions_url: str = "") -> bool:
    """Bring the database, and the track store, to the newest schema; waits for another migration that is under way.

    Returns whether there was anything to do; raises SchemaMismatch for a newer database, Unavailable.
    """
    with _in_process:
        return _migrate(database_url, MAIN) | _migrate(positions_url or database_url, POSITIONS)


def schema_state(url: str, history: History = MAIN) -> str:
    """Return ``ok``, ``behind`` (to be migrated) or ``ahead`` (made by a newer Muster); raises Unavailable."""
    database = Database(url)
    try:
        if database.is_sqlite and not sqlite_path(database.url).exists():
            return "behind"
        with database.reading() as connection:
            return _state(connection, history)
    finally:
        database.close()


def wait_for_schema(database_url: str, positions_url: str = "", *, timeout_s: float = 60.0) -> None:
    """Wait until both stores have exactly our schema; raises SchemaMismatch when that will not come, or has not in time."""
    until = time.monotonic() + timeout_s
    for url, history in ((database_url, MAIN), (positions_url or database_url, POSITIONS)):
        while (found := _look(url, history)) != "ok":
            if found == "ahead":
                raise SchemaMismatch(
                    f"the schema of {_shown(url)} ({history.name}) was made by a newer Muster than this one; "
                    f"run that version, or restore a backup (this version knows up to {history.revisions[-1]})"
                )
            if time.monotonic() >= until:
                what = (
                    "does not answer"
                    if found == "unavailable"
                    else f"is older than {history.revisions[-1]}, which this version needs"
                )
                raise SchemaMismatch(
                    f"{_shown(url)} ({history.name}) {what}; run `muster migrate` or `muster up` (waited {timeout_s:g} s)"
                )
            time.sleep(0.1)


def _migrate(url: str, history: History) -> bool:
    database = Database(url)
    try:
        with _alone(database), database.writing() as connection:
            found = _state(connection, history)
            if found == "ahead":
                raise SchemaMismatch(f"{_shown(url)} ({history.name}) was made by a newer Muster; it is left as it is")
            if found == "behind":
                _upgrade(connection, history)
            return found == "behind"
    finally:
        database.close()


def _upgrade(connection: Connection, history: History) -> None:
    from alembic.command import upgrade
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(history.folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = history.version_table
    upgrade(config, "head")


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Hold the migration lock: a file beside a SQLite database, an advisory lock on PostgreSQL.

    It is another one than the writers': a second ``muster up`` may wait for minutes, a writer gives up after seconds.
    """
    if database.is_sqlite:
        path = sqlite_path(database.url)
        with open(path.with_name(path.name + ".migration"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    else:
        with database.session() as connection:
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})"))
            yield


def _state(connection: Connection, history: History) -> str:
    try:
        with connection.begin_nested():
            found = connection.execute(select(column("version_num")).select_from(table(history.version_table))).scalar()
    except (OperationalError, ProgrammingError):  # there is no such table: an empty database
        return "behind"
    known = history.revisions
    if found is None or found in known[:-1]:
        return "behind"
    return "ok" if found == known[-1] else "ahead"


def _look(url: str, history: History) -> str:
    try:
        return schema_state(url, history)
    except Unavailable:
        return "unavailable"


def _shown(url: str) -> str:
    return Database.shown(url)
