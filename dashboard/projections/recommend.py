"""Which unit to send, and why: candidates ranked by estimated travel time, with a reason on every line.

The estimate is great-circle distance × detour ÷ speed of the unit kind; the screen says "estimate".
Units whose position is too old to believe stand below a line, never silently above a nearer one.
"""

from collections.abc import Iterable, Mapping

import msgspec

from dashboard.config import Profile
from dashboard.domain.geo import distance_m
from dashboard.domain.incident import Incident
from dashboard.domain.position import Fix
from dashboard.domain.unit import Unit


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that could go.

    ``group``  ``ready`` (available, position fresh), ``stale`` (position too old), ``busy`` (has an order)
    ``eta_s``  estimated travel time in seconds, None without a place or a position
    ``fits``   the capabilities of the run card that this unit brings
    ``why``    text keys with their values, in the order in which they decided the rank
    """

    unit_id: str
    name: str
    kind: str
    group: str
    distance_m: float | None
    eta_s: int | None
    fix_age_s: float | None
    fits: tuple[str, ...]
    orders: int
    why: tuple[tuple[str, dict[str, float | str]], ...]


_RANK = {"ready": 0, "stale": 1, "busy": 2}


def recommend(
    incident: Incident,
    units: Iterable[Unit],
    positions: Mapping[str, Fix],
    profile: Profile,
    now: int,
    *,
    detour: float,
    stale_s: float,
    limit: int = 20,
) -> list[Candidate]:
    """Rank the units that could be sent: those the run card asks for first, then by travel time."""
    needs = profile.needs(incident.category, incident.severity)
    place = incident.place
    out: list[Candidate] = []
    for one in units:
        if not one.on_duty or one.status == "out_of_service":
            continue
        fix = positions.get(one.id)
        age = (now - fix.at) / 1000 if fix else None
        distance = eta = None
        speed = profile.unit_kinds[one.unit_kind].speed_kmh if one.unit_kind in profile.unit_kinds else 20.0
        if place is not None and fix is not None:
            distance = distance_m(place.lat, place.lon, fix.lat, fix.lon) * detour
            eta = round(distance / (speed / 3.6))
        fits = tuple(cap for cap in one.capabilities if cap in needs)
        group = (
            "busy" if one.orders or one.status == "busy" else "ready" if age is not None and age <= stale_s else "stale"
        )
        out.append(
            Candidate(
                unit_id=one.id,
                name=one.name,
                kind=one.unit_kind,
                group=group,
                distance_m=distance,
                eta_s=eta,
                fix_age_s=age,
                fits=fits,
                orders=len(one.orders),
                why=_why(group, fits, needs, eta, age),
            )
        )
    out.sort(
        key=lambda k: (_RANK[k.group], bool(needs) and not k.fits, k.eta_s if k.eta_s is not None else 1e9, k.unit_id)
    )
    return out[:limit]


def _why(
    group: str, fits: tuple[str, ...], needs: Mapping[str, int], eta: int | None, age: float | None
) -> tuple[tuple[str, dict[str, float | str]], ...]:
    why: list[tuple[str, dict[str, float | str]]] = []
    if group == "busy":
        why.append(("why.busy", {}))
    elif group == "stale":
        why.append(("why.position_stale", {"age_s": round(age)}) if age is not None else ("why.position_unknown", {}))
    if needs:
        why.append(("why.fits", {"capabilities": ",".join(fits)}) if fits else ("why.no_capability", {}))
    if eta is not None:
        why.append(("why.eta", {"minutes": max(1, round(eta / 60))}))
    return tuple(why)
