"""Facts go into SQL once, in order, and none gets in the way of another."""

import pytest

from dashboard.domain import commands as c
from datasource import facts
from workers import ingest as module
from workers.loop import Fenced


def test_a_report_becomes_an_incident_and_the_offset_moves_with_it(centre):
    last = centre.report(1)
    centre.ingest().step()
    assert [i.title for i in centre.find("incident")] == ["火情1"]
    assert centre.store.offset("facts") >= last


def test_the_same_fact_twice_has_one_effect(centre):
    for _ in range(2):
        centre.report(1, fact_id="F-same")
    centre.ingest().step()
    assert len(centre.find("incident")) == 1
    assert centre.letters() == []


def test_a_fact_read_again_after_a_crash_has_one_effect(centre):
    centre.report(1)
    first = centre.ingest("one")
    first.step()
    # The offset as it was before: as if SQL had been restored to it, the facts come again.
    epoch, _ = centre.store.offsets["facts"]
    centre.store.offsets["facts"] = (epoch, "0-0")
    first.reset()
    first.step()
    assert len(centre.find("incident")) == 1


def test_a_fact_that_is_refused_is_buried_with_the_reason_and_the_others_are_applied(centre):
    centre.report(1)
    centre.report(2, category="no such category")
    centre.report(3)
    centre.ingest().step()
    assert [i.title for i in centre.find("incident")] == ["火情1", "火情3"]
    (letter,) = centre.letters()
    assert (letter.reason, letter.source, letter.params["field"]) == ("invalid.category", "s-110", "category")


def test_a_fact_that_fails_half_way_leaves_nothing_behind(centre):
    master = {"name": "n", "area": "440112"}
    good, bad = (
        c.UnitMaster(unit_id="U1", kind="fire", **master),
        c.UnitMaster(unit_id="U2", kind="no such kind", **master),
    )
    centre.fact(c.RegisterUnits(units=(good, bad), source="s-fleet"), "s-fleet")
    centre.report(1)
    centre.ingest().step()
    assert centre.find("unit") == []
    assert len(centre.find("incident")) == 1
    assert [letter.reason for letter in centre.letters()] == ["invalid.unit_kind"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff not json", "dead.undecodable"),
        (b'{"id":"F","kind":"Nonsense","source":"s","received_at":1,"body":{}}', "dead.unknown_kind"),
        (b'{"id":"F","kind":"SendOrder","source":"s","received_at":1,"body":{}}', "dead.unknown_kind"),
        (b'{"id":"F","kind":"TakeReceipt","source":"s","received_at":1,"body":{"order_id":5}}', "dead.bad_body"),
    ],
)
def test_what_cannot_be_read_is_buried_with_its_bytes(centre, body, reason):
    centre.raw(body)
    centre.report(1)
    centre.ingest().step()
    (letter,) = centre.letters()
    assert (letter.reason, letter.body) == (reason, body)
    assert len(centre.find("incident")) == 1


def test_a_mistake_of_ours_buries_the_fact_and_not_the_loop(centre, monkeypatch):
    real = centre.desk.apply

    def apply(tx, command, actor):
        if getattr(command, "title", "") == "火情2":
            raise KeyError("a mistake")
        return real(tx, command, actor)

    monkeypatch.setattr(centre.desk, "apply", apply)
    for n in (1, 2, 3):
        centre.report(n)
    centre.ingest().step()
    assert [i.title for i in centre.find("incident")] == ["火情1", "火情3"]
    assert [letter.reason for letter in centre.letters()] == ["dead.fault"]


def test_a_database_that_is_away_buries_nothing(centre, monkeypatch):
    def apply(tx, command, actor):
        raise ConnectionError("away")

    centre.report(1)
    worker = centre.ingest()
    with monkeypatch.context() as away:
        away.setattr(centre.desk, "apply", apply)
        for _ in range(3):
            with pytest.raises(ConnectionError):
                worker.step()
    assert centre.letters() == []
    worker.step()
    assert len(centre.find("incident")) == 1


def test_a_fact_the_database_will_never_have_is_found_and_buried(centre, monkeypatch):
    from datasource.errors import Unavailable

    real = centre.desk.apply

    def apply(tx, command, actor):
        if getattr(command, "title", "") == "火情2":
            raise Unavailable("too many variables")
        return real(tx, command, actor)

    monkeypatch.setattr(centre.desk, "apply", apply)
    for n in (1, 2, 3):
        centre.report(n)
    worker = centre.ingest()
    for _ in range(module.STUCK_TRIES):
        with pytest.raises(Unavailable):
            worker.step()
    worker.step()
    assert [i.title for i in centre.find("incident")] == ["火情1", "火情3"]
    assert [letter.reason for letter in centre.letters()] == ["dead.fault"]


