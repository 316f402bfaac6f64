"""What a condition means, once, for every store.

Conditions are those of ``dashboard/ports.py``.  SQL has its own idea of NULL and of order, so both are fixed
here and the SQL store is made to agree (the contract tests compare the two):

* ``= None`` and ``!= None`` ask for absence and presence; ``!= value`` is also true of what is absent;
  the other operators are never true of what is absent.
* Order is by value, what is absent comes last either way, and equals are ordered by id.
* Strings compare by code point, never by a locale.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dashboard.ports import INDEXED, Condition

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS = ("=", "!=", *COMPARISONS, "in", "prefix")


def checked(kind: str, where: Iterable[Condition]) -> list[Condition]:
    """Return the conditions as a list; raises ValueError for a field or operator nobody can ask for."""
    conditions: list[Condition] = []
    for field, op, value in where:
        check_field(kind, field)
        if op not in OPERATORS:
            raise ValueError(f"{kind}.{field}: unknown operator {op!r}, known are {' '.join(OPERATORS)}")
        if value is None and op not in ("=", "!="):
            raise ValueError(f"{kind}.{field} {op} None means nothing; ask with = or !=")
        conditions.append((field, op, tuple(value) if op == "in" else value))
    return conditions


def check_field(kind: str, field: str) -> None:
    """Refuse a kind or a field that cannot be asked for."""
    if kind not in INDEXED:
        raise ValueError(f"unknown kind {kind!r}, known are {', '.join(INDEXED)}")
    if field != "id" and field not in INDEXED[kind]:
        raise ValueError(f"{kind}.{field} is not indexed; ask for id, {', '.join(INDEXED[kind])}")


def parse_order(kind: str, order: str) -> tuple[str, bool]:
    """Split ``-field`` into the field and whether it descends; no order is by id."""
    field = order.removeprefix("-") or "id"
    check_field(kind, field)
    return field, order.startswith("-")


def matcher(conditions: Sequence[Condition]) -> Callable[[Any], bool]:
    """Return the function that says whether a state fulfils all conditions."""
    tests = [(operator.attrgetter(field), _test(op, value)) for field, op, value in conditions]

    def fulfils(state: Any) -> bool:
        for get, test in tests:  # noqa: SIM110 - a generator costs as much as the tests
            if not test(get(state)):
                return False
        return True

    return fulfils


def arrange(states: Iterable[Any], field: str, descending: bool) -> list[Any]:
    """Sort states by an indexed field."""
    by_id = sorted(states, key=operator.attrgetter("id"))
    if field == "id":
        return by_id[::-1] if descending else by_id
    value = operator.attrgetter(field)
    present = sorted((s for s in by_id if value(s) is not None), key=value, reverse=descending)
    return present + [s for s in by_id if value(s) is None]


def after_prefix(prefix: str) -> str | None:
    """Return the first string that sorts after everything with this prefix; None when there is none."""
    for cut in range(len(prefix), 0, -1):
        code = ord(prefix[cut - 1]) + 1
        if 0xD800 <= code <= 0xDFFF:  # surrogates are no characters
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[: cut - 1] + chr(code)
    return None


def _test(op: str, value: Any) -> Callable[[Any], bool]:
    if op == "=":
        return lambda found: bool(found == value)
    if op == "!=":
        return lambda found: bool(found != value)
    if op == "in":
        known = frozenset(value)
        return lambda found: found in known
    if op == "prefix":
        return lambda found: found is not None and found.startswith(value)
    compare = COMPARISONS[op]
    return lambda found: found is not None and compare(found, value)
