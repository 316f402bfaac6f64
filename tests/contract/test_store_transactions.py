"""What a transaction promises, on every store."""

import threading
from typing import Any

import pytest
from sqlalchemy import text

from dashboard.domain import events as e
from dashboard.domain.errors import Conflict, Fenced
from tests.contract.scenes import closed, letter, new, noted, opened, unit
from tests.fixtures_store import Stores


class Stumble(Exception):
    pass


def everything(store: Any) -> tuple[Any, ...]:
    """What a store holds, for comparing."""
    with store.reading() as r:
        return (
            r.head(),
            r.events(),
            r.find("incident"),
            r.vitals(),
            r.dead_letters(open_only=False),
            store.offset("facts"),
        )


def test_a_transaction_that_fails_leaves_nothing(store: Any) -> None:
    epoch = store.take_lease("ingest", "a", 5_000, 1_000)
    before = everything(store)
    with pytest.raises(Stumble), store.transaction() as tx:
        tx.record(opened("I1"))
        assert tx.number("INC", "20261123") == 1
        assert tx.once("110", "k", 5)
        tx.advance("facts", epoch, "7-0")
        tx.vital("pulse", 5)
        tx.bury(letter("D1"))
        raise Stumble
    assert everything(store) == before
    with store.transaction() as tx:
        assert tx.number("INC", "20261123") == 1
        assert tx.once("110", "k", 5)
        assert tx.record(opened("I1"))[0].position == 1


def test_what_was_recorded_is_read_back_as_it_was(store: Any) -> None:
    with store.transaction() as tx:
        written = (
            tx.record(opened("I1")) + tx.record(unit("U1")) + tx.record(noted("I1", 1, "水泵 \U0001f692 'x' \\ \n"))
        )
    with store.reading() as r:
        assert r.events() == written
        assert r.head() == 4
        assert [x.position for x in written] == [1, 2, 3, 4]
        assert [x.version for x in r.events(subject="incident:I1")] == [1, 2]
        assert r.load("incident", "I1").version == 2
        assert r.load("incident", "I1").place.name == "开源大道"
        assert r.load("unit", "U1").on_duty is True
        assert r.load("unit", "nobody") is None
    assert store.head() == 4
    assert len({x.id for x in written}) == 4


def test_every_event_survives_its_row(store: Any) -> None:
    order = e.OrderQueued(
        number="1",
        incident_id="I",
        unit_id="U",
        severity=1,
        text="去",
        ack_limit_s=30,
        ack_due_at=9,
        by="li",
        channels=("sms", "terminal"),
        eta_s=120,
    )
    alarm = e.AlarmRaised(
        rule="source_lost", subject="source:x", severity=2, params={"n": 3, "s": "甲", "f": 0.5}, ack_due_at=8
    )
    level = e.LevelProposed(level="II", reason="台风预警升级到橙色", by="li", proposal_id="P1")
    with store.transaction() as tx:
        tx.record(new("order", "O1", order))
        tx.record(new("alarm", "source_lost:source:x", alarm))
        tx.record(new("level", "4401", level, area="4401"))
        tx.record(new("source", "110", e.SourceRegistered(name="110", source_kind="calls", cadence_s=10)))
        tx.record(new("camera", "C1", e.CameraRegistered(name="c", source="cam")))
        tx.record(
            new("camera_alert", "CA1", e.CameraAlertRaised(camera_id="C1", rule="smoke", severity=2, confidence=0.75))
        )
        case = e.DisputeOpened(
            number="1",
            title="t",
            category="labour",
            grade="ordinary",
            channel="",
            workflow="w",
            steps=("a", "b"),
            due_at=9,
            accepted_at=1,
        )
        tx.record(new("dispute", "G1", case))
        inside = {
            kind: tx.find(kind) for kind in ("order", "alarm", "level", "source", "camera", "camera_alert", "dispute")
        }
    with store.reading() as r:
        assert [x.event for x in r.events()][:3] == [order, alarm, level]
        assert {kind: r.find(kind) for kind in inside} == inside
        assert r.load("order", "O1").channels == ("sms", "terminal")
        assert r.load("alarm", "source_lost:source:x").params == {"n": 3, "s": "甲", "f": 0.5}


