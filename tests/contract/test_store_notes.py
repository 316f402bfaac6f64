"""What stores keep besides events: signs of life, dead letters, positions."""

from typing import Any

import pytest

from dashboard.domain.errors import NotFound
from dashboard.domain.position import Fix
from tests.contract.scenes import letter


def test_a_sign_of_life_never_goes_back(store: Any) -> None:
    for at, detail, kept in ((10, {"a": 1}, 1), (5, {"a": 2}, 1), (10, {"a": 3}, 3), (9, {"a": 4}, 3)):
        with store.transaction() as tx:
            tx.vital("pulse", at, detail)
        with store.reading() as r:
            assert r.vitals() == {"pulse": (10, {"a": kept})}
    with store.transaction() as tx:
        tx.vital("source:110", 9)
        tx.vital("source:110", 8)
    with store.reading() as r:
        assert r.vitals() == {"pulse": (10, {"a": 3}), "source:110": (9, {})}


def test_dead_letters_are_kept_whole_and_read_newest_first(store: Any) -> None:
    with store.transaction() as tx:
        for n in (1, 3, 2):
            tx.bury(letter(f"D{n}", buried_at=n))
        tx.bury(letter("D0", buried_at=0))
    with store.reading() as r:
        found = r.dead_letters()
        assert [d.id for d in found] == ["D0", "D3", "D2", "D1"]
        assert found[1] == letter("D3", buried_at=3)
        assert found[0].buried_at == store.clock.now()
        assert [d.id for d in r.dead_letters(limit=2)] == ["D0", "D3"]


def test_a_letter_sent_again_is_open_no_more_until_it_fails_again(store: Any) -> None:
    with store.transaction() as tx:
        tx.bury(letter("D1"))
        tx.bury(letter("D2"))
    store.mark_replayed("D1", 77)
    with store.reading() as r:
        assert [d.id for d in r.dead_letters()] == ["D2"]
        assert {d.id: d.replayed_at for d in r.dead_letters(open_only=False)} == {"D1": 77, "D2": None}
    with store.transaction() as tx:
        tx.bury(letter("D1", reason="other", buried_at=90))
        assert [d.id for d in tx.dead_letters()] == ["D1", "D2"]
    with store.reading() as r:
        assert [(d.id, d.reason) for d in r.dead_letters()] == [("D1", "other"), ("D2", "notfound.unit")]


def test_a_letter_nobody_wrote_cannot_be_sent_again(store: Any) -> None:
    with pytest.raises(NotFound):
        store.mark_replayed("D404", 1)


def test_the_latest_fix_is_the_latest_by_its_own_clock(store: Any) -> None:
    store.save_positions([Fix("U1", 23.1, 113.2, 1_000, 3.5, 90.0, 8.0), Fix("U2", 23.0, 113.0, 1_000)], [])
    store.save_positions([Fix("U1", 20.0, 110.0, 900), Fix("U3", 23.0, 113.0, 5)], [])
    store.save_positions(
        [Fix("U2", 23.5, 113.5, 1_001), Fix("U2", 23.6, 113.6, 1_003), Fix("U2", 23.4, 113.4, 1_002)], []
    )
    store.save_positions([], [])
    with store.reading() as r:
        assert r.positions() == {
            "U1": Fix("U1", 23.1, 113.2, 1_000, 3.5, 90.0, 8.0),
            "U2": Fix("U2", 23.6, 113.6, 1_003),
            "U3": Fix("U3", 23.0, 113.0, 5),
        }
        assert set(r.positions(["U3", "U9"])) == {"U3"}
        assert r.positions([]) == {}
    with store.transaction() as tx:
        assert set(tx.positions(["U1"])) == {"U1"}


def test_a_track_is_kept_in_order_without_doubles_and_forgotten_when_old(store: Any) -> None:
    fixes = [Fix("U1", 23.0 + n / 100, 113.0, n * 10) for n in (3, 1, 2)]
    store.save_positions([], fixes)
    store.save_positions([], [*fixes, Fix("U2", 1.0, 2.0, 10)])
    assert [f.at for f in store.track("U1", 0, 1_000)] == [10, 20, 30]
    assert [f.at for f in store.track("U1", 20, 30)] == [20]
    assert [f.at for f in store.track("U1", 0, 1_000, limit=1)] == [10]
    assert [store.prune(tracks_before=20, limit=1) for _ in range(3)] == [1, 1, 0]
    assert [f.at for f in store.track("U1", 0, 1_000)] == [20, 30]
    assert store.track("U2", 0, 1_000) == []
