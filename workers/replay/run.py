"""A replay from end to end: understand the file, then send it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from workers.public_api import Api, open_client
from workers.replay.events import FIX, Event
from workers.replay.mapping import Mapping, MappingError
from workers.replay.rows import BadRow, read_rows
from workers.replay.send import Sender
from workers.replay.spool import Spool
from workers.replay.summary import Rejects, Summary
from workers.replay.timing import Timing, make_timing
from workers.replay.translate import Translator, Unusable


class Progress(Protocol):
    """Hears how far a replay has come."""

    def phase(self, name: str, total: int) -> None:
        """A phase begins: ``reading`` (``total`` bytes) or ``sending`` (``total`` events)."""

    def moved(self, done: int) -> None:
        """So much of the phase is done."""


class Silent:
    """A progress that nobody looks at."""

    def phase(self, name: str, total: int) -> None:
        """Ignore it."""

    def moved(self, done: int) -> None:
        """Ignore it."""


def replay(
    file: Path,
    mapping: Mapping,
    base_url: str,
    token: str,
    *,
    speed: float = 1.0,
    shift_to: str | int | None = None,
    progress: Progress | None = None,
    limit: int | None = None,
    rejects: Path | None = None,
    ca_file: str = "",
) -> Summary:
    """Send a file through the API of the centre at ``base_url``; returns the counts.

    ``speed``     seconds of the file per second; 0: as fast as the centre takes it
    ``shift_to``  ``"now"``, or an instant (ms) for the first event; None keeps the file's times
    ``limit``     read only so many rows
    ``rejects``   file for the list of what could not be used

    Raises MappingError (the mapping does not fit the file), OSError, and ``send.Gone`` (a ConnectionError) when the
    centre does not answer or does not accept the token.
    """
    if mapping.time.fold and shift_to is None:
        raise MappingError(f"mapping {mapping.name!r} folds all days onto one: --shift-to is expected")
    started = time.monotonic()
    summary = Summary(mapping=mapping.name, file=file.name)
    listed = Rejects(rejects, summary)
    shown = progress or Silent()
    try:
        with Spool() as spool:
            translator, has_fixes = understand(file, mapping, spool, summary, listed, shown, limit)
            first, last = spool.span
            now = time.time_ns() // 1_000_000
            timing = make_timing(first, last, now=now, speed=speed, shift_to=shift_to, has_fixes=has_fixes)
            summary.pace = timing.pace if speed == 0 else 1.0
            if len(spool):
                asyncio.run(_send(spool, translator, mapping, timing, summary, listed, shown, base_url, token, ca_file))
    finally:
        listed.close()
        summary.seconds = time.monotonic() - started
    return summary


def understand(
    file: Path,
    mapping: Mapping,
    spool: Spool,
    summary: Summary,
    rejects: Rejects,
    progress: Progress,
    limit: int | None = None,
) -> tuple[Translator, bool]:
    """Read the file into the spool; returns the translator, which knows the units, and whether there are positions."""
    translator = Translator(mapping)
    progress.phase("reading", file.stat().st_size)
    has_fixes = False
    for line, row in read_rows(file, mapping, progress.moved):
        if limit is not None and summary.rows >= limit:
            break
        summary.rows += 1
        try:
            if isinstance(row, BadRow):
                raise Unusable(f"row: {row}")
            events = translator.events(line, row)
        except Unusable as reason:
            summary.unusable += 1
            rejects.note(line, "row", str(reason))
            continue
        summary.used += 1
        if translator.parts_left_out:
            summary.partly += 1
            for reason_text in translator.parts_left_out:
                rejects.note(line, "part", reason_text)
        for event in events:
            spool.add(event)
            has_fixes = has_fixes or event.kind == FIX
    for closing in translator.closings():
        spool.add(closing)
    return translator, has_fixes


async def _send(
    spool: Spool,
    translator: Translator,
    mapping: Mapping,
    timing: Timing,
    summary: Summary,
    rejects: Rejects,
    progress: Progress,
    base_url: str,
    token: str,
    ca_file: str,
) -> None:
    done = 0

    def passed(count: int) -> None:
        nonlocal done
        done += count
        progress.moved(done)

    async def paced() -> AsyncIterator[Event]:
        start = time.monotonic()
        for event in spool.by_time(mapping.time.newest_first):
            wait = timing.wait_s(event.at) - (time.monotonic() - start)
            if timing.speed and wait > 0:
                await asyncio.sleep(wait)
            yield event

    progress.phase("sending", len(spool))
    async with open_client(base_url, ca_file) as client:
        sender = Sender(Api(client, base_url, token, lang="en"), timing, summary, rejects)
        await sender.register(list(translator.units.values()), timing.first)
        try:
            await sender.send(paced(), passed)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
