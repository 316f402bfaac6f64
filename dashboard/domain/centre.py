"""The tree of centres 综治中心: city → district 区 → town/street 镇街 → village/community 村居.

An area code is the GB/T 2260 code without trailing zeros, so the tree is in the code itself:
``4401`` Guangzhou, ``440112`` 黄埔区, ``440112101`` one of its towns, ``440112101005`` a village.
A scope is a code, and everything in it starts with that code.
"""

from collections.abc import Iterable, Mapping

import msgspec

from dashboard.domain.errors import Invalid

LENGTHS = {2: "province", 4: "city", 6: "district", 9: "town", 12: "village"}


class Centre(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One centre: its area code, its name in both languages, and where its area roughly lies."""

    area: str
    name: str
    name_en: str = ""
    lat: float | None = None
    lon: float | None = None

    @property
    def level(self) -> str:
        """``city``, ``district``, ``town`` or ``village``."""
        return LENGTHS[len(self.area)]


def canonical(code: str) -> str:
    """Trim a full GB/T 2260 or statistical code (``440112000000``) to the prefix form (``440112``)."""
    digits = code.strip()
    if not digits.isdigit() or len(digits) > 12:
        raise Invalid("invalid.area", field="area", value=code)
    for length in (2, 4, 6, 9, 12):
        if len(digits) >= length and set(digits[length:]) <= {"0"}:
            return digits[:length]
    raise Invalid("invalid.area", field="area", value=code)


def within(area: str, scope: str) -> bool:
    """Say whether ``area`` lies in the sub-tree of ``scope``; the empty scope is everything."""
    return area.startswith(scope)


def parent(area: str) -> str | None:
    """Return the code one level up, or None at the top."""
    shorter = [n for n in LENGTHS if n < len(area)]
    return area[: max(shorter)] if shorter else None


class Tree:
    """All centres, by area code."""

    def __init__(self, centres: Iterable[Centre]) -> None:
        self.centres: Mapping[str, Centre] = {c.area: c for c in sorted(centres, key=lambda c: c.area)}

    def __contains__(self, area: str) -> bool:
        return area in self.centres

    def get(self, area: str) -> Centre | None:
        """Return the centre of exactly this code."""
        return self.centres.get(area)

    def nearest(self, area: str) -> Centre | None:
        """Return the centre of this code or the closest one above it."""
        code: str | None = area
        while code:
            if found := self.centres.get(code):
                return found
            code = parent(code)
        return None

    def children(self, area: str) -> list[Centre]:
        """List the centres directly below ``area`` (skipping levels that have none)."""
        below = [c for c in self.centres.values() if c.area != area and c.area.startswith(area)]
        return [c for c in below if not any(o is not c and o.area != area and c.area.startswith(o.area) for o in below)]
