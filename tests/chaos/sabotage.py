"""Starts a worker with one safeguard taken out, to show that the checker notices.

``python tests/chaos/sabotage.py attempt|offset|outbox workers.<name>``
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec


def attempt() -> None:
    """(i) A delivery worker claims without asking which attempt is on: no ``WHERE attempt = :mine``."""
    from dashboard.domain import dispatch
    from dashboard.domain import events as e

    def claim(state: Any, attempt: int, now: int, lease_ms: int, worker: str) -> list[Any]:
        return [e.OrderClaimed(attempt=attempt, channel=state.channel, lease_until=now + lease_ms, worker=worker)]

    dispatch.claim = claim


def offset() -> None:
    """(ii) The stream's offset is committed by itself, before the batch it stands for."""
    from workers.ingest import Ingest

    real = Ingest._take

    def take(self: Any, entries: Any, epoch: int | None) -> str:
        if epoch is not None:
            with self._store.transaction() as tx:
                tx.advance("facts", epoch, entries[-1].id)
        last = entries[-1].id
        while entries:
            taken = real(self, entries, None)
            entries = [entry for entry in entries if _order(entry.id) > _order(taken)]
        return last

    Ingest._take = take


def outbox() -> None:
    """(iii) Whoever commits tells the others afterwards, and the relay reads no event table."""
    from datasource.sql.store import SqlStore
    from workers.relay import Relay

    Relay._publish = lambda self: False
    Relay._find_cursor = lambda self: None
    publish_after_commit(SqlStore)


def publish_after_commit(store: type) -> None:
    """Make a store's transactions publish their events once they have committed, as far as Redis is there."""
    from datasource.bootstrap import open_backend
    from datasource.settings import load

    real = store.transaction
    backends: list[Any] = []

    @contextlib.contextmanager
    def transaction(self: Any) -> Iterator[Any]:
        with real(self) as work:
            yield work
        if events := work.pending.events:
            backends.append(backends[0] if backends else open_backend(SETTINGS[0] if SETTINGS else load()))
            with contextlib.suppress(Exception):
                backends[0].stream.add_many(
                    "changes", [msgspec.json.encode(r) for r in events], ids=[f"{r.position}-0" for r in events]
                )
                for r in events:
                    kind = type(r.event).__name__
                    if kind == "OrderQueued":
                        backends[0].jobs.enqueue("terminal", r.subject_id, 1)
                    elif kind == "OrderReissued":
                        backends[0].jobs.enqueue("terminal", r.subject_id, r.event.attempt)

    store.transaction = transaction


SETTINGS: list[Any] = []
MODES: dict[str, Callable[[], None]] = {"attempt": attempt, "offset": offset, "outbox": outbox}


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


if __name__ == "__main__":
    MODES[sys.argv[1]]()
    importlib.import_module(sys.argv[2]).main()
