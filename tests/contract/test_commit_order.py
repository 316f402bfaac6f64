"""The trap of positions: a reader that asks for "everything after n" must never pass over a transaction that commits late.

Two writers on two connections; the first has written its event and is slow to commit, the second begins later and
would be done at once.  A reader polls all the while, as the relay does.  The last two tests show that the trap is real: a
plain sequence falls into it, and without the writers' lock the database itself has to stop the second writer.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dashboard.domain.errors import Conflict
from datasource.sql.database import Database
from datasource.sql.store import SqlStore
from tests.contract.scenes import opened
from tests.fixtures_store import Postgres, Stores

SLOW_S = 0.5


class SlowToCommit(SqlStore):
    """Has written everything, and takes its time before it commits."""

    def _write(self, *args: Any) -> None:
        super()._write(*args)
        time.sleep(SLOW_S)


def race(
    slow: Callable[[], None], quick: Callable[[], None], read_after: Callable[[int], list[int]]
) -> tuple[list[int], list[BaseException]]:
    """Run both writers and a polling reader; returns the positions in the order in which the reader met them, and faults."""
    faults: list[BaseException] = []

    def run(write: Callable[[], None]) -> None:
        try:
            write()
        except BaseException as fault:
            faults.append(fault)

    first, second = (threading.Thread(target=run, args=(write,)) for write in (slow, quick))
    met: list[int] = []
    first.start()
    time.sleep(SLOW_S / 3)
    second.start()
    while first.is_alive() or second.is_alive():
        met += read_after(met[-1] if met else 0)
        time.sleep(0.002)
    met += read_after(met[-1] if met else 0)
    return met, faults


def record(store: SqlStore, id: str) -> Callable[[], None]:
    def write() -> None:
        with store.transaction() as tx:
            tx.record(opened(id))

    return write


def reader_of(store: SqlStore) -> Callable[[int], list[int]]:
    def after(position: int) -> list[int]:
        with store.reading() as r:
            return [x.position for x in r.events(position)]

    return after


def test_a_late_commit_is_never_passed_over(databases: Stores) -> None:
    slow, quick, reader = databases.another(store_type=SlowToCommit), databases.another(), databases.another()
    met, faults = race(record(slow, "I1"), record(quick, "I2"), reader_of(reader))
    assert faults == []
    assert met == [1, 2]
    with reader.reading() as r:
        assert [x.subject for x in r.events()] == ["incident:I1", "incident:I2"]


@pytest.mark.integration
def test_without_the_writers_lock_the_second_is_refused_rather_than_passed_over(postgres: Postgres) -> None:
    url = postgres.fresh()
    stores = [
        kind(Database(url, serial=False), Database(url, serial=False), clock=_clock())
        for kind in (SlowToCommit, SqlStore, SqlStore)
    ]
    met, faults = race(record(stores[0], "I1"), record(stores[1], "I2"), reader_of(stores[2]))
    assert met == [1]
    assert [type(fault) for fault in faults] == [Conflict]
    for store in stores:
        store.close()


@pytest.mark.integration
def test_a_plain_sequence_without_a_lock_falls_into_the_trap(postgres: Postgres) -> None:
    engine = create_engine(postgres.fresh())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE naive (position bigserial PRIMARY KEY)"))

    def write(pause_s: float) -> Callable[[], None]:
        def insert() -> None:
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO naive DEFAULT VALUES"))
                time.sleep(pause_s)

        return insert

    def after(position: int) -> list[int]:
        with engine.connect() as connection:
            return list(
                connection.execute(
                    text("SELECT position FROM naive WHERE position > :p ORDER BY 1"), {"p": position}
                ).scalars()
            )

    met, faults = race(write(SLOW_S), write(0.0), after)
    assert faults == []
    assert met == [2], "the reader should have passed over position 1: this test no longer shows the trap"
    assert after(0) == [1, 2]
    engine.dispose()


def _clock() -> Any:
    from datasource.clock import ManualClock

    return ManualClock()
