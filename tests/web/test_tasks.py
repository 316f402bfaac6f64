"""A task that lost a cancellation is ended all the same."""

import asyncio
import contextlib

from datasource.web import tasks
from datasource.web.tasks import end


def test_a_task_that_swallows_a_cancellation_is_asked_again(monkeypatch):
    monkeypatch.setattr(tasks, "AGAIN_S", 0.02)

    async def story() -> int:
        swallowed = 0

        async def deaf() -> None:
            nonlocal swallowed
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    swallowed += 1
                    if swallowed == 3:
                        raise

        running = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await end([running])
        assert running.cancelled()
        return swallowed

    assert asyncio.run(story()) == 3


def test_what_ended_tasks_raise_hurts_nobody():
    async def story() -> None:
        async def failing() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            raise ValueError("on the way out")

        running = asyncio.create_task(failing())
        await asyncio.sleep(0)
        await end([running])
        assert isinstance(running.exception(), ValueError)

    asyncio.run(story())
