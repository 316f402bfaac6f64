"""The merge rule of live screens: how a page folds the messages of ``/live`` into its picture.

``assets/js/store.js`` is the twin of this file; ``tests/vectors/*.json`` holds both to the same answers.

A ``put`` whose ``v`` is not greater than that of the card or the tombstone that is there is ignored; a ``drop`` older
than the card is ignored, any other leaves a tombstone with its ``v``.  So an update that comes late cannot bring a
card back, and the order in which messages about one card arrive does not matter.
"""

from typing import Any

TOMBS_KEPT = 500
"""Tombstones kept per kind, the newest ones: they only have to outlive messages that are still under way."""


class Picture:
    """What one page knows: cards and tombstones by kind and id, summary parts, and how far it has come."""

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.seq: int | None = None
        self.cards: dict[str, dict[str, dict[str, Any]]] = {}
        self.tombs: dict[str, dict[str, int]] = {}
        self.summary: dict[str, Any] = {}

    def put(self, kind: str, card: dict[str, Any]) -> bool:
        """Take a card unless what is there is as new; say whether anything changed."""
        cards, tombs = self.cards.setdefault(kind, {}), self.tombs.setdefault(kind, {})
        id, v = card["id"], card["v"]
        if (id in cards and v <= cards[id]["v"]) or v <= tombs.get(id, -1):
            return False
        cards[id] = card
        tombs.pop(id, None)
        return True

    def drop(self, kind: str, id: str, v: int) -> bool:
        """Take a card away and leave a tombstone; say whether a card went."""
        cards, tombs = self.cards.setdefault(kind, {}), self.tombs.setdefault(kind, {})
        if id in cards and v < cards[id]["v"]:
            return False
        there = cards.pop(id, None) is not None
        tombs[id] = max(v, tombs.pop(id, v))
        while len(tombs) > TOMBS_KEPT:
            del tombs[next(iter(tombs))]
        return there

    def receive(self, message: dict[str, Any]) -> str:
        """Fold one message: ``snap`` (all is new), ``ok``, ``old`` (ignored) or ``gap`` (ask for a snapshot)."""
        kind = message["t"]
        if kind == "snap":
            self.epoch, self.seq = message["epoch"], message["seq"]
            self.cards = {k: dict(cards) for k, cards in message["cards"].items()}
            self.tombs = {k: dict(tombs) for k, tombs in message.get("tombs", {}).items()}
            self.summary = dict(message.get("summary", {}))
            return "snap"
        if kind == "beat":
            # A beat carries the number of the last delta: it shows a loss even when nothing follows.
            return "ok" if self.seq is not None and message["seq"] <= self.seq else "gap"
        if kind != "delta":
            return "old"
        if self.seq is None or message["seq"] > self.seq + 1:
            return "gap"
        if message["seq"] <= self.seq:
            return "old"
        for k, cards in message.get("put", {}).items():
            for card in cards.values():
                self.put(k, card)
        for k, ids in message.get("drop", {}).items():
            for id, v in ids.items():
                self.drop(k, id, v)
        self.summary.update(message.get("summary", {}))
        self.seq = message["seq"]
        return "ok"
