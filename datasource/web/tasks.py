"""Ending asyncio tasks for good.

``task.cancel()`` alone is a request that can get lost: up to Python 3.11 ``asyncio.wait_for`` drops a cancellation that
arrives together with its result, and redis-py waits with it for every command it sends.  A loop that reads Redis would
go on for ever, and whoever waits for its end with it.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.5


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until every one has ended; what they raise is nobody's any more."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()
