"""The merge rule, by the vectors that its JavaScript twin is held to as well."""

import json
from pathlib import Path
from typing import Any

import pytest

from dashboard.projections.merge import TOMBS_KEPT, Picture

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merge.json").read_text(encoding="utf-8"))


def filled(kinds: dict[str, Any]) -> dict[str, Any]:
    return {kind: some for kind, some in kinds.items() if some}


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_the_vector_holds(case: dict[str, Any]) -> None:
    picture = Picture()
    assert [picture.receive(m) for m in case["messages"]] == case["results"]
    assert filled(picture.cards) == case["cards"]
    assert filled(picture.tombs) == case["tombs"]
    assert picture.summary == case["summary"]
    assert (picture.seq, picture.epoch) == (case["seq"], case["epoch"])


def test_the_order_of_messages_about_one_card_does_not_matter() -> None:
    put, drop = {"id": "i", "v": 4}, 5
    one, other = Picture(), Picture()
    one.put("incident", put)
    one.drop("incident", "i", drop)
    other.drop("incident", "i", drop)
    other.put("incident", put)
    assert one.cards == other.cards == {"incident": {}}
    assert one.tombs == other.tombs == {"incident": {"i": 5}}


def test_tombstones_are_bounded_and_the_oldest_go_first() -> None:
    picture = Picture()
    for n in range(TOMBS_KEPT + 20):
        picture.drop("alarm", f"a{n}", n)
    assert len(picture.tombs["alarm"]) == TOMBS_KEPT
    assert "a19" not in picture.tombs["alarm"]
    assert "a20" in picture.tombs["alarm"]


def test_what_a_snapshot_brought_is_not_changed_by_later_messages() -> None:
    snap = VECTORS[0]["messages"][0]
    kept = json.loads(json.dumps(snap))
    picture = Picture()
    picture.receive(snap)
    picture.receive(
        {"t": "delta", "seq": 5, "now": 1, "put": {"unit": {"U2": {"id": "U2", "v": 9}}}, "drop": {"unit": {"U1": 9}}}
    )
    assert snap == kept
