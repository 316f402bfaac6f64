"""Questions to a store: the same answer everywhere, also within the transaction that has just changed it."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.domain import events as e
from dashboard.ports import Condition
from tests.contract.scenes import closed, new, opened, unit

Ask = Callable[..., list[str]]

AREAS = ["", "44", "4401", "440112", "440112101", "440113", "4402", "甲", "甲乙", "\U0010ffff", "\U0010ffffz"]


@pytest.fixture
def ask(store: Any) -> Ask:
    """Eleven incidents: one per area, severities 1-4 in turn, the third and sixth closed at different instants."""
    clock = store.clock
    with store.transaction() as tx:
        for n, area in enumerate(AREAS):
            clock.advance(10)
            tx.record(opened(f"I{n:02}", area=area, severity=1 + n % 4, external_ref="r" if n == 5 else ""))
        for n in (6, 3):
            clock.advance(10)
            tx.record(closed(f"I{n:02}", 1))

    def find(*conditions: Condition, **how: Any) -> list[str]:
        with store.reading() as r:
            found = [i.id[1:] for i in r.find("incident", conditions, **how)]
            if "limit" not in how:
                assert r.count("incident", conditions) == len(found)
            return found

    return find


def ids(*numbers: int) -> list[str]:
    return [f"{n:02}" for n in numbers]


def test_comparisons(ask: Ask) -> None:
    assert ask(("severity", "=", 2)) == ids(1, 5, 9)
    assert ask(("severity", "!=", 2)) == ids(0, 2, 3, 4, 6, 7, 8, 10)
    assert ask(("severity", "<", 2)) == ids(0, 4, 8)
    assert ask(("severity", "<=", 2)) == ids(0, 1, 4, 5, 8, 9)
    assert ask(("severity", ">", 3)) == ids(3, 7)
    assert ask(("severity", ">=", 3)) == ids(2, 3, 6, 7, 10)
    assert ask(("status", "=", "closed"), ("severity", "=", 4)) == ids(3)
    assert ask(("id", "=", "I07")) == ids(7)
    assert ask() == ids(*range(11))


def test_membership(ask: Ask) -> None:
    assert ask(("severity", "in", [1, 4])) == ids(0, 3, 4, 7, 8)
    assert ask(("severity", "in", frozenset({1}))) == ids(0, 4, 8)
    assert ask(("severity", "in", {9})) == []
    assert ask(("severity", "in", [])) == []
    assert ask(("id", "in", [f"I{n:02}" for n in range(500)])) == ids(*range(11))


def test_a_prefix_is_the_whole_sub_tree_and_nothing_else(ask: Ask) -> None:
    assert ask(("area", "prefix", "4401")) == ids(2, 3, 4, 5)
    assert ask(("area", "prefix", "440112")) == ids(3, 4)
    assert ask(("area", "prefix", "甲")) == ids(7, 8)
    assert ask(("area", "prefix", "\U0010ffff")) == ids(9, 10)
    assert ask(("area", "prefix", "")) == ids(*range(11))
    assert ask(("area", "prefix", "%")) == []


def test_what_is_absent(ask: Ask) -> None:
    closed_at = 1_763_860_000_000 + 120
    assert ask(("closed_at", "=", None)) == ids(0, 1, 2, 4, 5, 7, 8, 9, 10)
    assert ask(("closed_at", "!=", None)) == ids(3, 6)
    assert ask(("closed_at", "!=", closed_at)) == ids(0, 1, 2, 3, 4, 5, 7, 8, 9, 10)
    assert ask(("closed_at", "<=", closed_at)) == ids(6)
    assert ask(("closed_at", "in", [closed_at, None])) == ids(0, 1, 2, 4, 5, 6, 7, 8, 9, 10)
    assert ask(("closed_at", "in", [None])) == ids(0, 1, 2, 4, 5, 7, 8, 9, 10)


def test_order_and_limit(ask: Ask) -> None:
    assert ask(order="-severity", limit=3) == ids(3, 7, 2)
    assert ask(order="severity", limit=4) == ids(0, 4, 8, 1)
    assert ask(order="-opened_at", limit=2) == ids(10, 9)
    assert ask(order="-id", limit=2) == ids(10, 9)
    assert ask(order="closed_at") == ids(6, 3, 0, 1, 2, 4, 5, 7, 8, 9, 10)
    assert ask(order="-closed_at") == ids(3, 6, 0, 1, 2, 4, 5, 7, 8, 9, 10)
    assert ask(order="area") == ids(*range(11))
    assert ask(order="-area", limit=3) == ids(10, 9, 8)
    assert ask(limit=0) == []


def test_strings_compare_by_code_point_and_by_no_language(store: Any) -> None:
    refs = ["-Z", "Z", "Z-1", "Zz", "_a", "a", "b", "z1", "ä", "张", "李"]
    with store.transaction() as tx:
        for n, ref in enumerate(reversed(refs)):
            tx.record(opened(f"I{n:02}", external_ref=ref))
    with store.reading() as r:
        assert [i.external_ref for i in r.find("incident", order="external_ref")] == sorted(refs)
        assert [
            i.external_ref for i in r.find("incident", [("external_ref", "prefix", "Z")], order="external_ref")
        ] == ["Z", "Z-1", "Zz"]
        assert [
            i.external_ref for i in r.find("incident", [("external_ref", ">", "a")], order="external_ref")
        ] == sorted(refs)[6:]


def test_truth_values(store: Any) -> None:
    with store.transaction() as tx:
        tx.record(unit("U1"))
        tx.record(unit("U2", on_duty=False))
    with store.reading() as r:
        assert [u.id for u in r.find("unit", [("on_duty", "=", True)])] == ["U1"]
        assert [u.id for u in r.find("unit", [("on_duty", "!=", True)])] == ["U2"]
        assert [u.id for u in r.find("unit", order="-on_duty")] == ["U1", "U2"]


@pytest.mark.parametrize(
    ("conditions", "order", "complaint"),
    [
        ([("title", "=", "x")], "", "incident.title is not indexed"),
        ([("status", "like", "x")], "", "unknown operator 'like'"),
        ([("severity", "<", None)], "", "means nothing"),
        ([], "title", "incident.title is not indexed"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    store: Any, conditions: list[Condition], order: str, complaint: str
) -> None:
    with store.reading() as r, pytest.raises(ValueError, match=complaint):
        r.find("incident", conditions, order=order)
    with store.transaction() as tx, pytest.raises(ValueError, match=complaint):
        tx.find("incident", conditions, order=order)


def test_an_unknown_kind_is_refused(store: Any) -> None:
    with store.reading() as r, pytest.raises(ValueError, match="unknown kind 'ship'"):
        r.find("ship")
    with store.transaction() as tx, pytest.raises(ValueError, match="unknown kind 'ship'"):
        tx.record(new("ship", "S1", e.IncidentNoted(text="x")))


QUESTIONS: list[tuple[list[Condition], str, int | None]] = [
    ([], "", None),
    ([("status", "=", "reported")], "-opened_at", 5),
    ([("severity", "in", [1, 2]), ("area", "prefix", "4401")], "severity", None),
    ([("closed_at", "!=", None)], "-closed_at", 3),
    ([("closed_at", "=", None), ("severity", ">=", 2)], "-area", 7),
    ([("status", "!=", "closed")], "closed_at", None),
]


@pytest.mark.parametrize("seed", range(4))
def test_a_transaction_answers_as_the_store_will_after_it(store: Any, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(4):
        with store.transaction() as tx:
            for _ in range(dice.randrange(1, 15)):
                store.clock.advance(dice.randrange(5))
                id = f"I{dice.randrange(30):02}"
                known = tx.load("incident", id)
                if known is None:
                    tx.record(opened(id, area=dice.choice(AREAS), severity=dice.randrange(1, 5)))
                elif known.status == "closed":
                    tx.record(new("incident", id, e.IncidentReopened(), version=known.version, area=known.area))
                elif dice.random() < 0.5:
                    tx.record(closed(id, known.version))
                else:
                    changed = e.IncidentChanged(severity=dice.randrange(1, 5))
                    tx.record(new("incident", id, changed, version=known.version, area=dice.choice(AREAS)))
            within = [tx.find("incident", c, order=o, limit=n) for c, o, n in QUESTIONS]
            counted = [tx.count("incident", c) for c, _, _ in QUESTIONS]
        with store.reading() as r:
            assert [r.find("incident", c, order=o, limit=n) for c, o, n in QUESTIONS] == within
            assert [r.count("incident", c) for c, _, _ in QUESTIONS] == counted
