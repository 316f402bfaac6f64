"""The map part: what a page can rely on before any JavaScript has run."""

import pytest

from layouts.parts.map import city_map

CONTROLS = ("dragging", "scrollWheelZoom", "doubleClickZoom", "boxZoom", "touchZoom", "keyboard", "zoomControl")


def test_the_wall_takes_no_pointer_and_no_keys():
    leaflet = city_map("m", interactive=False).children
    assert leaflet.id == "m"
    assert [getattr(leaflet, c) for c in CONTROLS] == [False] * len(CONTROLS)


@pytest.mark.parametrize("shown", [True, False])
def test_a_desk_map_can_be_used_with_or_without_its_buttons(shown):
    leaflet = city_map("m", zoom_control=shown).children
    assert [getattr(leaflet, c) for c in CONTROLS] == [True] * (len(CONTROLS) - 1) + [shown]


def test_no_map_asks_the_network_for_tiles_or_credits():
    leaflet = city_map("m").children
    assert leaflet.attributionControl is False
    assert not getattr(leaflet, "children", None)


def test_the_wrapper_has_the_class_that_gives_it_a_size():
    assert city_map("m", class_name="tall").className == "city-map tall"
