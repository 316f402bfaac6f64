"""Master data: what an authority registers again and again, mostly unchanged."""

from typing import Any

from dashboard.domain.events import Event


def unchanged(state: Any | None, registered: Event, area: str, but: tuple[str, ...] = ()) -> bool:
    """Say whether a registration says nothing new about a thing; fields in ``but`` do not count."""
    if state is None or state.area != area:
        return False
    fields = [f for f in registered.__struct_fields__ if f not in but]
    return all(getattr(registered, f) == getattr(state, f) for f in fields)
