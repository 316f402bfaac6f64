"""Which fixes are believed."""

from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.position import Fix, Track, accept

HOME = Fix("U1", 23.1, 113.3, 1_000_000)


def later(seconds: float, lat: float, lon: float = 113.3) -> Fix:
    return Fix("U1", lat, lon, 1_000_000 + int(seconds * 1000))


def test_the_first_fix_is_believed():
    assert accept(None, HOME) == Track(HOME)


def test_an_older_or_equal_fix_never_moves_the_marker_back():
    assert accept(Track(HOME), later(-10, 23.2)) is None
    assert accept(Track(HOME), HOME) is None


def test_a_believable_step_is_taken():
    assert accept(Track(HOME), later(10, 23.103)).fix.lat == 23.103


def test_an_impossible_jump_is_doubted_and_the_marker_stays():
    doubted = accept(Track(HOME), later(10, 24.1))
    assert doubted.fix == HOME
    assert doubted.doubted.lat == 24.1


def test_a_unit_that_insists_on_the_new_place_is_believed():
    doubted = accept(Track(HOME), later(10, 24.1))
    assert accept(doubted, later(20, 24.1005)).fix.lat == 24.1005


def test_a_single_wild_fix_between_good_ones_is_forgotten():
    doubted = accept(Track(HOME), later(10, 24.1))
    assert accept(doubted, later(20, 23.104)) == Track(later(20, 23.104))


@given(st.lists(st.tuples(st.integers(0, 600), st.floats(22.9, 23.3), st.floats(113.0, 113.6)), max_size=30))
def test_time_on_the_map_only_goes_forward(fixes):
    track, last = None, -1
    for seconds, lat, lon in fixes:
        track = accept(track, later(seconds, lat, lon)) or track
        assert track.fix.at >= last
        last = track.fix.at
