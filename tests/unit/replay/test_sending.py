"""A replay from end to end against a centre that records what it gets."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_centre import FakeCentre
from tests.unit.replay.test_reading import FIXES, HEADER, INCIDENTS, file, mapping
from workers.replay import Summary, replay
from workers.replay.__main__ import main
from workers.replay.mapping import MappingError
from workers.replay.send import Gone

TRACKS = "car,y,x,t,kmh,dir\n"


@pytest.fixture(scope="module")
def running() -> Iterator[FakeCentre]:
    with FakeCentre().running() as centre:
        yield centre


@pytest.fixture
def centre(running: FakeCentre, monkeypatch: pytest.MonkeyPatch) -> FakeCentre:
    monkeypatch.setattr("workers.public_api.PAUSES_S", (0.01,))
    monkeypatch.setattr("workers.replay.send.LINGER_S", 0.05)
    running.posts.clear()
    running._keys.clear()
    running.answer_with = lambda *_: None
    return running


def sent(centre: FakeCentre, folder: Path, text: str, rules: str, **given: Any) -> Summary:
    given = {"speed": 0, "shift_to": "now", "rejects": folder / "r.tsv"} | given
    return replay(file(folder, text), mapping(folder, rules), centre.url, "token", **given)


def test_reports_of_one_incident_arrive_in_the_order_of_time_and_its_end_last(centre, tmp_path):
    rows = [f"{n % 7},2020-01-01 08:{n:02d}:00,Fire,,a,,unit {n}\n" for n in range(50)]
    summary = sent(centre, tmp_path, HEADER + "".join(reversed(rows)), INCIDENTS)
    bodies = centre.bodies("reports")
    for ref in map(str, range(7)):
        own = [b for b in bodies if b["external_ref"] == ref]
        assert [b["occurred_at"] for b in own] == sorted(b["occurred_at"] for b in own)
        assert [bool(b.get("closed")) for b in own] == [False] * (len(own) - 1) + [True]
    assert (summary.incidents, summary.reports, summary.closings, summary.duplicates) == (7, 50, 7, 0)


def test_what_was_sent_before_is_counted_as_such(centre, tmp_path):
    text = HEADER + "1,2020-01-01 08:00:00,Fire,,a,,E1\n" * 3
    first = sent(centre, tmp_path, text, INCIDENTS)
    again = sent(centre, tmp_path, text, INCIDENTS)
    assert (first.incidents, first.reports, first.duplicates) == (1, 1, 2)
    assert (again.incidents, again.reports, again.duplicates) == (1, 0, 4)


def test_units_are_registered_and_on_duty_before_their_first_position(centre, tmp_path):
    text = TRACKS + "".join(f"{'AB'[n % 2]},23.1,113.3,{1_600_000_000 + n},,\n" for n in range(9))
    summary = sent(centre, tmp_path, text, FIXES)
    assert [path for _, path, _ in centre.posts] == ["units", "unit-status", "positions"]
    assert [u["unit_id"] for u in centre.bodies("units")[0]["units"]] == ["t-A", "t-B"]
    assert all(i["on_duty"] for i in centre.bodies("unit-status")[0]["items"])
    assert (summary.units, summary.positions) == (2, 9)


def test_an_item_the_centre_refuses_is_listed_with_its_line_and_the_rest_is_taken(centre, tmp_path):
    def answer(token: str, path: str, body: dict[str, Any]) -> Any:
        wrong = [i for i, f in enumerate(body.get("positions", [])) if f["lat"] == 23.5]
        if not wrong:
            return None
        rejected = [{"field": f"positions[{i}].lat", "reason": "too far north", "key": "reason.x"} for i in wrong]
        return 202, {"accepted": len(body["positions"]) - len(wrong), "duplicate": False, "rejected": rejected}

    centre.answer_with = answer
    text = TRACKS + "".join(f"A,{23.5 if n == 4 else 23.1},113.3,{1_600_000_000 + n},,\n" for n in range(9))
    summary = sent(centre, tmp_path, text, FIXES)
    assert (summary.positions, summary.refused) == (8, 1)
    assert (tmp_path / "r.tsv").read_text().splitlines()[1] == "6\trefused\tfix: lat too far north"


def test_a_batch_that_is_refused_without_a_word_is_divided_until_the_culprit_is_found(centre, tmp_path):
    def answer(token: str, path: str, body: dict[str, Any]) -> Any:
        return (422, {"title": "invalid"}) if any(f["lat"] == 23.5 for f in body.get("positions", [])) else None

    centre.answer_with = answer
    text = TRACKS + "".join(f"A,{23.5 if n in (4, 11) else 23.1},113.3,{1_600_000_000 + n},,\n" for n in range(20))
    summary = sent(centre, tmp_path, text, FIXES)
    assert (summary.positions, summary.refused) == (18, 2)
    assert [line.split("\t")[0] for line in (tmp_path / "r.tsv").read_text().splitlines()[1:]] == ["6", "13"]


def test_a_batch_that_is_wrong_in_every_item_is_sent_once(centre, tmp_path):
    def answer(token: str, path: str, body: dict[str, Any]) -> Any:
        named = [{"field": f"positions[{i}].at", "reason": "too long ago", "key": "reason.ancient"} for i in range(5)]
        return (422, {"errors": named, "more_errors": 15}) if path == "positions" else None

    centre.answer_with = answer
    text = TRACKS + "".join(f"A,23.1,113.3,{1_600_000_000 + n},,\n" for n in range(20))
    summary = sent(centre, tmp_path, text, FIXES, shift_to=None)
    assert (summary.positions, summary.refused) == (0, 20)
    assert summary.reasons == {"fix: at too long ago": 20}


def test_a_refused_report_is_listed_and_its_incident_does_not_count(centre, tmp_path):
    centre.answer_with = lambda t, p, b: (
        (422, {"detail": "no", "errors": [{"field": "title", "reason": "rude"}]}) if b["external_ref"] == "2" else None
    )
    text = HEADER + "1,2020-01-01 08:00:00,Fire,,a,,E1\n2,2020-01-01 08:00:00,Fire,,a,,E1\n"
    summary = sent(centre, tmp_path, text, INCIDENTS)
    assert (summary.incidents, summary.reports, summary.refused) == (1, 1, 2)
    assert "3\trefused\treport: 422 no title rude" in (tmp_path / "r.tsv").read_text()


def test_a_busy_centre_is_waited_for_and_nothing_is_lost(centre, tmp_path):
    calls = []

    def answer(token: str, path: str, body: dict[str, Any]) -> Any:
        calls.append(path)
        return (503, {"title": "busy"}) if len(calls) % 3 == 1 else None

    centre.answer_with = answer
    text = HEADER + "".join(f"{n},2020-01-01 08:{n:02d}:00,Fire,,a,,E\n" for n in range(10))
    summary = sent(centre, tmp_path, text, INCIDENTS)
    assert (summary.incidents, summary.reports, summary.closings) == (10, 10, 10)
    assert len(calls) > 20


def test_a_wrong_token_ends_the_replay_with_what_the_centre_said(centre, tmp_path):
    centre.answer_with = lambda *_: (401, {"detail": "the token is unknown"})
    with pytest.raises(Gone, match="401 the token is unknown"):
        sent(centre, tmp_path, HEADER + "1,2020-01-01 08:00:00,Fire,,a,,E\n", INCIDENTS)


def test_live_events_come_at_the_pace_of_the_file(centre, tmp_path):
    text = HEADER + "".join(f"{n},2020-01-01 08:00:{n:02d},Fire,,a,,E\n" for n in range(6))
    summary = sent(centre, tmp_path, text, INCIDENTS.replace("closes_after_min = 30", ""), speed=10)
    instants = [b["occurred_at"] for b in centre.bodies("reports")]
    assert [round((b - a) / 100) for a, b in itertools.pairwise(instants)] == [1] * 5
    assert summary.seconds >= 0.5


def test_folded_days_need_a_shift(centre, tmp_path):
    rules = INCIDENTS.replace('zone = "Asia/Shanghai"', 'zone = "Asia/Shanghai"\nfold = "day"')
    with pytest.raises(MappingError, match="--shift-to is expected"):
        sent(centre, tmp_path, HEADER, rules, shift_to=None)


def test_the_command_prints_counts_and_names_the_list_of_rejects(centre, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    log = file(tmp_path, HEADER + "1,2020-01-01 08:00:00,Fire,,a,,E\n,,,,,,\n")
    mapping(tmp_path)
    status = main(
        [
            str(log),
            "--mapping",
            str(tmp_path / "map.toml"),
            "--url",
            centre.url,
            "--token",
            "t",
            "--speed",
            "0",
            "--shift-to",
            "now",
        ]
    )
    said = capsys.readouterr().out
    assert status == 0
    assert "rows unusable" in said
    assert "1 × no: empty" in said
    assert "log.rejects.tsv" in said
    assert (tmp_path / "log.rejects.tsv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.csv", "--mapping", "sf_fire", "--url", "http://127.0.0.1:9", "--token", "t"], "no such file"),
        (["nothing.csv", "--mapping", "nowhere"], "a mapping file, or the name of a shipped one"),
    ],
)
def test_the_command_says_plainly_what_is_missing(arguments, said, capsys):
    assert main(arguments) == 1
    assert said in " ".join(capsys.readouterr().err.split())
