"""Which sessions and tokens have ended, for the sockets that were opened under them.

One question to the database a second for the whole process, however many sockets are open.
"""

import asyncio

import structlog

from dashboard.domain.commands import Actor
from dashboard.ports import Clock
from datasource.accounts import Accounts

PAUSE_S = 1.0
KEPT = 100_000

log = structlog.get_logger()


class Ended:
    """Knows what has ended since this process started; ``run`` it as a task."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._cursor = clock.now()
        self._ended: dict[str, None] = {}

    def is_live(self, session_id: str) -> bool:
        """Say whether a session or token that was good when its socket opened still is."""
        return session_id not in self._ended

    async def still_allowed(self, actor: Actor) -> bool:
        """The same, of an actor."""
        return self.is_live(actor.session_id)

    async def run(self) -> None:
        """Ask again and again until cancelled; a database that is away is asked later."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception as fault:
                log.warning("ended sessions not read", fault=f"{type(fault).__name__}: {fault}"[:200])
            await asyncio.sleep(PAUSE_S)

    def look(self) -> None:
        """Read what has ended since the last look."""
        self._cursor, found = self._accounts.ended_since(self._cursor)
        for session_id in found:
            self._ended[session_id] = None
        while len(self._ended) > KEPT:  # the oldest belong to sockets that were closed long ago
            del self._ended[next(iter(self._ended))]
