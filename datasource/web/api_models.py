"""What the ingest API takes: one type per body.

The types are decoded straight from the request, with every limit checked while decoding, and the OpenAPI document is
made from the same types (``openapi.py``), so the two cannot differ.  Unknown members are refused: a misspelt
optional field would otherwise be lost without a word.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dashboard.domain import camera, dispatch, geo, unit

BATCH = 5_000

Id = Annotated[str, Meta(min_length=1, max_length=64, description="An identifier of the source's own.")]
EventId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="Idempotency key when there is no Idempotency-Key header: sent twice, it has one effect.",
    ),
]
Instant = (
    Annotated[int, Meta(description="Milliseconds since 1970-01-01 UTC.")]
    | Annotated[
        str, Meta(max_length=40, description="RFC 3339, with its offset.", extra_json_schema={"format": "date-time"})
    ]
)
Lat = Annotated[float, Meta(ge=-90, le=90, description="Degrees north, in the datum named beside it.")]
Lon = Annotated[float, Meta(ge=-180, le=180, description="Degrees east.")]
Datum = Annotated[Literal[geo.DATUMS], Meta(description="Datum of the coordinates; WGS-84 when left out.")]  # type: ignore[valid-type]
Area = Annotated[
    str,
    Meta(min_length=2, max_length=12, pattern=r"^\d+$", description="GB/T 2260 code, with or without trailing zeros."),
]
Severity = Annotated[int, Meta(ge=1, le=4, description="1 (red, highest) to 4 (blue).")]
Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[
    str,
    Meta(max_length=4000, description="Free text. Telephone and identity numbers in it are masked before it is kept."),
]


class Body(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of all bodies."""


class Person(Body, frozen=True):
    """Personal data: encrypted on arrival, shown to nobody by default."""

    name: Annotated[str, Meta(max_length=100)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    address: Annotated[str, Meta(max_length=300)] = ""


class Report(Body, frozen=True):
    """A report 报警/上报. Another report with the same `external_ref` updates the same incident."""

    category: Annotated[str, Meta(min_length=1, max_length=40, description="A category of the centre's profile.")]
    occurred_at: Instant
    severity: Severity | None = None
    title: Short = ""
    text: Long = ""
    area: Area | None = None
    lat: Lat | None = None
    lon: Lon | None = None
    datum: Datum = "wgs84"
    place_name: Short = ""
    external_ref: Annotated[str, Meta(max_length=100)] = ""
    people: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    reporter: Person | None = None
    closed: Annotated[
        bool, Meta(description="The source has closed it: so is the incident of this `external_ref`.")
    ] = False
    drill: bool = False
    event_id: EventId | None = None


class CameraAlert(Body, frozen=True):
    """A scene event of a camera; `ended` says that it is over."""

    camera_id: Id
    rule: Literal[camera.RULES]  # type: ignore[valid-type]
    occurred_at: Instant
    severity: Severity | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    still_url: Annotated[str, Meta(max_length=500, pattern=r"^https?://\S+$")] | None = None
    ended: bool = False
    event_id: EventId | None = None


class Position(Body, frozen=True):
    """A fix of a unit on duty."""

    unit_id: Id
    lat: Lat
    lon: Lon
    at: Instant
    speed: Annotated[float, Meta(ge=0, le=150, description="m/s")] | None = None
    heading: Annotated[float, Meta(ge=0, le=360, description="Degrees from north, clockwise.")] | None = None
    accuracy: Annotated[float, Meta(ge=0, le=100_000, description="m")] | None = None
    datum: Datum = "wgs84"


class BatchPosition(Body, frozen=True):
    """A fix within a batch; its datum is that of the batch."""

    unit_id: Id
    lat: Lat
    lon: Lon
    at: Instant
    speed: Annotated[float, Meta(ge=0, le=150, description="m/s")] | None = None
    heading: Annotated[float, Meta(ge=0, le=360, description="Degrees from north, clockwise.")] | None = None
    accuracy: Annotated[float, Meta(ge=0, le=100_000, description="m")] | None = None


class PositionBatch(Body, frozen=True):
    """Many fixes at once: one request, one entry of the stream."""

    positions: Annotated[list[BatchPosition], Meta(min_length=1, max_length=BATCH)]
    datum: Datum = "wgs84"


class PositionBatchItems(Body, frozen=True):
    """The same batch with its items left raw, to find every wrong one instead of the first."""

    positions: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=BATCH)]
    datum: Datum = "wgs84"