def test_the_second_of_two_decisions_on_one_version_is_a_conflict_that_says_who_was_first(store: Any) -> None:
    with store.transaction() as tx:
        tx.record(opened("I1"))
    with store.transaction() as tx:
        tx.record(noted("I1", 1, actor="commander:li"))
    with pytest.raises(Conflict) as found, store.transaction() as tx:
        tx.record(noted("I1", 1, actor="commander:wang"))
    assert found.value.key == "conflict.version"
    assert found.value.params | {"at": 0} == {
        "subject": "incident:I1",
        "expected": 1,
        "version": 2,
        "by": "commander:li",
        "at": 0,
    }
    assert store.head() == 2


def test_a_thing_is_created_once(store: Any) -> None:
    with store.transaction() as tx:
        tx.record(opened("I1"))
        with pytest.raises(Conflict):
            tx.record(opened("I1"))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.record(opened("I1"))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.record(noted("I2", 3))
    assert store.head() == 1


def test_recording_nothing_writes_nothing(store: Any) -> None:
    with store.transaction() as tx:
        assert tx.record(new("incident", "I1")) == []
    assert store.head() == 0


def test_one_subject_many_times_in_one_transaction(store: Any) -> None:
    with store.transaction() as tx:
        tx.record(opened("I1"))
        for version in range(1, 40):
            tx.record(noted("I1", version))
        tx.record(closed("I1", 40))
    with store.reading() as r:
        assert [x.version for x in r.events(subject="incident:I1")] == list(range(1, 42))
        assert (r.load("incident", "I1").status, r.load("incident", "I1").version) == ("closed", 41)


def test_a_savepoint_undoes_its_part_only(store: Any) -> None:
    with store.transaction() as tx:
        tx.record(opened("I1"))
        with pytest.raises(Stumble), tx.savepoint():
            tx.record(opened("I2"))
            tx.record(noted("I1", 1))
            tx.once("110", "k", 1)
            tx.number("INC", "20261123")
            tx.vital("pulse", 9)
            tx.bury(letter("D9"))
            raise Stumble
        with tx.savepoint():
            assert tx.load("incident", "I2") is None
            assert tx.load("incident", "I1").version == 1
            assert tx.once("110", "k", 1)
            assert tx.number("INC", "20261123") == 1
            third = tx.record(opened("I3"))
            with pytest.raises(Stumble), tx.savepoint():
                tx.record(noted("I3", 1))
                raise Stumble
        assert third[0].position == 2
        assert tx.head() == 2
    with store.reading() as r:
        assert [x.subject for x in r.events()] == ["incident:I1", "incident:I3"]
        assert [i.id for i in r.find("incident")] == ["I1", "I3"]
        assert r.load("incident", "I3").version == 1
        assert (r.vitals(), r.dead_letters()) == ({}, [])


def test_a_transaction_sees_what_it_has_done_and_nobody_else_does(stores: Stores) -> None:
    store, other = stores.another(), stores.another()
    with store.transaction() as tx:
        tx.record(opened("I1"))
    with store.transaction() as tx:
        tx.record(opened("I2", severity=1))
        tx.record(closed("I1", 1))
        tx.vital("pulse", 7, {"n": 1})
        tx.bury(letter("D1"))
        assert tx.head() == 3
        assert [x.position for x in tx.events(1)] == [2, 3]
        assert [x.position for x in tx.events(0, limit=2)] == [1, 2]
        assert [x.position for x in tx.events(0, until=2)] == [1, 2]
        assert [x.position for x in tx.events(0, subject="incident:I1")] == [1, 3]
        assert [i.id for i in tx.find("incident", [("status", "=", "closed")])] == ["I1"]
        assert tx.count("incident", [("status", "=", "reported")]) == 1
        assert tx.count("incident") == 2
        assert tx.vitals() == {"pulse": (7, {"n": 1})}
        assert [d.id for d in tx.dead_letters()] == ["D1"]
        with other.reading() as r:
            assert (r.head(), r.count("incident"), r.vitals(), r.dead_letters()) == (1, 1, {}, [])
            assert r.load("incident", "I1").status == "reported"
    with other.reading() as r:
        assert (r.head(), r.count("incident"), r.vitals()) == (3, 2, {"pulse": (7, {"n": 1})})


