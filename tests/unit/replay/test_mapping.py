"""Mappings: the shipped ones fit the centre, and a wrong one says where and what is expected."""

from pathlib import Path

import pytest

from dashboard.config import load_profile
from workers.replay.mapping import FOLDER, MappingError, find_mapping, load_mapping
from workers.replay.translate import choose

GOOD = """
name = "log"
kind = "incidents"
area = "4401"
[incident]
external_ref = "no"
occurred_at = "at"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda p: p.stem)
def test_a_shipped_mapping_uses_only_codes_the_demonstration_profile_knows(path):
    mapping, profile = load_mapping(path.stem), load_profile()
    if mapping.kind == "incidents":
        assert {mapping.category.default, *mapping.category.values.values(), *mapping.category.starts.values()} <= set(
            profile.categories
        )
    if mapping.unit:
        assert {mapping.unit.kind.default, *mapping.unit.kind.values.values()} <= set(profile.unit_kinds)
        assert {c for can in mapping.unit.capabilities.values() for c in can} <= set(profile.capabilities)


def test_the_four_mappings_are_shipped():
    assert {p.stem for p in FOLDER.glob("*.toml")} == {"sf_fire", "seattle_fire", "sf_taxis", "wuxi_taxis"}


def test_a_mapping_is_found_by_its_short_name_its_file_name_and_its_path(tmp_path):
    own = write(tmp_path, GOOD)
    assert find_mapping("sf_fire") == find_mapping("sf_fire.toml") == FOLDER / "sf_fire.toml"
    assert find_mapping(own) == own
    with pytest.raises(MappingError, match=r"sf_fire, sf_taxis"):
        find_mapping("nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "map.toml: valid TOML is expected"),
        (GOOD.replace('"incidents"', '"news"'), "map.toml: kind: "),
        (GOOD + "colour = 1", "map.toml: incident: "),
        (GOOD.replace('area = "4401"', 'area = "Canton"'), "map.toml: area: a GB/T 2260 code is expected"),
        (
            GOOD + '[time]\nzone = "Mars/Olympus"',
            "map.toml: time.zone: a time zone such as Asia/Shanghai is expected, not 'Mars/Olympus'",
        ),
        (
            GOOD + '[time]\nformat = "yesterday"',
            "map.toml: time.format: iso, unix, unix_ms or a strptime format is expected",
        ),
        (GOOD.replace('kind = "incidents"', 'kind = "positions"'), "map.toml: position, unit: tables are expected"),
        (GOOD + '[severity]\ncolumn = "s"\ndefault = 7', "map.toml: severity: 1, 2, 3 or 4 is expected, not 7"),
        (
            GOOD + '[category]\ndefault = "other"\n[category.values]\nA = "fire"',
            "map.toml: category.column: the column of the values is expected",
        ),
        (
            GOOD + '[unit]\nid = "u"\n[[unit.stamps]]\ncolumn = "t"\nstatus = "asleep"',
            "map.toml: unit.stamps[0].status: one of available, busy",
        ),
        (GOOD + 'lat = "y"', "map.toml: incident.lat, incident.lon: both or neither is expected"),
    ],
)
def test_a_wrong_mapping_names_file_key_and_expectation(tmp_path, text, said):
    with pytest.raises(MappingError) as caught:
        load_mapping(write(tmp_path, text))
    assert said in str(caught.value)


def test_every_problem_is_named_at_once(tmp_path):
    text = GOOD.replace('area = "4401"', 'area = "x"') + '[time]\nzone = "Nowhere"'
    with pytest.raises(MappingError) as caught:
        load_mapping(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 2


def test_a_code_is_chosen_by_the_value_then_by_its_beginning_then_by_default():
    category = load_mapping("seattle_fire").category
    said = {
        t: choose(category, {"incident_type": t})
        for t in ("Car Fire", "Medic Response, 7 per Rule", "Train Derailment")
    }
    assert said == {"Car Fire": "fire", "Medic Response, 7 per Rule": "medical", "Train Derailment": "other"}
