"""Each call of the ingest API: from a decoded body to the facts it stands for.

A call checks its body against the centre (:class:`~datasource.web.api_checks.Check`), seals personal data, masks free
text, and says which commands ingest shall carry out.  Nothing has been written when it refuses.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from dashboard.domain import commands as c
from dashboard.domain import dispatch, ids
from dashboard.domain.events import Sealed
from dashboard.ports import Vault
from datasource.sealing import mask_text
from datasource.web import api_models as m
from datasource.web.api_checks import Check, KnownUnits

LEDGER_AGE = "api.ledger_age_s"


class Call(NamedTuple):
    """One call: the body it takes, the body of a batch (decoded when ``many`` is a member), its limit in bytes, what it asks of an actor."""

    body: type
    action: str
    limit: int
    summary: str
    many: str = ""
    batch: type | None = None
    raw_batch: type | None = None


MIB = 1 << 20

CALLS: dict[str, Call] = {
    "reports": Call(m.Report, "TakeReport", MIB, "Report an incident, or update it"),
    "camera-alerts": Call(m.CameraAlert, "RaiseCameraAlert", MIB, "Report a scene event of a camera"),
    "positions": Call(
        m.Position,
        "TakePositions",
        2 * MIB,
        "Report positions of units on duty",
        "positions",
        m.PositionBatch,
        m.PositionBatchItems,
    ),
    "unit-status": Call(
        m.UnitStatus,
        "ReportUnitStatus",
        2 * MIB,
        "Report duty and status of units",
        "items",
        m.UnitStatusBatch,
        m.UnitStatusBatchItems,
    ),
    "receipts": Call(m.Receipt, "TakeReceipt", MIB, "Answer an order"),
    "disputes": Call(m.Dispute, "TakeDispute", MIB, "Report a case for the ledger, or move it"),
    "heartbeats": Call(m.Heartbeat, "NoteHeartbeat", 4 * MIB, "Say that the source is alive"),
    "units": Call(m.Units, "RegisterUnits", 4 * MIB, "Register units"),
    "cameras": Call(m.Cameras, "RegisterCameras", 4 * MIB, "Register cameras"),
}


class Item(NamedTuple):
    """A fact in the making: its own idempotency key ('' takes that of the request) and the command, given the fact's id."""

    key: str
    command: Callable[[str], c.Command]


