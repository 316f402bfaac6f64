"""Chance that can be repeated: every decision has its own dice, named after what is decided.

A shared generator would make each decision depend on how many were made before, and so on the load of the
computer.  Here the seventh walk of a unit falls the same way whatever happened around it.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def dice(*parts: object) -> Random:
    """Return the generator for the decision with this name."""
    return Random("/".join(map(str, parts)))


def exponential(rng: Random, mean: float) -> float:
    """Draw a waiting time with the given mean."""
    return rng.expovariate(1.0 / mean)


def share(rng: Random, options: Sequence[tuple[T, float]]) -> T:
    """Draw one of (option, weight)."""
    return rng.choices([o for o, _ in options], [w for _, w in options])[0]
