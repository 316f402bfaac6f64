"""Possible duplicates of a report that is being taken: near in place, near in time, of the same kind."""

from collections.abc import Iterable

from dashboard.domain.geo import distance_m
from dashboard.domain.incident import Incident


def possible(
    incidents: Iterable[Incident], *, category: str, lat: float, lon: float, now: int, within_m: float, within_s: float
) -> list[tuple[Incident, float]]:
    """Return open incidents near in place and time with their distance in metres, same category first, then nearest."""
    near = []
    for inc in incidents:
        if inc.place is None or now - inc.opened_at > within_s * 1000:
            continue
        d = distance_m(lat, lon, inc.place.lat, inc.place.lon)
        if d <= within_m:
            near.append((inc, d))
    return sorted(near, key=lambda pair: (pair[0].category != category, pair[1]))
