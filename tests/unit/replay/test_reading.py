"""From the file to events: rows, translation, order of time, timing."""

import gzip
from pathlib import Path

import pytest

from workers.replay.events import CLOSING, FIX, REPORT, STATUS, Event
from workers.replay.mapping import Mapping, MappingError, load_mapping
from workers.replay.rows import BadRow, read_rows
from workers.replay.run import Silent, understand
from workers.replay.spool import Spool
from workers.replay.summary import Rejects, Summary
from workers.replay.timing import FACT_SPAN_MS, FIX_SPAN_MS, make_timing
from workers.replay.translate import Translator, Unusable

INCIDENTS = """
name = "test log"
kind = "incidents"
area = "4401"
[time]
format = "%Y-%m-%d %H:%M:%S"
zone = "Asia/Shanghai"
[incident]
external_ref = "no"
occurred_at = "at"
title = "{type}"
text = "{type}: {units}"
place = "where"
place_name = "{road}"
people = "n"
closes_after_min = 30
[category]
column = "type"
default = "other"
values = { Fire = "fire" }
"""
HEADER = "no,at,type,where,road,n,units\n"
FIXES = """
name = "test tracks"
kind = "positions"
area = "4401"
[time]
format = "unix"
[unit]
id = "car"
prefix = "t-"
name = "Car {car}"
kind = { default = "patrol" }
[position]
lat = "y"
lon = "x"
at = "t"
speed = "kmh"
speed_unit = 0.27777778
heading = "dir"
"""


def mapping(folder: Path, text: str = INCIDENTS) -> Mapping:
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def file(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, rules: str = INCIDENTS, limit: int | None = None) -> tuple[list[Event], Summary, str]:
    """Read a file as a replay does; returns its events by time, the counts and the list of rejects."""
    rules_read = mapping(folder, rules)
    summary = Summary(mapping="m", file="f")
    rejects = Rejects(folder / "rejects.tsv", summary)
    with Spool() as spool:
        understand(file(folder, text), rules_read, spool, summary, rejects, Silent(), limit)
        events = list(spool.by_time(rules_read.time.newest_first))
    rejects.close()
    listed = (folder / "rejects.tsv").read_text() if summary.rejects else ""
    return events, summary, listed


# --- rows -------------------------------------------------------------------------------


def test_csv_tsv_and_gzip_are_read_alike_with_line_numbers(tmp_path):
    rules = mapping(tmp_path)
    comma = file(tmp_path, HEADER + '1,2020-01-01 00:00:00,Fire,"(23.1, 113.3)",a,2,E1\n')
    tab = file(
        tmp_path,
        (HEADER + "1,2020-01-01 00:00:00,Fire,(23.1; 113.3),a,2,E1\n").replace(",", "\t").replace(";", ","),
        "log.tsv",
    )
    zipped = tmp_path / "log.csv.gz"
    zipped.write_bytes(gzip.compress(comma.read_bytes()))
    rows = [list(read_rows(path, rules)) for path in (comma, tab, zipped)]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][0][0] == 2
    assert rows[0][0][1]["where"] == "(23.1, 113.3)"


