"""Things to record, for the contract tests."""

from typing import Any

from dashboard.domain import events as e
from dashboard.domain.events import Place
from dashboard.ports import DeadLetter, NewEvents

SOURCE = "source:110"


def new(
    kind: str,
    id: str,
    *events: e.Event,
    version: int = 0,
    area: str = "440112",
    occurred_at: int = 1_000,
    actor: str = SOURCE,
) -> NewEvents:
    """Bundle events for one subject."""
    return NewEvents(
        kind=kind, id=id, area=area, events=events, expected_version=version, occurred_at=occurred_at, actor=actor
    )


def opened(
    id: str, *, area: str = "440112", severity: int = 2, category: str = "fire", external_ref: str = ""
) -> NewEvents:
    """Open an incident."""
    event = e.IncidentOpened(
        number=id,
        category=category,
        severity=severity,
        title="仓库起火",
        place=Place(23.1, 113.4, "开源大道"),
        source="110",
        external_ref=external_ref,
    )
    return new("incident", id, event, area=area)


def noted(id: str, version: int, text: str = "x", actor: str = SOURCE) -> NewEvents:
    """Add a note to an incident."""
    return new("incident", id, e.IncidentNoted(text=text), version=version, actor=actor)


def closed(id: str, version: int) -> NewEvents:
    """Close an incident."""
    return new("incident", id, e.IncidentClosed(outcome="resolved"), version=version)


def unit(id: str, *, area: str = "440112", on_duty: bool = True) -> NewEvents:
    """Register a unit and put it on duty."""
    events: list[e.Event] = [e.UnitRegistered(name=f"巡逻{id}", unit_kind="patrol", source="110")]
    if on_duty:
        events.append(e.UnitDutyChanged(on_duty=True))
    return new("unit", id, *events, area=area)


def letter(id: str, **changes: Any) -> DeadLetter:
    """A dead letter."""
    facts: dict[str, Any] = {
        "id": id,
        "stream": "facts",
        "entry_id": "1-0",
        "source": "110",
        "received_at": 5,
        "reason": "notfound.unit",
        "params": {"id": "U9", "n": 3},
        "body": b'\x00\xff{"a":1}',
        "buried_at": 10,
    }
    return DeadLetter(**{**facts, **changes})
