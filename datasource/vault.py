"""The vault of personal data: one key per case in SQL, wrapped under the instance's secret; erasing destroys the key.

What was sealed stays where it is (events, dead letters, backups) and can never be opened again.  Keys are looked up for
each use and never cached, so an erasure holds at once in every process.

Do not seal or erase inside a store transaction of the same thread: both write, and writers take turns (RuntimeError).
"""

from typing import Any

from sqlalchemy import bindparam, delete, select, text

from dashboard.domain import ids
from dashboard.domain.errors import NotFound
from dashboard.ports import Clock
from datasource import sealing
from datasource.sealing import mask_text as mask_text
from datasource.sql import records
from datasource.sql import tables as t
from datasource.sql.database import Database

_OF_CASE = select(t.case_key.c.key_id, t.case_key.c.wrapped).where(t.case_key.c.case_id == bindparam("case_id"))
_CASE_OF = select(t.case_key.c.case_id).where(t.case_key.c.key_id == bindparam("key_id"))
_NEWEST = select(t.case_key.c.key_id, t.case_key.c.wrapped).order_by(t.case_key.c.created_at.desc()).limit(1)
_BY_ID = select(t.case_key.c.wrapped).where(t.case_key.c.key_id == bindparam("key_id"))


class SqlVault:
    """The ``Vault`` over the table ``case_key``; ``secret`` is the instance's secret key, at least 32 characters."""

    def __init__(self, database: Database, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._master = sealing.master_key(secret)
        self._add = records.Upserts(database.url.get_backend_name()).case_key

    def seal(self, case: str, data: dict[str, Any]) -> tuple[str, str]:
        """Encrypt under the key of the case, which is made when there is none; returns (key_id, box)."""
        key_id, key = self._key_of(case)
        return key_id, sealing.seal(key, key_id, data)

    def open(self, key_id: str, box: str) -> dict[str, Any]:
        """Decrypt; raises NotFound('erased') when the key was destroyed, ValueError when the secret is another one."""
        with self._database.reading() as connection:
            wrapped = connection.execute(_BY_ID, {"key_id": key_id}).scalar()
        if wrapped is None:
            raise NotFound("erased")
        return sealing.unseal(sealing.unwrap(self._master, key_id, bytes(wrapped)), key_id, box)

    def case_of(self, key_id: str) -> str | None:
        """Return the case of a key; None when it was destroyed."""
        with self._database.reading() as connection:
            return connection.execute(_CASE_OF, {"key_id": key_id}).scalar()

    def erase(self, case: str) -> bool:
        """Destroy the key of a case; False when it has none."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(t.case_key).where(t.case_key.c.case_id == case)).rowcount > 0
        if gone:
            self._scrub()
        return gone

    def fits(self) -> bool:
        """Say whether our secret opens the keys that are there (the newest is tried); a restored database may want another."""
        with self._database.reading() as connection:
            row = connection.execute(_NEWEST).first()
        if row is None:
            return True
        try:
            sealing.unwrap(self._master, row[0], bytes(row[1]))
        except ValueError:
            return False
        return True

    def _key_of(self, case: str) -> tuple[str, bytes]:
        with self._database.reading() as connection:
            row = connection.execute(_OF_CASE, {"case_id": case}).first()
        if row is None:
            key_id = ids.fresh("K")
            wrapped = sealing.wrap(self._master, key_id, sealing.new_key())
            fresh = {"key_id": key_id, "case_id": case, "wrapped": wrapped, "created_at": self._clock.now()}
            with self._database.writing() as connection:
                connection.execute(self._add, fresh)
                # Somebody else may have been first; theirs is the key then.
                row = connection.execute(_OF_CASE, {"case_id": case}).one()
        return row[0], sealing.unwrap(self._master, row[0], bytes(row[1]))

    def _scrub(self) -> None:
        """Remove what the database still keeps of a deleted row: SQLite's log, PostgreSQL's dead tuples."""
        with self._database.session() as connection:
            if self._database.is_sqlite:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            else:
                connection.execute(text("VACUUM case_key"))
