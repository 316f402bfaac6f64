"""What the hub costs: a city of units that move, changes, and pages that watch, all in this process.

    python tests/bench/bench_hub.py [--units 20000] [--rate 2000] [--viewers 50] [--seconds 10]

Prints the share of one core that the hub takes, bytes per second and viewer, and how long a change and a position
take from the stream to a viewer's hands.  Viewers only receive (no sockets): what an ASGI server adds is not in it.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
import types
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec

from dashboard.config import load_profile
from dashboard.domain import events as e
from dashboard.domain.commands import Actor
from dashboard.domain.position import Fix
from dashboard.ports import NewEvents
from datasource.clock import SystemClock
from datasource.memory import MemoryStore, MemoryStream
from datasource.web.feed import StreamFeed
from datasource.web.hub import Hub

TOWNS = tuple(
    f"4401{district:02d}{town:03d}" for district in (3, 4, 5, 6, 11, 12, 13, 14, 15, 17, 18) for town in range(1, 16)
)


def fill(store: MemoryStore, clock: SystemClock, units: int, cameras: int, disputes: int) -> None:
    """Register a city."""

    def record(tx: Any, kind: str, id: str, area: str, *events: e.Event) -> None:
        tx.record(
            NewEvents(
                kind=kind,
                id=id,
                area=area,
                events=events,
                expected_version=0,
                occurred_at=clock.now(),
                actor="worker:bench",
            )
        )

    now = clock.now()
    with store.transaction() as tx:
        for n in range(units):
            master = e.UnitRegistered(name=f"应急{n}组", unit_kind="patrol", capabilities=("fire", "crowd"), members=6)
            record(tx, "unit", f"U{n:05d}", TOWNS[n % len(TOWNS)], master, e.UnitDutyChanged(on_duty=True))
        for n in range(cameras):
            record(
                tx,
                "camera",
                f"C{n:05d}",
                TOWNS[n % len(TOWNS)],
                e.CameraRegistered(name=f"摄像头{n}", source="s-camera"),
            )
        for n in range(disputes):
            opened = e.DisputeOpened(
                number=f"CA-20261123-{n:04d}", title="邻里噪声", category="neighbour", grade="ordinary", channel="hall",
                workflow="w", steps=("受理", "调处"), due_at=now + 86_400_000, accepted_at=now,
            )  # fmt: skip
            record(tx, "dispute", f"D{n:05d}", TOWNS[n % len(TOWNS)], opened)


async def feed_positions(
    stream: MemoryStream, clock: SystemClock, places: dict[str, list[float]], rate: int, until: float
) -> int:
    """Move units, ``rate`` a second, in a batch every 20 ms; returns how many fixes were sent."""
    units = len(places)
    ids, sent, begun = list(places), 0, time.perf_counter()
    while time.perf_counter() < until:
        due = int((time.perf_counter() - begun) * rate) - sent
        batch = []
        for n in range(due):
            id = ids[(sent + n) % units]
            place = places[id]
            place[0] += random.uniform(-1e-4, 1e-4)
            place[1] += random.uniform(-1e-4, 1e-4)
            batch.append(Fix(id, place[0], place[1], clock.now(), 5.0, 90.0))
        for i in range(0, len(batch), 100):
            stream.add("positions", msgspec.msgpack.encode(["s-fleet", clock.now(), batch[i : i + 100]]), maxlen=10_000)
        sent += due
        await asyncio.sleep(0.02)
    return sent


async def feed_changes(store: MemoryStore, stream: MemoryStream, clock: SystemClock, rate: float, until: float) -> int:
    """Raise alarms, ``rate`` a second."""
    n = 0
    while time.perf_counter() < until:
        n += 1
        raised = e.AlarmRaised(
            rule="camera_dead", subject=f"camera:C{n % 300:05d}", severity=3, params={"sent": time.perf_counter()}
        )
        with store.transaction() as tx:
            id = f"camera_dead:camera:C{n % 300:05d}"
            state = tx.load("alarm", id)
            recorded = tx.record(
                NewEvents(
                    kind="alarm",
                    id=id,
                    area=TOWNS[n % len(TOWNS)],
                    events=[raised],
                    expected_version=state.version if state else 0,
                    occurred_at=clock.now(),
                    actor="worker:bench",
                )
            )
        for r in recorded:
            stream.add("changes", msgspec.json.encode(r), id=f"{r.position}-0")
        await asyncio.sleep(1 / rate)
    return n


async def watch(hub: Hub, area: str, got: dict[str, float], delays: list[float]) -> None:
    actor = Actor(role="wall", id="w", scope="4401")
    viewer = hub.subscribe(actor, "wall", area)
    while (message := await viewer.next()) is not None:
        got["bytes"] += len(message) if isinstance(message, bytes) else len(message.encode())
        got["messages"] += 1
        if isinstance(message, str) and '"sent":' in message and message.startswith('{"t":"delta"'):
            for alarm in msgspec.json.decode(message).get("put", {}).get("alarm", {}).values():
                delays.append((time.perf_counter() - alarm["params"]["sent"]) * 1000)


async def bench(args: argparse.Namespace) -> None:
    clock = SystemClock()
    store, stream = MemoryStore(clock=clock), MemoryStream(clock=clock)
    fill(store, clock, args.units, args.cameras, args.disputes)
    hub = Hub(types.SimpleNamespace(store=store), clock, load_profile(), feed=StreamFeed(stream, pause_s=0.005))
    begun = time.perf_counter()
    task = asyncio.create_task(hub.run())
    await hub.wait_ready(120)
    print(
        f"loaded {args.units} units, {args.cameras} cameras, {args.disputes} disputes in {time.perf_counter() - begun:.2f} s"
    )

    begun = time.perf_counter()
    snap = hub.snapshot(Actor(role="wall", id="w", scope="4401"), "wall")
    first = time.perf_counter() - begun
    hub._groups["wall", "4401"]._snap = None
    begun = time.perf_counter()
    hub.snapshot(Actor(role="wall", id="w", scope="4401"), "wall")
    print(
        f"snapshot of the city: {len(snap.encode()) / 1e6:.2f} MB, first {first * 1000:.0f} ms, again {(time.perf_counter() - begun) * 1000:.0f} ms"
    )
    begun = time.perf_counter()
    frame = hub.fleet.frame(1, hub.fleet.all_slots(""), clock.now())
    print(
        f"frame of all units: {len(frame)} bytes before they have been heard of, {(time.perf_counter() - begun) * 1000:.1f} ms"
    )

    places = {f"U{n:05d}": [23.0 + random.random() / 2, 113.1 + random.random() / 2] for n in range(args.units)}
    got: list[dict[str, float]] = [{"bytes": 0, "messages": 0} for _ in range(args.viewers)]
    delays: list[float] = []
    areas = ["4401"] + [f"4401{d:02d}" for d in (3, 4, 5, 6, 11, 12, 13, 14, 15, 17, 18)] if args.groups else ["4401"]
    pages = [asyncio.create_task(watch(hub, areas[n % len(areas)], g, delays)) for n, g in enumerate(got)]
    await asyncio.sleep(1.0)
    for g in got:
        g["bytes"] = g["messages"] = 0

    async def cost(label: str, positions: bool, changes: bool) -> float:
        for g in got:
            g["bytes"] = g["messages"] = 0
        cpu, begun = time.process_time(), time.perf_counter()
        until = begun + args.seconds
        frames = hub.frames_sent
        work: list[Any] = [asyncio.sleep(args.seconds)]
        if positions:
            work.append(feed_positions(stream, clock, places, args.rate, until))
        if changes:
            work.append(feed_changes(store, stream, clock, args.changes, until))
        _, *sent = await asyncio.gather(*work)
        took = time.perf_counter() - begun
        share = (time.process_time() - cpu) / took
        frames = hub.frames_sent - frames
        each = statistics.median(g["bytes"] for g in got) / took
        print(
            f"{label}: {share:.1%} of a core, {each / 1000:.1f} kB/s per viewer, {frames / took:.1f} frames/s, sent {[round(n / took) for n in sent]}/s"
        )
        return share

    await cost("idle", False, False)
    await cost("positions", True, False)
    await cost("positions and changes", True, True)
    if delays:
        delays.sort()
        print(
            f"change → viewer: p50 {delays[len(delays) // 2]:.1f} ms, p95 {delays[int(len(delays) * 0.95)]:.1f} ms, p99 {delays[int(len(delays) * 0.99)]:.1f} ms"
        )
    # The feeding itself is in those figures; measured alone, on a stream nobody reads, it is this.
    cpu, begun = time.process_time(), time.perf_counter()
    idle = MemoryStream(clock=clock)
    task.cancel()
    for page in pages:
        page.cancel()
    await asyncio.gather(task, *pages, return_exceptions=True)
    cpu, begun = time.process_time(), time.perf_counter()
    await feed_positions(idle, clock, places, args.rate, begun + args.seconds)
    print(
        f"of which the bench's own feeding of positions: {(time.process_time() - cpu) / (time.perf_counter() - begun):.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--cameras", type=int, default=50_000)
    parser.add_argument("--disputes", type=int, default=6_000)
    parser.add_argument("--rate", type=int, default=2_000, help="position updates a second")
    parser.add_argument("--changes", type=float, default=20, help="changes a second")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--groups", action="store_true", help="spread the viewers over the city and its districts")
    parser.add_argument("--seconds", type=float, default=8)
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