def test_a_reading_stays_at_its_moment(stores: Stores) -> None:
    store, other = stores.another(), stores.another()
    with store.transaction() as tx:
        tx.record(opened("I1"))
    with store.reading() as r:
        with other.transaction() as tx:
            tx.record(noted("I1", 1))
            tx.record(opened("I2"))
            tx.vital("pulse", 1)
        assert r.head() == 1
        assert r.load("incident", "I1").version == 1
        assert r.count("incident") == 1
        assert [x.position for x in r.events()] == [1]
        assert r.events(subject="incident:I2") == []
        assert r.vitals() == {}
        with other.reading() as later:
            assert (later.head(), later.load("incident", "I1").version) == (3, 2)


def test_events_come_in_pages(store: Any) -> None:
    with store.transaction() as tx:
        for n in range(25):
            tx.record(opened(f"I{n}"))
    with store.reading() as r:
        seen: list[int] = []
        while page := r.events(seen[-1] if seen else 0, limit=10):
            seen += [x.position for x in page]
        assert seen == list(range(1, 26))
        assert [x.position for x in r.events(3, until=5)] == [4, 5]
        assert r.events(25) == []


def test_numbers_grow_by_one_per_series_and_day(store: Any) -> None:
    with store.transaction() as tx:
        assert [tx.number("INC", "20261123") for _ in range(3)] == [1, 2, 3]
        assert tx.number("ORD", "20261123") == 1
    with store.transaction() as tx:
        assert tx.number("INC", "20261123") == 4
        assert tx.number("INC", "20261124") == 1


def test_a_key_is_new_once_per_source(store: Any) -> None:
    with store.transaction() as tx:
        assert tx.once("110", "k", 1)
        assert not tx.once("110", "k", 1)
        assert tx.once("119", "k", 1)
    with store.transaction() as tx:
        assert not tx.once("110", "k", 2)
    assert store.prune(keys_before=1) == 0
    assert store.prune(keys_before=2, limit=1) == 1
    assert store.prune(keys_before=2) == 1
    with store.transaction() as tx:
        assert tx.once("110", "k", 3)


def test_transactions_do_not_nest(store: Any) -> None:
    with store.transaction() as tx:
        tx.record(opened("I1"))
        with pytest.raises(RuntimeError, match="savepoint"), store.transaction():
            pass
    assert store.head() == 1


def test_writers_take_turns_and_lose_no_decision(stores: Stores) -> None:
    first = stores.another()
    with first.transaction() as tx:
        tx.record(opened("I1"))
    numbers: list[int] = []
    faults: list[BaseException] = []

    def write(store: Any) -> None:
        try:
            for _ in range(20):
                with store.transaction() as tx:
                    tx.record(noted("I1", tx.load("incident", "I1").version))
                    numbers.append(tx.number("INC", "20261123"))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(stores.another(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(numbers) == list(range(1, 61))
    with first.reading() as r:
        assert r.load("incident", "I1").version == 61
        assert [x.position for x in r.events()] == list(range(1, 62))


def test_a_row_that_moved_behind_the_writers_back_stops_the_commit(databases: Stores) -> None:
    store = databases.another()
    with store.transaction() as tx:
        tx.record(opened("I1"))
    epoch = store.take_lease("ingest", "a", 5_000, 0)
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.record(noted("I1", 1))
        tx._ground._connection.execute(text("UPDATE state_incident SET version = 7"))
    with pytest.raises(Fenced), store.transaction() as tx:
        tx.record(noted("I1", 1))
        tx.advance("facts", epoch, "9-0")
        tx._ground._connection.execute(text("UPDATE stream_offset SET epoch = 2"))
    assert (store.head(), store.offset("facts")) == (1, "0-0")