def test_a_buried_fact_can_be_sent_again_and_counts_then(centre):
    centre.fact(c.TakeReceipt(order_id="DP-1", unit_id="U1", receipt="accepted", device_at=5), "s-fleet")
    worker = centre.ingest()
    worker.step()
    (letter,) = centre.letters()
    assert letter.reason == "notfound.order"
    centre.units("U1")
    order = centre.order("U1")
    fixed = letter.body.replace(b"DP-1", order.encode())
    facts.replay(
        type(letter)(**{f: getattr(letter, f) for f in letter.__struct_fields__} | {"body": fixed}),
        centre.stream,
        centre.store,
        centre.clock,
    )
    worker.step()
    assert centre.get("order", order).status == "accepted"
    assert centre.letters() == []


def test_a_letter_sent_again_twice_counts_once(centre):
    centre.report(1, category="no such category")
    worker = centre.ingest()
    worker.step()
    (letter,) = centre.letters()
    fixed = letter.body.replace(b"no such category", b"fire")
    again = type(letter)(**{f: getattr(letter, f) for f in letter.__struct_fields__} | {"body": fixed})
    for _ in range(2):
        facts.replay(again, centre.stream, centre.store, centre.clock)
        centre.clock.advance(5_000)
    worker.step()
    assert len(centre.find("incident")) == 1


def test_a_database_that_is_locked_for_long_buries_nothing(centre, monkeypatch):
    from datasource.errors import Unavailable

    locked = True
    real = centre.store.transaction

    def transaction():
        nonlocal locked
        if locked:
            raise Unavailable("another writer has held the database for 5 s")
        return real()

    worker = centre.ingest()
    worker.step()
    centre.report(1)
    monkeypatch.setattr(centre.store, "transaction", transaction)
    for _ in range(module.STUCK_TRIES + 3):
        with pytest.raises(Unavailable):
            worker.step()
    # The lock ends while a fact is being tried alone: between its own attempt and the attempt to bury it.
    attempts = 0

    def ends():
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise Unavailable("another writer has held the database for 5 s")
        return real()

    monkeypatch.setattr(centre.store, "transaction", ends)
    with pytest.raises(Unavailable):
        worker.step()
    worker.step()
    assert centre.letters() == []
    assert len(centre.find("incident")) == 1


def test_a_woken_writer_of_an_old_epoch_commits_nothing(centre):
    frozen, successor = centre.ingest("frozen"), centre.ingest("successor")
    frozen.step()
    centre.clock.advance(10_000)
    successor.step()
    centre.report(1)
    # The frozen one believes in its lease: it has not looked since it fell asleep.
    with pytest.raises(Fenced):
        frozen.step()
    assert centre.find("incident") == []
    successor.step()
    assert len(centre.find("incident")) == 1


def test_while_another_holds_the_lease_nothing_is_read(centre):
    centre.ingest("one").step()
    standby = centre.ingest("two")
    centre.report(1)
    assert standby.step() > 0
    assert centre.find("incident") == []
    assert standby.note == "standby"


def test_the_pulse_goes_all_the_way(centre):
    worker = centre.ingest()
    worker.step()
    assert centre.vitals()["pulse"][0] == centre.clock.now()


def test_each_source_is_seen_when_it_last_spoke(centre):
    centre.report(1)
    centre.clock.advance(700)
    centre.report(2)
    centre.raw(
        facts.encode("F-9", "TakeReceipt", "unit:U1", centre.clock.now(), c.TakeReceipt(order_id="x", receipt="read"))
    )
    centre.ingest().step()
    seen = {key: at for key, (at, _) in centre.vitals().items() if key.startswith("source:")}
    assert seen == {"source:s-110": centre.clock.now()}


def test_only_what_is_committed_is_trimmed(centre, monkeypatch):
    worker = centre.ingest()
    centre.report(1)
    worker.step()
    centre.report(2)
    monkeypatch.setattr(worker, "_next_housekeeping", 0.0)
    with monkeypatch.context() as away:
        away.setattr(centre.desk, "apply", lambda *args: (_ for _ in ()).throw(ConnectionError("away")))
        with pytest.raises(ConnectionError):
            worker.step()
    waiting = [facts.decode(e.body).kind for e in centre.stream.read({"facts": centre.store.offset("facts")})["facts"]]
    assert waiting == ["TakeReport", "Pulse"]
    worker.step()
    assert len(centre.find("incident")) == 2


def test_a_stream_that_began_anew_behind_the_offset_loses_nothing(centre):
    worker = centre.ingest()
    centre.report(1)
    worker.step()
    centre.stream.wipe()
    centre.clock.set(centre.clock.now() - 60_000)  # Redis came back on a machine whose clock is behind
    centre.report(2)
    worker.reset()
    worker.step()
    centre.report(3)
    worker.step()
    assert [i.title for i in centre.find("incident")] == ["火情1", "火情2", "火情3"]


def test_a_long_batch_is_cut_so_that_an_order_need_not_wait(centre, monkeypatch):
    monkeypatch.setattr(module, "TRANSACTION_S", 0.0)
    for n in range(5):
        centre.report(n)
    worker = centre.ingest()
    assert worker.step() > 0
    assert len(centre.find("incident")) == 1
    for _ in range(4):
        worker.step()
    assert len(centre.find("incident")) == 5
