"""A lifecycle is a table ``(state, trigger) -> state``.

The same table drives the rule that decides, the buttons a screen enables, the
diagram in the docs and the property tests that walk it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboard.domain.errors import Refused


@dataclass(frozen=True)
class Lifecycle:
    """A named transition table; ``initial`` is where a new one starts, ``final`` states have no way out."""

    name: str
    initial: str
    table: Mapping[tuple[str, str], str]

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order in which the table first names it."""
        seen: dict[str, None] = {self.initial: None}
        for (state, _), target in self.table.items():
            seen[state] = None
            seen[target] = None
        return tuple(seen)

    @property
    def final(self) -> frozenset[str]:
        """The states nothing leads out of."""
        return frozenset(self.states) - {state for state, _ in self.table}

    def allows(self, state: str, trigger: str) -> bool:
        """Say whether ``trigger`` means anything in ``state``."""
        return (state, trigger) in self.table

    def triggers(self, state: str) -> tuple[str, ...]:
        """List the triggers that ``state`` accepts: the buttons a screen may enable."""
        return tuple(trigger for (s, trigger) in self.table if s == state)

    def next(self, state: str, trigger: str) -> str:
        """Return the state after ``trigger``; refuse with ``refused.<name>.state`` where the table has no entry."""
        try:
            return self.table[state, trigger]
        except KeyError:
            raise Refused(f"refused.{self.name}.state", state=state, trigger=trigger) from None

    def mermaid(self) -> str:
        """Draw the table as a Mermaid state diagram (the docs are generated from this)."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {state} --> {target}: {trigger}" for (state, trigger), target in self.table.items()]
        lines += [f"    {state} --> [*]" for state in self.states if state in self.final]
        return "\n".join(lines)


def transitions(rows: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """Build a table from ``"state state", trigger, target`` rows; ``=`` as target keeps the state."""
    table: dict[tuple[str, str], str] = {}
    for states, trigger, target in rows:
        for state in states.split():
            if (state, trigger) in table:
                raise ValueError(f"{state!r} has {trigger!r} twice")
            table[state, trigger] = state if target == "=" else target
    return table
