"""How fast the store is on SQLite: batches as ingest writes them, single orders as a commander gives them, both at once.

Run it with ``python -m tests.bench.bench_store``.  Files are made in the current TMPDIR: it should be on a disk, because what
is measured is mostly the wait for it.
"""

import multiprocessing
import multiprocessing.synchronize
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from dashboard.domain import events as e
from dashboard.domain.position import Fix
from dashboard.ports import NewEvents
from datasource.clock import SystemClock
from datasource.errors import Unavailable
from datasource.sql.database import Database
from datasource.sql.migrate import migrate
from datasource.sql.store import SqlStore

BATCH = 200
SINGLES = 1_000


def open_store(folder: str, *, turns: bool = True) -> SqlStore:
    """Open the store in a folder; ``turns=False`` leaves writers to SQLite's own waiting."""
    database = Database(f"sqlite:///{folder}/muster.db")
    if not turns:

        class NoTurn:
            def taken(self) -> Any:
                return nullcontext()

        database._turn = NoTurn()  # type: ignore[assignment]
    return SqlStore(database, Database(f"sqlite:///{folder}/positions.db", durable=False), SystemClock())


def incident(id: str) -> NewEvents:
    """Open an incident."""
    event = e.IncidentOpened(
        number=id, category="fire", severity=2, title="仓库起火", place=e.Place(23.1, 113.4), external_ref=id
    )
    return NewEvents(
        kind="incident", id=id, area="440112", events=[event], expected_version=0, occurred_at=1, actor="source:110"
    )


def write_batch(store: SqlStore, prefix: str) -> None:
    """Do what ingest does for a batch of reports: key, look for the same reference, number, record."""
    with store.transaction() as tx:
        for n in range(BATCH):
            tx.once("110", f"{prefix}-{n}", 1)
            tx.find("incident", [("external_ref", "=", f"{prefix}-{n}")], order="-opened_at", limit=1)
            tx.number("INC", "20261123")
            tx.record(incident(f"{prefix}-{n}"))


def write_order(store: SqlStore, id: str) -> None:
    """Do what an order does: load the incident, record the order and the engagement."""
    with store.transaction() as tx:
        tx.record(incident(id))
        queued = e.OrderQueued(
            number=id, incident_id=id, unit_id="U1", severity=1, text="go", ack_limit_s=30, ack_due_at=9, by="li"
        )
        tx.record(
            NewEvents(
                kind="order",
                id=id,
                area="440112",
                events=[queued],
                expected_version=0,
                occurred_at=1,
                actor="commander:li",
            )
        )
        engaged = [e.IncidentTaken(owner="li"), e.IncidentEngaged()]
        tx.record(
            NewEvents(
                kind="incident",
                id=id,
                area="440112",
                events=engaged,
                expected_version=1,
                occurred_at=1,
                actor="commander:li",
            )
        )


def percentiles(run: Callable[[int], None], times: int) -> tuple[float, float, float]:
    """Run and return p50, p99 and the longest, in ms."""
    took: list[float] = []
    for n in range(times):
        began = time.perf_counter()
        run(n)
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return cuts[49], cuts[98], max(took)


def ingest(folder: str, turns: bool, stop: multiprocessing.synchronize.Event) -> None:
    """Write batch after batch in a process of its own, with the pause ingest makes between two."""
    store, n = open_store(folder, turns=turns), 0
    while not stop.is_set():
        write_batch(store, f"B{n}")
        n += 1
        time.sleep(0.003)


@contextmanager
def fresh() -> Iterator[str]:
    """Make an empty, migrated database."""
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/muster.db", f"sqlite:///{folder}/positions.db")
        yield folder


def bench_batches() -> None:
    """Print facts per second."""
    with fresh() as folder:
        store, rounds = open_store(folder), 25
        write_batch(store, "warm")
        began = time.perf_counter()
        for n in range(rounds):
            write_batch(store, f"A{n}")
        took = time.perf_counter() - began
        size = Path(folder, "muster.db").stat().st_size + Path(folder, "muster.db-wal").stat().st_size
        print(
            f"reports in batches of {BATCH}: {rounds * BATCH / took:,.0f}/s, {size / (rounds + 1) / BATCH:,.0f} bytes each"
        )


def bench_orders() -> None:
    """Print the time of one order's commit, alone and beside a busy ingest."""
    with fresh() as folder:
        store = open_store(folder)
        p50, p99, longest = percentiles(lambda n: write_order(store, f"O{n}"), SINGLES)
        print(f"one order, alone: p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {longest:.1f} ms")
    for turns in (True, False):
        with fresh() as folder, beside_ingest(folder, turns):
            store = open_store(folder, turns=turns)
            refused = 0

            def order(n: int, store: SqlStore = store) -> None:
                nonlocal refused
                try:
                    write_order(store, f"O{n}")
                except Unavailable:
                    refused += 1
                time.sleep(0.005)

            p50, p99, longest = percentiles(order, 200 if turns else 50)
            how = "taking turns" if turns else "polling as SQLite does"
            times = f"p50 {p50 - 5:.1f} ms, p99 {p99 - 5:.1f} ms, longest {longest - 5:.1f} ms"
            print(f"one order, beside batches of {BATCH}, {how}: {times}, given up after 5 s: {refused}")


@contextmanager
def beside_ingest(folder: str, turns: bool) -> Iterator[None]:
    """Keep an ingest busy meanwhile."""
    stop = multiprocessing.Event()
    busy = multiprocessing.Process(target=ingest, args=(folder, turns, stop), daemon=True)
    busy.start()
    time.sleep(1)
    try:
        yield
    finally:
        stop.set()
        busy.join(20)


def bench_reads() -> None:
    """Print what a snapshot and a page of events cost."""
    with fresh() as folder:
        store = open_store(folder)
        for n in range(10):
            write_batch(store, f"A{n}")

        def look(n: int) -> None:
            with store.reading() as r:
                r.events(r.head())

        def page(n: int) -> None:
            with store.reading() as r:
                assert len(r.events(500, limit=1_000)) == 1_000

        print(
            f"asking for new events when there are none: p50 {percentiles(look, 500)[0]:.2f} ms; "
            f"a page of 1,000: p50 {percentiles(page, 30)[0]:.1f} ms"
        )


def bench_positions() -> None:
    """Print fixes per second: the latest of each unit, and every tenth into the track."""
    with fresh() as folder:
        store, rounds, size = open_store(folder), 20, 500
        began = time.perf_counter()
        for n in range(rounds):
            fixes = [Fix(f"U{i}", 23.1, 113.4, n * 1_000 + 1, 3.0, 90.0, 8.0) for i in range(size)]
            store.save_positions(fixes, fixes[::10])
        print(f"positions in batches of {size}: {rounds * size / (time.perf_counter() - began):,.0f}/s")


if __name__ == "__main__":
    bench_batches()
    bench_orders()
    bench_reads()
    bench_positions()
