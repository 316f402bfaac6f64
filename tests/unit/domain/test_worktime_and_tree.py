"""Working days of the Chinese calendar, and the tree in the area code."""

from datetime import UTC, datetime

import pytest

from dashboard.config import chinese_workday
from dashboard.domain.centre import Centre, Tree, canonical, parent, within
from dashboard.domain.errors import Invalid
from dashboard.domain.worktime import SHANGHAI, WorkCalendar

CHINA = WorkCalendar(chinese_workday)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)


def test_the_national_day_week_does_not_count_and_the_make_up_day_does():
    # 2025: holiday 1 to 8 October; Sunday 28 September and Saturday 11 October were worked.
    assert CHINA.add_workdays(at("2025-09-26 10:00"), 1) == at("2025-09-28 10:00")
    assert CHINA.add_workdays(at("2025-09-30 10:00"), 1) == at("2025-10-09 10:00")
    assert CHINA.add_workdays(at("2025-10-10 10:00"), 1) == at("2025-10-11 10:00")


def test_counting_and_adding_agree():
    start = at("2025-09-22 09:00")
    for days in range(1, 20):
        assert CHINA.workdays_between(start, CHINA.add_workdays(start, days)) == days


def test_the_day_of_an_instant_is_the_local_one():
    assert f"{WorkCalendar().day(int(datetime(2026, 11, 22, 17, tzinfo=UTC).timestamp() * 1000))}" == "2026-11-23"


@pytest.mark.parametrize(
    ("code", "short"),
    [("440112000000", "440112"), ("440112", "440112"), ("440100", "4401"), ("440112101000", "440112101"), ("44", "44")],
)
def test_full_codes_are_trimmed_to_the_prefix_form(code, short):
    assert canonical(code) == short


@pytest.mark.parametrize("code", ["", "x", "12345", "4401120000000", "4401121"])
def test_what_is_no_area_code_is_refused(code):
    with pytest.raises(Invalid):
        canonical(code)


def test_a_scope_is_a_prefix():
    assert within("440112101", "4401")
    assert within("440112", "")
    assert not within("440103", "440112")
    assert parent("440112101") == "440112"
    assert parent("44") is None


def test_children_skip_levels_that_have_no_centre():
    tree = Tree([Centre(area="4401", name="市"), Centre(area="440112", name="区"), Centre(area="440103101", name="街")])
    assert [c.area for c in tree.children("4401")] == ["440103101", "440112"]
    assert tree.nearest("440112101005").area == "440112"