class UnitStatus(Body, frozen=True):
    """Duty and the unit's own word."""

    unit_id: Id
    occurred_at: Instant
    on_duty: bool | None = None
    status: Literal[unit.STATUSES] | None = None  # type: ignore[valid-type]
    reason: Short = ""
    event_id: EventId | None = None


class UnitStatusBatch(Body, frozen=True):
    """Status of many units; all are taken, or none."""

    items: Annotated[list[UnitStatus], Meta(min_length=1, max_length=BATCH)]
    event_id: EventId | None = None


class UnitStatusBatchItems(Body, frozen=True):
    """The same batch with its items left raw."""

    items: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=BATCH)]
    event_id: EventId | None = None


class Receipt(Body, frozen=True):
    """A unit answers an order. A `device_at` that cannot be is left out; the answer counts all the same."""

    order_id: Id
    unit_id: Id
    receipt: Literal[dispatch.RECEIPTS]  # type: ignore[valid-type]
    device_at: Instant
    reason: Short = ""
    text: Annotated[str, Meta(max_length=1000)] = ""
    event_id: EventId | None = None


class Dispute(Body, frozen=True):
    """A case for the ledger 一本账. The same `external_ref` again moves the same case."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    category: Annotated[
        str, Meta(min_length=1, max_length=40, description="A dispute category of the centre's profile.")
    ]
    area: Area
    accepted_at: Instant
    grade: Annotated[str, Meta(min_length=1, max_length=40)] = "ordinary"
    channel: Annotated[str, Meta(max_length=40)] = ""
    lat: Lat | None = None
    lon: Lon | None = None
    datum: Datum = "wgs84"
    external_ref: Annotated[str, Meta(max_length=100)] = ""
    parties: Annotated[list[Person], Meta(max_length=500)] = []
    step: Annotated[str, Meta(max_length=40)] = ""
    outcome: Annotated[str, Meta(max_length=40)] = ""
    event_id: EventId | None = None


class Heartbeat(Body, frozen=True):
    """The source is alive; `offline` is the full list of its devices that are not."""

    occurred_at: Instant
    offline: Annotated[list[Id], Meta(max_length=50_000)] | None = None
    devices: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    event_id: EventId | None = None


class Unit(Body, frozen=True):
    """Master data of a unit 应急单元."""

    unit_id: Id
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    kind: Annotated[str, Meta(min_length=1, max_length=40, description="A unit kind of the centre's profile.")]
    area: Area
    capabilities: Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(max_length=40)] = []
    members: Annotated[int, Meta(ge=0, le=10_000)] = 0
    callsign: Annotated[str, Meta(max_length=40)] = ""
    channels: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=40)], ...], Meta(min_length=1, max_length=10)
    ] = ("terminal",)
    lat: Lat | None = None
    lon: Lon | None = None


class Units(Body, frozen=True):
    """Units this source speaks for."""

    units: Annotated[list[Unit], Meta(min_length=1, max_length=BATCH)]
    datum: Datum = "wgs84"
    event_id: EventId | None = None


class Camera(Body, frozen=True):
    """Master data of a camera; of one on private premises only its health is ever shown."""

    camera_id: Id
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    area: Area
    lat: Lat | None = None
    lon: Lon | None = None
    private_premises: bool = False


class Cameras(Body, frozen=True):
    """Cameras this source speaks for."""

    cameras: Annotated[list[Camera], Meta(min_length=1, max_length=BATCH)]
    datum: Datum = "wgs84"
    event_id: EventId | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A field of an item that was left out."""

    field: str
    reason: str
    key: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was taken is kept, whatever happens next. `duplicate`: it had been taken before, and is not taken again."""

    id: str
    accepted: int
    duplicate: bool
    rejected: list[Rejected] = []
    adjusted: list[str] = []