def test_a_row_with_too_few_columns_and_a_torn_gzip_are_named_and_the_rest_is_read(tmp_path):
    rules = mapping(tmp_path)
    rows = list(read_rows(file(tmp_path, HEADER + "1,2020\n\n2,2020-01-01 00:00:00,Fire,,a,,E1\n"), rules))
    assert isinstance(rows[0][1], BadRow)
    assert str(rows[0][1]) == "2 columns, 7 expected"
    assert rows[1][0] == 4
    whole = gzip.compress((HEADER + "1,2020-01-01 00:00:00,Fire,,a,,E1\n" * 3000).encode())
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(whole[: len(whole) // 2])
    rows = list(read_rows(torn, rules))
    assert "the file ends in the middle" in str(rows[-1][1])


def test_a_column_the_mapping_needs_and_the_file_lacks_is_named(tmp_path):
    with pytest.raises(
        MappingError, match=r"log.csv: columns 'n', 'road' are expected, as mapping 'test log' names them"
    ):
        list(read_rows(file(tmp_path, "no,at,type,where,units\n"), mapping(tmp_path)))


# --- translation ---------------------------------------------------------------------------


def test_a_row_becomes_a_report_in_the_words_of_the_api(tmp_path):
    events, summary, _ = read(tmp_path, HEADER + '7,2020-01-01 08:00:00,Fire,"(23.1, 113.3)",东风路,12,E1 E2\n')
    report, closing = events
    assert report.kind == REPORT
    assert report.at == report.occurred_at == 1_577_836_800_000
    event_id = report.body.pop("event_id")
    assert report.body == {
        "category": "fire",
        "area": "4401",
        "external_ref": "7",
        "title": "Fire",
        "text": "Fire: E1 E2",
        "place_name": "东风路",
        "lat": 23.1,
        "lon": 113.3,
        "people": 12,
    }
    assert len(event_id) == 24
    assert closing.kind == CLOSING
    assert closing.at - report.at == 30 * 60_000 + 1
    assert (summary.rows, summary.used, summary.unusable) == (1, 1, 0)


def test_unusable_rows_are_counted_and_listed_with_line_and_reason(tmp_path):
    text = HEADER + (
        "1,2020-01-01 08:00:00,Fire,,a,,E1\n"
        ",2020-01-01 08:00:00,Fire,,a,,E1\n"
        "3,yesterday,Fire,,a,,E1\n"
        "4,2020-01-01 08:00:00,Fire,somewhere,a,,E1\n"
        '5,2020-01-01 08:00:00,Fire,"(0, 0)",a,,E1\n'
        "6,2020-01-01 08:00:00,Fire,,a,many,E1\n"
        "7\n"
    )
    _, summary, listed = read(tmp_path, text)
    assert (summary.rows, summary.used, summary.unusable) == (7, 1, 6)
    assert listed.splitlines() == [
        "line\twhat\treason",
        "3\trow\tno: empty",
        "4\trow\tat: 'yesterday' is no instant of the form '%Y-%m-%d %H:%M:%S'",
        "5\trow\twhere: 'somewhere' is no pair of coordinates",
        "6\trow\twhere: 0.0, 0.0 is no place",
        "7\trow\tn: 'many' is no number",
        "8\trow\trow: 1 columns, 7 expected",
    ]
    assert sum(summary.reasons.values()) == 6


def test_the_same_row_twice_has_the_same_id_and_another_row_of_the_incident_its_own(tmp_path):
    row = "1,2020-01-01 08:00:00,Fire,,a,,E1\n"
    events, _, _ = read(tmp_path, HEADER + row + row + row.replace("E1", "E1 E2"))
    ids = [e.body["event_id"] for e in events if e.kind == REPORT]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert sum(e.kind == CLOSING for e in events) == 1


def test_a_row_that_repeats_its_incident_is_no_further_report_where_the_mapping_says_so(tmp_path):
    rules = INCIDENTS.replace('place = "where"', 'place = "where"\nagain = "ignore"')
    events, _, _ = read(
        tmp_path, HEADER + "1,2020-01-01 08:00:00,Fire,,a,,E1\n1,2020-01-01 08:00:00,Fire,,a,,E2\n", rules
    )
    assert [e.kind for e in events] == [REPORT, CLOSING]


UNIT_ROW = {
    "Call Number": "77",
    "Received DtTm": "01/10/2009 11:59:50 PM",
    "Entry DtTm": "01/11/2009 12:00:20 AM",
    "Dispatch DtTm": "01/11/2009 12:01:00 AM",
    "Response DtTm": "",
    "On Scene DtTm": "01/11/2009 12:05:00 AM",
    "Transport DtTm": "",
    "Hospital DtTm": "",
    "Available DtTm": "01/11/2009 12:20:00 AM",
    "Call Type": "Structure Fire",
    "Address": "GROVE ST",
    "Location": "(37.775086085408, -122.444592861504)",
    "Final Priority": "3",
    "Unit ID": "E21",
    "Unit Type": "ENGINE",
    "Box": "4361",
    "Station Area": "21",
    "Battalion": "B05",
    "Neighborhooods - Analysis Boundaries": "Lone Mountain/USF",
}


def test_each_time_stamp_of_a_unit_becomes_its_status_at_that_time_and_the_report_is_told_at_its_entry():
    translator = Translator(load_mapping("sf_fire"))
    events = translator.events(2, UNIT_ROW)
    received = (23 * 3600 + 59 * 60 + 50) * 1000  # folded onto one day: its time of day in San Francisco
    report = events[0]
    assert (report.kind, report.occurred_at, report.at) == (REPORT, received, received + 30_000)
    assert [(e.kind, (e.at - received) // 1000, e.body.get("status"), e.body.get("reason")) for e in events[1:]] == [
        (STATUS, 70, "busy", "dispatched 77"),
        (STATUS, 310, "busy", "on scene 77"),
        (FIX, 310, None, None),
        (STATUS, 1210, "available", "cleared 77"),
    ]
    assert translator.units["sf-E21"]["kind"] == "fire"
    (closing,) = translator.closings()
    assert closing.at == received + 1_210_000 + 1
    assert translator.parts_left_out == []


def test_a_stamp_before_the_step_ahead_of_it_is_left_out_and_said():
    translator = Translator(load_mapping("sf_fire"))
    events = translator.events(2, UNIT_ROW | {"On Scene DtTm": "01/11/2009 12:00:30 AM"})
    assert [e.body["reason"] for e in events if e.kind == STATUS] == ["dispatched 77", "cleared 77"]
    assert translator.parts_left_out == ["On Scene DtTm: earlier than the step before it"]


def test_a_call_that_crosses_midnight_keeps_its_own_pace_when_days_are_folded():
    translator = Translator(load_mapping("sf_fire"))
    events = translator.events(2, UNIT_ROW) + translator.events(
        3, UNIT_ROW | {"Unit ID": "T5", "Dispatch DtTm": "01/11/2009 12:02:00 AM"}
    )
    by_unit = {e.key: e.at for e in events if e.kind == STATUS and e.body["reason"].startswith("dispatched")}
    assert by_unit["sf-T5"] - by_unit["sf-E21"] == 60_000
    assert all(e.at >= events[0].occurred_at for e in events)


def test_a_position_is_read_with_its_units_and_a_wrong_one_is_refused(tmp_path):
    text = "car,y,x,t,kmh,dir\nA,23.1,113.3,1600000000,36,361\nB,91,113.3,1600000000,,\nA,x,113.3,1600000001,,\nA,nan,1,1600000001,,\n"
    events, summary, listed = read(tmp_path, text, FIXES)
    assert [e.body for e in events] == [{"unit_id": "t-A", "lat": 23.1, "lon": 113.3, "speed": 10.0, "heading": 1.0}]
    assert events[0].at == 1_600_000_000_000
    assert summary.unusable == 3
    assert "3\trow\ty, x: 91.0, 113.3 is no place" in listed


def test_gcj02_coordinates_are_converted(tmp_path):
    rules = FIXES + 'datum = "gcj02"\n'
    events, _, _ = read(tmp_path, "car,y,x,t,kmh,dir\nA,23.1,113.3,1600000000,,\n", rules)
    assert abs(events[0].body["lat"] - 23.1) > 0.001
    assert abs(events[0].body["lon"] - 113.3) > 0.001


def test_only_so_many_rows_are_read_when_asked(tmp_path):
    text = "car,y,x,t,kmh,dir\n" + "".join(f"A,23.1,113.3,{1_600_000_000 + n},,\n" for n in range(50))
    events, summary, _ = read(tmp_path, text, FIXES, limit=20)
    assert len(events) == summary.rows == 20


def test_an_empty_file_and_an_empty_unit_are_said(tmp_path):
    with pytest.raises(MappingError, match="names of the columns"):
        list(read_rows(file(tmp_path, ""), mapping(tmp_path)))
    translator = Translator(mapping(tmp_path, FIXES))
    with pytest.raises(Unusable, match="car: empty"):
        translator.events(2, {"car": "", "y": "1", "x": "1", "t": "1", "kmh": "", "dir": ""})


# --- order and timing -------------------------------------------------------------------------


def event(at: int, line: int) -> Event:
    return Event(at, line, REPORT, "k", at, {})


def test_the_spool_gives_events_back_in_the_order_of_time_whatever_the_file_was():
    with Spool() as spool:
        for line, at in enumerate((50, 10, 30, 10, 50)):
            spool.add(event(at, line))
        assert [(e.at, e.line) for e in spool.by_time()] == [(10, 1), (10, 3), (30, 2), (50, 0), (50, 4)]
        assert [(e.at, e.line) for e in spool.by_time(newest_first=True)] == [
            (10, 3),
            (10, 1),
            (30, 2),
            (50, 4),
            (50, 0),
        ]
        assert spool.span == (10, 50)


def test_live_an_event_carries_the_instant_at_which_it_is_sent():
    timing = make_timing(1000, 601_000, now=5_000_000, speed=60, shift_to="now", has_fixes=True)
    assert timing.instant(1000) == 5_000_000
    assert timing.instant(601_000) == 5_010_000
    assert timing.wait_s(601_000) == 10


def test_at_once_the_last_event_has_just_happened_and_pace_is_kept():
    timing = make_timing(1000, 601_000, now=5_000_000_000, speed=0, shift_to="now", has_fixes=True)
    assert 0 < 5_000_000_000 - timing.instant(601_000) < 5000
    assert timing.instant(601_000) - timing.instant(1000) == 600_000
    assert timing.wait_s(601_000) == 0


@pytest.mark.parametrize(("has_fixes", "span"), [(False, FACT_SPAN_MS), (True, FIX_SPAN_MS)])
def test_a_file_that_spans_too_much_is_drawn_together_in_order(has_fixes, span):
    timing = make_timing(0, 10 * span, now=10**13, speed=0, shift_to="now", has_fixes=has_fixes)
    instants = [timing.instant(at) for at in range(0, 10 * span, span)]
    assert instants == sorted(instants)
    assert 10**13 - instants[0] <= span + 5000


def test_the_first_event_can_be_put_at_an_instant_and_times_can_stay():
    assert make_timing(1000, 2000, now=9, speed=0, shift_to=500, has_fixes=False).instant(1500) == 1000
    assert make_timing(1000, 2000, now=9, speed=5, shift_to=None, has_fixes=False).instant(1500) == 1500
