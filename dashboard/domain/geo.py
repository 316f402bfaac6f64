"""Places on the earth: distances, and the datums of Chinese maps.

Inside, everything is WGS-84.  Chinese public maps and many devices use GCJ-02 (or BD-09), 100–700 m off;
they are converted at the edge by the datum a source declares.  GCJ-02 has no closed inverse, so the inverse
iterates (under 0.1 m round trip).  Formulas: the published Krasovsky-1940 polynomial of the "China offset".
"""

from math import asin, cos, hypot, pi, radians, sin, sqrt

EARTH_M = 6_371_008.8
_A = 6_378_245.0
_EE = 0.006_693_421_622_965_943
_X_PI = pi * 3000.0 / 180.0
DATUMS = ("wgs84", "gcj02", "bd09")


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the great-circle distance in metres."""
    p1, p2 = radians(lat1), radians(lat2)
    h = sin((p2 - p1) / 2) ** 2 + cos(p1) * cos(p2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(h)))


def valid(lat: float, lon: float) -> bool:
    """Say whether the pair can be a place; 0,0 is what broken devices send."""
    return -90 <= lat <= 90 and -180 <= lon <= 180 and not (lat == 0 and lon == 0)


def outside_china(lat: float, lon: float) -> bool:
    """Say whether GCJ-02 does not apply there (it equals WGS-84 outside)."""
    return not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271)


def _offset(lat: float, lon: float) -> tuple[float, float]:
    x, y = lon - 105.0, lat - 35.0
    ripple = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + ripple
    d_lat += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    d_lat += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + ripple
    d_lon += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    d_lon += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    phi = radians(lat)
    magic = 1 - _EE * sin(phi) ** 2
    d_lat = d_lat * 180.0 / ((_A * (1 - _EE)) / (magic * sqrt(magic)) * pi)
    d_lon = d_lon * 180.0 / (_A / sqrt(magic) * cos(phi) * pi)
    return d_lat, d_lon


def wgs84_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """Convert WGS-84 degrees to GCJ-02 degrees."""
    if outside_china(lat, lon):
        return lat, lon
    d_lat, d_lon = _offset(lat, lon)
    return lat + d_lat, lon + d_lon


def gcj02_to_wgs84(lat: float, lon: float) -> tuple[float, float]:
    """Convert GCJ-02 degrees to WGS-84 degrees, by iteration."""
    if outside_china(lat, lon):
        return lat, lon
    w_lat, w_lon = lat, lon
    for _ in range(10):
        g_lat, g_lon = wgs84_to_gcj02(w_lat, w_lon)
        e_lat, e_lon = lat - g_lat, lon - g_lon
        w_lat, w_lon = w_lat + e_lat, w_lon + e_lon
        if abs(e_lat) < 1e-9 and abs(e_lon) < 1e-9:
            break
    return w_lat, w_lon


def bd09_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """Convert BD-09 degrees to GCJ-02 degrees, refining the published inverse until it round-trips."""
    g_lat, g_lon = lat - 0.006, lon - 0.0065
    for _ in range(10):
        b_lat, b_lon = gcj02_to_bd09(g_lat, g_lon)
        e_lat, e_lon = lat - b_lat, lon - b_lon
        g_lat, g_lon = g_lat + e_lat, g_lon + e_lon
        if abs(e_lat) < 1e-10 and abs(e_lon) < 1e-10:
            break
    return g_lat, g_lon


def gcj02_to_bd09(lat: float, lon: float) -> tuple[float, float]:
    """Convert GCJ-02 degrees to BD-09 degrees."""
    from math import atan2

    z = hypot(lon, lat) + 0.00002 * sin(lat * _X_PI)
    theta = atan2(lat, lon) + 0.000003 * cos(lon * _X_PI)
    return z * sin(theta) + 0.006, z * cos(theta) + 0.0065


def to_wgs84(lat: float, lon: float, datum: str) -> tuple[float, float]:
    """Convert from a declared datum (one of :data:`DATUMS`) to WGS-84."""
    if datum == "wgs84":
        return lat, lon
    if datum == "gcj02":
        return gcj02_to_wgs84(lat, lon)
    if datum == "bd09":
        return gcj02_to_wgs84(*bd09_to_gcj02(lat, lon))
    raise ValueError(f"datum {datum!r} is not one of {', '.join(DATUMS)}")


def from_wgs84(lat: float, lon: float, datum: str) -> tuple[float, float]:
    """Convert from WGS-84 to a declared datum."""
    if datum == "wgs84":
        return lat, lon
    if datum == "gcj02":
        return wgs84_to_gcj02(lat, lon)
    if datum == "bd09":
        return gcj02_to_bd09(*wgs84_to_gcj02(lat, lon))
    raise ValueError(f"datum {datum!r} is not one of {', '.join(DATUMS)}")


# A point in a ring by crossings (even-odd), for "which area is this place in".
Ring = list[tuple[float, float]]


def inside(lat: float, lon: float, ring: Ring) -> bool:
    """Say whether the place lies inside a ring of (lat, lon) corners."""
    hit = False
    j = len(ring) - 1
    for i, (lat_i, lon_i) in enumerate(ring):
        lat_j, lon_j = ring[j]
        if (lat_i > lat) != (lat_j > lat) and lon < (lon_j - lon_i) * (lat - lat_i) / (lat_j - lat_i) + lon_i:
            hit = not hit
        j = i
    return hit
