"""Leases, epochs and fencing: of two writers that both believe they are the one, the elder is refused."""

from typing import Any

import pytest

from dashboard.domain.errors import Fenced
from tests.contract.scenes import opened
from tests.fixtures_store import Stores


def test_a_lease_is_held_by_one(stores: Stores) -> None:
    store, other = stores.another(), stores.another()
    assert store.take_lease("ingest", "a", 1_000, 0) == 1
    assert other.take_lease("ingest", "b", 1_000, 999) is None
    assert other.take_lease("watch", "b", 1_000, 999) == 1


def test_renewing_keeps_the_epoch_and_prolongs(store: Any) -> None:
    assert store.take_lease("ingest", "a", 1_000, 0) == 1
    assert store.take_lease("ingest", "a", 1_000, 900) == 1
    assert store.take_lease("ingest", "b", 1_000, 1_899) is None
    assert store.take_lease("ingest", "b", 1_000, 1_900) == 2


def test_renewing_late_keeps_the_epoch_as_long_as_nobody_was_faster(store: Any) -> None:
    assert store.take_lease("ingest", "a", 1_000, 0) == 1
    assert store.take_lease("ingest", "a", 1_000, 50_000) == 1


def test_every_takeover_raises_the_epoch(store: Any) -> None:
    assert store.take_lease("ingest", "a", 1_000, 0) == 1
    assert store.take_lease("ingest", "b", 1_000, 1_000) == 2
    assert store.take_lease("ingest", "a", 1_000, 2_000) == 3


def test_a_lease_taken_for_no_time_is_given_back(store: Any) -> None:
    assert store.take_lease("ingest", "a", 1_000, 0) == 1
    assert store.take_lease("ingest", "a", 0, 10) == 1
    assert store.take_lease("ingest", "b", 1_000, 10) == 2


def test_an_offset_moves_with_its_transaction(stores: Stores) -> None:
    store, other = stores.another(), stores.another()
    assert store.offset("facts") == "0-0"
    epoch = store.take_lease("ingest", "a", 1_000, 0)
    with store.transaction() as tx:
        tx.advance("facts", epoch, "5-1")
        assert other.offset("facts") == "0-0"
    assert other.offset("facts") == "5-1"


def test_a_writer_whose_epoch_is_over_writes_nothing_at_all(stores: Stores) -> None:
    frozen, fresh = stores.another(), stores.another()
    old = frozen.take_lease("ingest", "a", 1_000, 0)
    with frozen.transaction() as tx:
        tx.advance("facts", old, "5-0")
    mine = fresh.take_lease("ingest", "b", 1_000, 2_000)
    assert fresh.offset("facts") == "5-0"
    # The successor has not written yet, and the predecessor is refused all the same.
    with pytest.raises(Fenced, match="epoch 1 is over"), frozen.transaction() as tx:
        tx.record(opened("I1"))
        tx.advance("facts", old, "6-0")
    assert (fresh.head(), fresh.offset("facts")) == (0, "5-0")
    with fresh.transaction() as tx:
        tx.advance("facts", mine, "6-0")
    assert fresh.offset("facts") == "6-0"


def test_without_a_lease_no_offset_moves(store: Any) -> None:
    with pytest.raises(Fenced, match="no lease"), store.transaction() as tx:
        tx.advance("facts", 1, "1-0")


def test_a_lease_fences_the_stream_of_its_own_name(store: Any) -> None:
    epoch = store.take_lease("relay", "a", 1_000, 0)
    with store.transaction() as tx:
        tx.advance("relay", epoch, "12-0")
    store.take_lease("relay", "b", 1_000, 1_000)
    assert store.offset("relay") == "12-0"
    with pytest.raises(Fenced), store.transaction() as tx:
        tx.advance("relay", epoch, "13-0")
