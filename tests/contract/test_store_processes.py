"""Writers that die, freeze or queue: what the other processes notice of it."""

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from sqlalchemy import text

from datasource.clock import ManualClock
from datasource.errors import Unavailable
from datasource.sql.database import Database
from datasource.sql.store import SqlStore
from datasource.sql.turn import Turn
from tests.contract.scenes import noted, opened
from tests.fixtures_store import Postgres, Stores

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import sys, time
from datasource.clock import ManualClock
from datasource.sql.database import Database
from datasource.sql.store import SqlStore
from tests.contract.scenes import opened

store = SqlStore(Database(sys.argv[1]), Database(sys.argv[2]), ManualClock())
with store.transaction() as tx:
    tx.record(opened("I1"))
print("committed", flush=True)
with store.transaction() as tx:
    tx.record(opened("I2"))
    store._write(tx._ground._connection, tx.pending)
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.integration
def test_a_writer_killed_in_its_transaction_leaves_what_it_had_committed_and_nobody_waiting(databases: Stores) -> None:
    store = databases.another()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, databases.url, databases.positions_url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "committed\n"
        assert child.stdout.readline() == "writing\n"
        with store.reading() as r:
            assert [x.subject for x in r.events()] == ["incident:I1"]
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    began = time.monotonic()
    with store.transaction() as tx:
        tx.record(noted("I1", 1))
    assert time.monotonic() - began < 2
    with store.reading() as r:
        assert [(x.position, x.subject) for x in r.events()] == [(1, "incident:I1"), (2, "incident:I1")]


@pytest.mark.integration
def test_postgresql_is_told_to_drop_writers_that_freeze_and_waits_that_last(postgres: Postgres) -> None:
    database = Database(postgres.fresh())
    with database.writing() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "10s"
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "5s"
    with database.reading() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "repeatable read"
        assert connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    database.close()


@pytest.mark.integration
def test_a_writer_that_froze_on_postgresql_holds_nobody_up_and_is_told(postgres: Postgres) -> None:
    url = postgres.fresh()
    frozen, other = (
        SqlStore(Database(u), Database(u), ManualClock())
        for u in (f"{url}&options=-c idle_in_transaction_session_timeout=300", url)
    )
    with pytest.raises(Unavailable), frozen.transaction() as tx:
        tx.record(opened("I1"))
        began = time.monotonic()
        thread = threading.Thread(target=_record, args=(other, "I2"))
        thread.start()
        thread.join(5)
        assert time.monotonic() - began < 2
    with other.reading() as r:
        assert [x.subject for x in r.events()] == ["incident:I2"]
    _record(frozen, "I3")
    assert other.head() == 2
    frozen.close()
    other.close()


def _record(store: SqlStore, id: str) -> None:
    with store.transaction() as tx:
        tx.record(opened(id))


def test_sqlite_commits_reach_the_disk_and_readers_cannot_write(tmp_path: Path) -> None:
    main, tracks = Database(f"sqlite:///{tmp_path}/a.db"), Database(f"sqlite:///{tmp_path}/b.db", durable=False)
    with main.writing() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        connection.execute(text("CREATE TABLE x (y)"))
    with tracks.writing() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
    with pytest.raises(Unavailable, match="readonly"), main.reading() as connection:
        connection.execute(text("INSERT INTO x VALUES (1)"))
    main.close()
    tracks.close()


def test_a_turn_that_is_not_given_up_ends_in_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "x.turn"
    with Turn(path, 5).taken():
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"0\.2 s"), Turn(path, 0.2).taken():
            raise AssertionError("two had the turn")
        assert 0.15 < time.monotonic() - began < 4
    # The one that gave up must not come into the turn later and keep it.
    time.sleep(0.05)
    with Turn(path, 1).taken():
        pass


def test_the_next_writer_is_woken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.turn"
    given_up, got = [0.0], [0.0]

    def wait() -> None:
        with Turn(path, 5).taken():
            got[0] = time.monotonic()

    with Turn(path, 5).taken():
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        given_up[0] = time.monotonic()
    thread.join()
    assert 0 <= got[0] - given_up[0] < 1


def test_a_fault_does_not_repeat_what_people_wrote(databases: Stores) -> None:
    database = Database(databases.url)
    with pytest.raises(Exception, match="nothing") as found, database.writing() as connection:
        connection.execute(text("INSERT INTO nothing VALUES (:x)"), {"x": "张伟测试"})
    said = "".join(traceback.format_exception(found.value))
    assert "INSERT INTO nothing" in said
    assert "张伟测试" not in said.replace('{"x": "张伟测试"}', "")
    database.close()


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"postgresql://muster@/x?host={tmp_path}")
    with pytest.raises(Unavailable), database.reading():
        pass
    with pytest.raises(Unavailable), database.writing():
        pass
    # The thread is not left marked as writing.
    with pytest.raises(Unavailable), database.writing():
        pass


@pytest.mark.parametrize(
    ("url", "complaint"),
    [("mysql://x/y", "mysql is not supported"), ("sqlite://", "needs a file"), ("sqlite:///:memory:", "needs a file")],
)
def test_an_address_muster_does_not_run_on_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Database(url)


def test_an_incident_is_there_for_the_next_process(databases: Stores) -> None:
    first = databases.another()
    with first.transaction() as tx:
        tx.record(opened("I1"))
    first.close()
    with databases.another().reading() as r:
        assert r.load("incident", "I1").title == "仓库起火"
