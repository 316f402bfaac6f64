"""Puts the adapters together for one process: what it asks for is opened, and only that.

Every part is made at its first use, so a process that never delivers does not load RQ, and one that never reads a name
does not load the cipher.
"""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dashboard.ports import Clock, Jobs, Store, Stream, Vault
from datasource.clock import SystemClock
from datasource.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

    from dashboard.config import Profile
    from dashboard.desk import Desk
    from datasource.shapes import Shapes
    from datasource.sql.database import Database
    from datasource.stream import AsyncStream


@dataclass
class Backend:
    """The outside world of one process; close it at the end."""

    settings: Settings
    clock: Clock

    @cached_property
    def database(self) -> "Database":
        """The main database."""
        from datasource.sql.database import Database

        return Database(self.settings.database)

    @cached_property
    def tracks(self) -> "Database":
        """The store of positions: a fix is soon followed by the next, so it need not survive a power cut."""
        from datasource.sql.database import Database

        return Database(self.settings.positions, durable=False, serial=False)

    @cached_property
    def store(self) -> Store:
        """Events and state."""
        from datasource.sql.store import SqlStore

        return SqlStore(self.database, self.tracks, self.clock)

    @cached_property
    def vault(self) -> Vault:
        """Personal data."""
        from datasource.vault import SqlVault

        return SqlVault(self.database, self.clock, self.settings.secret())

    @cached_property
    def redis(self) -> "Redis":
        """A Redis client."""
        from datasource.stream import connect

        return connect(self.settings.redis)

    @cached_property
    def stream(self) -> Stream:
        """Streams, blocking."""
        from datasource.stream import RedisStream

        return RedisStream(self.redis)

    def async_stream(self) -> "AsyncStream":
        """Open streams for an event loop; whoever asks closes it."""
        from datasource.stream import AsyncStream, connect_async

        return AsyncStream(connect_async(self.settings.redis))

    @cached_property
    def jobs(self) -> Jobs:
        """The wake-up call for delivery."""
        from datasource.jobs import RqJobs

        return RqJobs(self.redis)

    @cached_property
    def profile(self) -> "Profile":
        """The profile of the centre; raises what its loader says of the file."""
        from dashboard.config import load_profile

        return load_profile(self.settings.profile or "default")

    @cached_property
    def shapes(self) -> "Shapes":
        """Outlines of the areas; a process that takes reports asks for them at its start, as the first build takes seconds.

        Outlines that cannot be used never stop a process: the fault is logged, and places keep the area they came with.
        """
        from datasource.shapes import Shapes, ShapesError, load_for

        try:
            return load_for(self.settings, self.profile)
        except ShapesError as fault:
            logging.getLogger(__name__).error("areas of places: %s", fault)
            return Shapes()

    @cached_property
    def desk(self) -> "Desk":
        """The front door."""
        from dashboard.desk import Desk

        return Desk(store=self.store, clock=self.clock, profile=self.profile, locate=self._locate)

    def wait_for_schema(self, timeout_s: float = 60.0) -> None:
        """Wait until the database has our schema; raises SchemaMismatch."""
        from datasource.sql.migrate import wait_for_schema

        wait_for_schema(self.settings.database, self.settings.positions, timeout_s=timeout_s)

    def _locate(self, lat: float, lon: float) -> str | None:
        return self.shapes.locate(lat, lon)

    def close(self) -> None:
        """Let go of what was opened."""
        for name in ("redis", "tracks", "database"):
            if name in self.__dict__:
                self.__dict__[name].close()


def open_backend(settings: Settings, clock: Clock | None = None) -> Backend:
    """Return the backend of this instance; nothing is connected before it is used."""
    return Backend(settings, clock or SystemClock())
