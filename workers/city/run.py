"""The process of the city: lets city time pass and hands what happens to the couriers."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

from workers.city.city import FIVE_STEPS, City, Memory
from workers.city.facts import S_FLEET
from workers.city.hours import CityClock
from workers.city.outlines import outlines
from workers.city.post import Courier, Positions
from workers.city.terminal import Terminal
from workers.public_api import Api, open_client, trust

TICK_S = 0.25
FIXES_EVERY_S = 1.0
SAVE_EVERY_S = 15.0
TELL_EVERY_S = 300.0
_log = logging.getLogger(__name__)

Staff = Callable[[CityClock], Coroutine[Any, Any, None]]


def run_city(
    base_url: str,
    tokens: Mapping[str, str],
    *,
    scale: float = 1.0,
    seed: int = 1,
    speed: float = 1.0,
    position_rate: float | None = None,
    steps: tuple[str, ...] = FIVE_STEPS,
    memory_file: Path | None = None,
    ca_file: str = "",
    staff: Staff | None = None,
) -> None:
    """Run the city against the centre at ``base_url`` until SIGTERM or SIGINT.

    ``tokens``         bearer token by source id; a source without a token keeps silent
    ``speed``          city seconds per second
    ``position_rate``  fixes per second, whatever the units do (for measuring)
    ``steps``          workflow steps of a dispute, in order
    ``memory_file``    where units' places and open incidents outlive a restart
    ``staff``          the duty desk, given the city's clock; None leaves it empty
    """
    asyncio.run(_run(base_url, tokens, scale, seed, speed, position_rate, steps, memory_file, ca_file, staff))


async def _run(
    base_url: str,
    tokens: Mapping[str, str],
    scale: float,
    seed: int,
    speed: float,
    position_rate: float | None,
    steps: tuple[str, ...],
    memory_file: Path | None,
    ca_file: str,
    staff: Staff | None,
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    rings = await asyncio.to_thread(outlines)
    clock = CityClock(speed, lambda: time.time_ns() // 1_000_000)
    city = City(rings, clock, seed=seed, scale=scale, steps=steps, sources=tokens, memory=recall(memory_file))
    del rings
    client = open_client(base_url, ca_file)
    couriers = {source: Courier(source, Api(client, base_url, token)) for source, token in tokens.items()}
    tasks = [asyncio.create_task(courier.run()) for courier in couriers.values()]
    positions = terminal = None
    if S_FLEET in tokens:
        positions = Positions(Api(client, base_url, tokens[S_FLEET]))
        terminal = Terminal(base_url, tokens[S_FLEET], city.answers, clock.now, clock.wall)
        ssl_context = trust(ca_file) if base_url.startswith("https:") else None
        tasks += [asyncio.create_task(positions.run()), asyncio.create_task(terminal.run(ssl_context))]
    tasks.append(asyncio.create_task(_live(city, clock, couriers, positions, terminal, position_rate, memory_file)))
    if staff is not None:
        tasks.append(asyncio.create_task(staff(clock)))
    stop = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
    keep(memory_file, city.memory())
    for task in [stop, *tasks]:
        task.cancel()
    await asyncio.gather(stop, *tasks, return_exceptions=True)
    await client.aclose()
    for task in done - {stop}:
        task.result()  # none of them ends by itself: say what went wrong


async def _live(
    city: City,
    clock: CityClock,
    couriers: Mapping[str, Courier],
    positions: Positions | None,
    terminal: Terminal | None,
    position_rate: float | None,
    memory_file: Path | None,
) -> None:
    """Let the city's time pass."""
    for fact in city.opening(clock.now()):
        if fact.source in couriers:
            couriers[fact.source].hand(fact)
    if S_FLEET in couriers:
        await couriers[S_FLEET].idle.wait()  # nobody knows the units before they are registered
    if positions is not None:
        positions.hand(city.fleet.last_words(clock.now()))
    started = fixed = saved = told = time.monotonic()
    ticks = 0
    while True:
        now = clock.now()
        for fact in city.due(now):
            if fact.source in couriers:
                couriers[fact.source].hand(fact)
        if terminal is not None:
            await terminal.say(city.receipts(now))
        moment = time.monotonic()
        if positions is not None and moment - fixed >= FIXES_EVERY_S:
            positions.hand(city.fixes(now, moment - fixed, position_rate))
            fixed = moment
        if moment - saved >= SAVE_EVERY_S:
            saved = moment
            keep(memory_file, city.memory())
        if moment - told >= TELL_EVERY_S:
            told = moment
            _tell(couriers, positions, terminal)
        ticks += 1
        await asyncio.sleep(max(0.01, started + ticks * TICK_S - time.monotonic()))
        if time.monotonic() - started > (ticks + 40) * TICK_S:
            # The computer slept, or had no time for us: go on from now instead of hurrying after.
            started, ticks = time.monotonic(), 0


def _tell(couriers: Mapping[str, Courier], positions: Positions | None, terminal: Terminal | None) -> None:
    for source, courier in couriers.items():
        _log.info("%s: %s", source, dict(courier.counts))
    if positions is not None and terminal is not None:
        _log.info("fleet: %s, terminal: %s", dict(positions.counts), dict(terminal.counts))


def keep(path: Path | None, memory: Memory) -> None:
    """Write the memory, whole or not at all."""
    if path is None:
        return
    part = path.with_suffix(".part")
    with contextlib.suppress(OSError):  # a full disk costs the city its memory, nothing else
        part.write_bytes(msgspec.json.encode(memory))
        os.replace(part, path)


def recall(path: Path | None) -> Memory | None:
    """Read the memory; None when there is none, or none that can be read."""
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("%s cannot be used (%s): the city starts afresh", path, error)
        return None
