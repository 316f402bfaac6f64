"""Profiles: what is wrong is named by file, key and expectation; what holds can say why."""

import pytest

from dashboard.config import FOLDER, PARAMETERS, ProfileError, effective, load_profile

DEFAULT = (FOLDER / "default.toml").read_text(encoding="utf-8")


def broken(tmp_path, old: str, new: str) -> list[tuple[str, str]]:
    assert old in DEFAULT
    path = tmp_path / "mine.toml"
    path.write_text(DEFAULT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError) as wrong:
        load_profile(path)
    assert all(p.file == "mine.toml" and p.expected for p in wrong.value.problems)
    return [(p.key, p.expected) for p in wrong.value.problems]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_profile_is_right(path):
    assert load_profile(path).id == path.stem


def test_a_wrong_type_names_its_key(tmp_path):
    [(key, expected)] = broken(tmp_path, "cadence_s = 30", 'cadence_s = "often"')
    assert key == "sources[0].cadence_s" or key.startswith("sources[")
    assert "int" in expected


def test_an_unknown_key_is_answered_with_the_known_ones(tmp_path):
    [(key, expected)] = broken(tmp_path, 'area = "4401"\nworkflow', 'areas = "4401"\narea = "4401"\nworkflow')
    assert key == "areas"
    assert "workflow" in expected


def test_everything_wrong_is_listed_at_once(tmp_path):
    text = DEFAULT.replace('area = "4401"', 'area = "44010"', 1).replace("severity = 1", "severity = 7", 1)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as wrong:
        load_profile(path)
    assert {p.key for p in wrong.value.problems} == {"area", "categories.fire.severity"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"order.ack_s.3" = 240', '"order.ack_x.3" = 240', "levels.IV.parameters.order.ack_x.3"),
        ("needs = { fire = 2,", "needs = { flying = 2,", "run_cards[0].needs.flying"),
        ('category = "drowning"', 'category = "ufo"', "run_cards[1].category"),
        ("[levels.III]", "[levels.VI]", "levels.VI"),
        ("fire = 1\nsmoke", "face = 1\nsmoke", "camera_rules.face"),
        ('workflow = "five_steps"', 'workflow = "nine_steps"', "workflow"),
        ('steps = ["intake",', 'steps = ["begin",', "workflows.five_steps.steps"),
        ('id = "s-12345"', 'id = "s-110"', "sources[1].id"),
        ("speed_kmh = 24", "speed_kmh = 0", "unit_kinds.minimum.speed_kmh"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, old, new, key):
    assert key in [k for k, _ in broken(tmp_path, old, new)]


def test_a_missing_file_and_broken_toml_are_said_plainly(tmp_path):
    with pytest.raises(ProfileError, match="a file that exists"):
        load_profile(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(ProfileError, match="valid TOML"):
        load_profile(tmp_path / "x.toml")


def test_the_last_rule_wins_and_the_chain_tells_all(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        DEFAULT
        + """
[parameters]
"order.ack_s.3" = 250
[[overrides]]
name = "school"
area = "440112101"
parameters = { "order.ack_s.3" = 90 }
[[overrides]]
name = "exam days"
area = "440112"
start = 2026-06-07T00:00:00
end = 2026-06-10T00:00:00
parameters = { "order.ack_s.3" = 45 }
""",
        encoding="utf-8",
    )
    profile = load_profile(path)
    during = 1_780_840_000_000  # 2026-06-07 21:46 in Guangzhou
    found = effective(profile, "order.ack_s.3", "440112101", during, "II")
    assert found.value == 45
    assert [(layer.layer, layer.value) for layer in found.chain] == [
        ("default", 300),
        ("profile", 250),
        ("level", 120),
        ("area", 90),
        ("period", 45),
    ]
    after = effective(profile, "order.ack_s.3", "440112101", during + 3 * 86_400_000, "normal")
    assert after.value == 90
    assert effective(profile, "order.ack_s.3", "440103", during).value == 250


def test_every_parameter_has_a_source_and_a_range_that_holds_its_default():
    for name, p in PARAMETERS.items():
        assert p.source, name
        assert p.least <= p.default <= p.most, name