class Translator:
    """Turns bodies into facts for one centre."""

    def __init__(self, vault: Vault, units: KnownUnits) -> None:
        self._vault = vault
        self._units = units
        self._by_type: dict[type, Callable[[Check, Any, str], Awaitable[list[Item]]]] = {
            m.Report: self.report,
            m.CameraAlert: self.camera_alert,
            m.UnitStatus: self.unit_status,
            m.UnitStatusBatch: self.unit_status_batch,
            m.Receipt: self.receipt,
            m.Dispute: self.dispute,
            m.Heartbeat: self.heartbeat,
            m.Units: self.register_units,
            m.Cameras: self.register_cameras,
        }

    async def items(self, check: Check, body: Any, key: str) -> list[Item]:
        """Return the facts a body stands for; raises the Problem that lists what is wrong.  ``key`` is the request's own."""
        return await self._by_type[type(body)](check, body, key)

    async def known(self, check: Check, wanted: dict[str, str]) -> None:
        """Check that units (id → field that names it) are this source's, or the device's own."""
        if check.actor.role == "unit":
            for unit_id, field in wanted.items():
                if unit_id != check.actor.unit_id:
                    check.wrong(field, "reason.other_unit", value=unit_id)
            return
        for unit_id in await self._units.missing(check.source, set(wanted)):
            check.wrong(wanted[unit_id], "reason.unknown_unit", value=unit_id)

    def learn(self, check: Check, body: m.Units) -> None:
        """Take note of units whose registration has been accepted."""
        self._units.learn(check.source, [unit.unit_id for unit in body.units])

    async def report(self, check: Check, body: m.Report, key: str) -> list[Item]:
        """A report."""
        at = check.instant(body.occurred_at, "occurred_at")
        area = check.area(body.area)
        place = check.place(body.lat, body.lon, body.datum, self._mask(body.place_name))
        if place is None:
            # A source of one district that says neither speaks of its district, not of the whole city.
            area = area or check.actor.scope
        check.choice(body.category, check.profile.categories, "category")
        check.passed()
        reporter = await self._seal(
            check, "report", body.external_ref or key, msgspec.to_builtins(body.reporter) if body.reporter else None
        )
        text = self._mask(body.text)
        if place is None and body.place_name:
            # A place known by name only still tells people where to go.
            text = f"{self._mask(body.place_name)}\n{text}".rstrip()
        title = self._mask(body.title)

        def command(fact_id: str) -> c.Command:
            return c.TakeReport(
                occurred_at=at,
                drill=body.drill,
                report_id=ids.derived("R", fact_id),
                source=check.source,
                category=body.category,
                severity=body.severity,
                title=title,
                text=text,
                area=area,
                place=place,
                external_ref=body.external_ref,
                people=body.people,
                reporter=reporter,
                closed=body.closed,
            )

        return [Item("", command)]

    async def camera_alert(self, check: Check, body: m.CameraAlert, key: str) -> list[Item]:
        """A scene event."""
        at = check.instant(body.occurred_at, "occurred_at")
        check.passed()

        def command(fact_id: str) -> c.Command:
            return c.RaiseCameraAlert(
                occurred_at=at,
                alert_id=ids.derived("A", fact_id),
                camera_id=body.camera_id,
                rule=body.rule,
                severity=body.severity,
                confidence=body.confidence,
                source=check.source,
                still_url=body.still_url or "",
                ended=body.ended,
            )

        return [Item("", command)]

    async def unit_status(self, check: Check, body: m.UnitStatus, key: str) -> list[Item]:
        """The status of one unit."""
        await self.known(check, {body.unit_id: "unit_id"})
        item = self._status(check, body, "")
        check.passed()
        return [Item("", item.command)]

    async def unit_status_batch(self, check: Check, body: m.UnitStatusBatch, key: str) -> list[Item]:
        """The status of many units."""
        await self.known(check, {status.unit_id: f"items[{i}].unit_id" for i, status in enumerate(body.items)})
        items = [self._status(check, status, f"items[{i}].") for i, status in enumerate(body.items)]
        check.passed()
        return items

    def _status(self, check: Check, body: m.UnitStatus, prefix: str) -> Item:
        at = check.instant(body.occurred_at, f"{prefix}occurred_at")
        if body.on_duty is None and body.status is None:
            check.wrong(f"{prefix}status", "reason.status_or_duty")
        reason = self._mask(body.reason)

        def command(fact_id: str) -> c.Command:
            return c.ReportUnitStatus(
                occurred_at=at, unit_id=body.unit_id, on_duty=body.on_duty, status=body.status, reason=reason
            )

        return Item(body.event_id or "", command)

    async def receipt(self, check: Check, body: m.Receipt, key: str) -> list[Item]:
        """An answer to an order.  A telephone with a wrong clock must still be able to answer."""
        await self.known(check, {body.unit_id: "unit_id"})
        mine = Check(check.actor, check.profile, check.now)
        device_at: int | None = mine.instant(body.device_at, "device_at")
        if mine.errors:
            if mine.errors[0].key == "reason.instant":
                check.errors += mine.errors
            device_at = None
            check.adjusted.append("device_at")
        if body.receipt == "declined" and body.reason not in dispatch.DECLINE_REASONS:
            check.choice(body.reason, dispatch.DECLINE_REASONS, "reason")
        check.passed()
        text = self._mask(body.text)

        def command(fact_id: str) -> c.Command:
            return c.TakeReceipt(
                occurred_at=device_at or check.now,
                order_id=body.order_id,
                unit_id=body.unit_id,
                receipt=body.receipt,
                reason=body.reason,
                text=text,
                device_at=device_at,
            )

        return [Item("", command)]

    async def dispute(self, check: Check, body: m.Dispute, key: str) -> list[Item]:
        """A case."""
        accepted_at = check.instant(body.accepted_at, "accepted_at", LEDGER_AGE)
        area = check.area(body.area)
        place = check.place(body.lat, body.lon, body.datum)
        flow = check.profile.workflows[check.profile.workflow]
        check.choice(body.category, check.profile.dispute_categories, "category")
        check.choice(body.grade, flow.days, "grade")
        if body.step:
            check.choice(body.step, flow.steps, "step")
        check.passed()
        people = [msgspec.to_builtins(person) for person in body.parties]
        parties = await self._seal(check, "dispute", body.external_ref or key, {"parties": people} if people else None)
        title = self._mask(body.title)

        def command(fact_id: str) -> c.Command:
            return c.TakeDispute(
                occurred_at=accepted_at,
                dispute_id=ids.derived("D", fact_id),
                external_ref=body.external_ref,
                source=check.source,
                title=title,
                category=body.category,
                grade=body.grade,
                channel=body.channel,
                area=area,
                place=place,
                parties=parties,
                party_count=len(people),
                accepted_at=accepted_at,
                step=body.step,
                outcome=body.outcome,
            )

        return [Item("", command)]

    async def heartbeat(self, check: Check, body: m.Heartbeat, key: str) -> list[Item]:
        """A sign of life."""
        at = check.instant(body.occurred_at, "occurred_at")
        check.passed()
        offline = None if body.offline is None else tuple(body.offline)
        return [
            Item(
                "",
                lambda _: c.NoteHeartbeat(occurred_at=at, source=check.source, offline=offline, devices=body.devices),
            )
        ]

    async def register_units(self, check: Check, body: m.Units, key: str) -> list[Item]:
        """Master data of units."""
        units = []
        for i, unit in enumerate(body.units):
            prefix = f"units[{i}]."
            check.choice(unit.kind, check.profile.unit_kinds, f"{prefix}kind")
            if check.profile.capabilities:
                for j, capability in enumerate(unit.capabilities):
                    check.choice(capability, check.profile.capabilities, f"{prefix}capabilities[{j}]")
            units.append(
                c.UnitMaster(
                    unit_id=unit.unit_id,
                    name=unit.name,
                    kind=unit.kind,
                    area=check.area(unit.area, f"{prefix}area"),
                    capabilities=tuple(unit.capabilities),
                    members=unit.members,
                    callsign=unit.callsign,
                    channels=unit.channels,
                    place=check.place(unit.lat, unit.lon, body.datum, prefix=prefix),
                )
            )
        self._distinct(check, "units", "unit_id", [unit.unit_id for unit in body.units])
        check.passed()
        return [Item("", lambda _: c.RegisterUnits(occurred_at=check.now, units=tuple(units), source=check.source))]

    async def register_cameras(self, check: Check, body: m.Cameras, key: str) -> list[Item]:
        """Master data of cameras."""
        cameras = []
        for i, camera in enumerate(body.cameras):
            prefix = f"cameras[{i}]."
            cameras.append(
                c.CameraMaster(
                    camera_id=camera.camera_id,
                    name=camera.name,
                    area=check.area(camera.area, f"{prefix}area"),
                    place=check.place(camera.lat, camera.lon, body.datum, prefix=prefix),
                    private_premises=camera.private_premises,
                )
            )
        self._distinct(check, "cameras", "camera_id", [camera.camera_id for camera in body.cameras])
        check.passed()
        return [
            Item("", lambda _: c.RegisterCameras(occurred_at=check.now, cameras=tuple(cameras), source=check.source))
        ]

    @staticmethod
    def _distinct(check: Check, items: str, field: str, found: list[str]) -> None:
        first: dict[str, int] = {}
        for i, value in enumerate(found):
            if first.setdefault(value, i) != i:
                check.wrong(f"{items}[{i}].{field}", "reason.twice", value=value, first=f"{items}[{first[value]}]")

    @staticmethod
    def _mask(text: str) -> str:
        return mask_text(text) if text else ""

    async def _seal(self, check: Check, kind: str, ref: str, data: dict[str, Any] | None) -> Sealed | None:
        """Encrypt under the key of the case; the vault writes, so not on the event loop."""
        if not data or not any(data.values()):
            return None
        key_id, box = await asyncio.to_thread(self._vault.seal, f"{kind}:{ids.derived('C', check.source, ref)}", data)
        return Sealed(key_id, box)
