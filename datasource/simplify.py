"""Fewer corners for area outlines, without gaps between neighbours.

Douglas-Peucker on its own treats the two sides of a common border differently and tears them apart.
So rings are first cut into arcs at the corners where the neighbourhood changes; a common arc is the same
list of corners from both sides and is thinned the same way.  Places are (lat, lon) degrees, tolerances metres.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import cos, hypot, radians

from dashboard.domain.geo import Ring, inside

DEGREE_M = 111_195.0
Place = tuple[float, float]


def thin(line: Sequence[Place], tolerance_m: float) -> list[Place]:
    """Drop corners of an open line that lie within ``tolerance_m`` of what remains (Douglas-Peucker); the ends stay."""
    if len(line) < 3:
        return list(line)
    squeeze = cos(radians(line[0][0]))
    flat = [(lon * squeeze * DEGREE_M, lat * DEGREE_M) for lat, lon in line]
    keep = {0, len(line) - 1}
    pending = [(0, len(line) - 1)]
    while pending:
        first, last = pending.pop()
        worst, at = tolerance_m, 0
        for i in range(first + 1, last):
            off = _off_segment(flat[i], flat[first], flat[last])
            if off > worst:
                worst, at = off, i
        if at:
            keep.add(at)
            pending += [(first, at), (at, last)]
    return [line[i] for i in sorted(keep)]


def _off_segment(p: Place, a: Place, b: Place) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    t = 0.0 if length == 0 else max(0.0, min(1.0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length))
    return hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy)


def thin_areas(areas: Mapping[str, Sequence[Ring]], tolerance_m: float) -> dict[str, list[Ring]]:
    """Thin the closed rings of many areas so that common borders stay common; rings that vanish are dropped."""
    owners: defaultdict[Place, set[tuple[str, int]]] = defaultdict(set)
    for code, rings in areas.items():
        for n, ring in enumerate(rings):
            for corner in ring:
                owners[corner].add((code, n))
    thinned: dict[str, list[Ring]] = {}
    for code, rings in areas.items():
        kept = (_thin_ring(ring, owners, tolerance_m) for ring in rings)
        thinned[code] = [ring for ring in kept if len(set(ring)) > 2]
    return thinned


def _thin_ring(ring: Ring, owners: Mapping[Place, set[tuple[str, int]]], tolerance_m: float) -> Ring:
    corners = ring[:-1] if ring[0] == ring[-1] else list(ring)
    count = len(corners)
    cuts = [
        i
        for i, corner in enumerate(corners)
        if not (owners[corners[i - 1]] == owners[corner] == owners[corners[(i + 1) % count]])
    ]
    if len(cuts) < 2:  # an island: cut at the same two corners whoever looks at it
        low, high = corners.index(min(corners)), corners.index(max(corners))
        cuts = sorted({*cuts, low, high})
    out: Ring = []
    for here, there in zip(cuts, [*cuts[1:], cuts[0] + count], strict=True):
        arc = [corners[i % count] for i in range(here, there + 1)]
        forward = arc <= arc[::-1]  # one direction for both neighbours, as ties would fall differently
        done = thin(arc if forward else arc[::-1], tolerance_m)
        out += (done if forward else done[::-1])[:-1]
    return [*out, out[0]]


def label_place(rings: Iterable[Ring], cells: int = 24) -> Place:
    """Find a place well inside the outline for its name: the inner grid point farthest from every border."""
    coarse = thin_areas({"": list(rings)}, 400.0)[""] or [list(r) for r in rings]
    lats, lons = [c[0] for r in coarse for c in r], [c[1] for r in coarse for c in r]
    south, north, west, east = min(lats), max(lats), min(lons), max(lons)
    squeeze = cos(radians(south))
    segments = [((a[1] * squeeze, a[0]), (b[1] * squeeze, b[0])) for r in coarse for a, b in pairwise(r)]
    best, room = ((south + north) / 2, (west + east) / 2), -1.0
    for i in range(1, cells):
        for j in range(1, cells):
            lat, lon = south + (north - south) * i / cells, west + (east - west) * j / cells
            if sum(inside(lat, lon, ring) for ring in coarse) % 2 == 0:
                continue
            free = min(_off_segment((lon * squeeze, lat), a, b) for a, b in segments)
            if free > room:
                best, room = (round(lat, 5), round(lon, 5)), free
    return best
