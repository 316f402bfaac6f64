"""Position fix: where a unit on duty says it is, and whether to believe it.

One pure rule, :func:`accept`, is used by the hub (live picture) and by the tracker (SQL), so both show
the same.  Out-of-order fixes never move a marker back; an impossible jump is refused until the unit
insists on it, because the first of two places may have been the wrong one.
"""

import msgspec

from dashboard.domain.geo import distance_m

MAX_SPEED_MPS = 70.0
JUMP_SLACK_M = 500.0
INSIST_WITHIN_M = 500.0


class Fix(msgspec.Struct, frozen=True, array_like=True):
    """One fix: WGS-84 degrees, instant in ms, speed in m/s, heading in degrees from north, accuracy in m."""

    unit_id: str
    lat: float
    lon: float
    at: int
    speed: float | None = None
    heading: float | None = None
    accuracy: float | None = None


class Track(msgspec.Struct, frozen=True, array_like=True):
    """What we believe of one unit: the last accepted fix and a doubted one that waits for a second opinion."""

    fix: Fix
    doubted: Fix | None = None


def accept(track: Track | None, fix: Fix) -> Track | None:
    """Fold one fix into what we believe; returns None when nothing changes (old, or the same again)."""
    if track is None:
        return Track(fix)
    last = track.fix
    if fix.at <= last.at:
        return None
    reach = MAX_SPEED_MPS * (fix.at - last.at) / 1000 + JUMP_SLACK_M
    if distance_m(last.lat, last.lon, fix.lat, fix.lon) <= reach:
        return Track(fix)
    doubted = track.doubted
    if doubted is not None and fix.at > doubted.at:
        insisted = MAX_SPEED_MPS * (fix.at - doubted.at) / 1000 + INSIST_WITHIN_M
        if distance_m(doubted.lat, doubted.lon, fix.lat, fix.lon) <= insisted:
            return Track(fix)
    return Track(last, fix)
