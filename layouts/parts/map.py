"""The map of a screen: a Leaflet map and nothing on it; ``assets/js/map.js`` puts ground, units and incidents there."""

import dash_leaflet as dl
from dash import html

# Guangzhou: only until the ground has been read and the map fits itself to it.
CENTRE = (23.17, 113.42)


def city_map(
    id: str,
    *,
    interactive: bool = True,
    centre: tuple[float, float] = CENTRE,
    zoom: float = 10,
    zoom_control: bool | None = None,
    class_name: str = "",
) -> html.Div:
    """Return a map that fills its parent; ``id`` is what ``muster.map.attach({mapId})`` looks for.

    A map that is not ``interactive`` (the wall) takes neither pointer nor keys.  The parent needs a definite height:
    the map lies absolutely in its wrapper, as in a flex child with only a least height it would have none.
    """
    return html.Div(
        dl.Map(
            id=id,
            center=list(centre),
            zoom=zoom,
            minZoom=8,
            maxZoom=18,
            zoomSnap=0.25,
            zoomDelta=1,
            preferCanvas=True,
            attributionControl=False,
            zoomControl=interactive if zoom_control is None else zoom_control,
            dragging=interactive,
            scrollWheelZoom=interactive,
            doubleClickZoom=interactive,
            boxZoom=interactive,
            touchZoom=interactive,
            keyboard=interactive,
            trackViewport=False,
        ),
        className=f"city-map {class_name}".strip(),
    )
