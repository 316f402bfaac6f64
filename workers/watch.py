"""Does what the clock asks for: ``Sweep`` carries all the rules (see its handler), this loop says when."""

import time

from dashboard.desk import Desk
from dashboard.domain.commands import Actor, Sweep
from dashboard.domain.worktime import DAY_MS
from datasource.settings import Settings
from workers.loop import Lease, process

EVERY_S = 0.25
PARTS_S = {"orders": EVERY_S, "alarms": EVERY_S, "sources": 2.0, "units": 2.0, "disputes": 60.0, "cameras": 60.0}
PRUNE_EVERY_S = 60.0
PRUNE_AT_ONCE = 5_000
"""So many rows are gone in some fifty milliseconds; an hour's worth would keep orders from being chased for seconds."""
ACTOR = Actor(role="worker", id="watch")


class Watch:
    """One at a time (a lease); a sweep is idempotent.

    Each part is a transaction of its own: counting a thousand cases must not hold up an order that is overdue, and a
    part that fails must not keep the others from running.
    """

    def __init__(self, desk: Desk, lease: Lease) -> None:
        self.lag = 0
        self.note = ""
        self._desk = desk
        self._lease = lease
        self._due = dict.fromkeys(PARTS_S, 0.0)
        self._prune_at = time.monotonic() + 60.0

    def reset(self) -> None:
        """Nothing is remembered between two sweeps."""

    def step(self) -> float:
        """Sweep what is due; returns the pause until the next time.  ``lag`` is how late (ms) the latest part was."""
        if self._lease.hold() is None:
            self.note = "standby"
            return EVERY_S
        self.note = ""
        started = time.monotonic()
        self.lag = 0
        faults: list[Exception] = []
        for part, due in self._due.items():
            tick = time.monotonic()
            if tick < due:
                continue
            if due:
                self.lag = max(self.lag, int((tick - due) * 1000))
            # The next time is set first, so that a part that fails waits its turn like any other.
            self._due[part] = tick + PARTS_S[part] - 0.01
            try:
                self._desk.do(Sweep(parts=(part,)), ACTOR)
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
        if started >= self._prune_at:
            self._prune_at = started + PRUNE_EVERY_S
            if self._prune() >= PRUNE_AT_ONCE:
                self._prune_at = started
        return max(0.0, EVERY_S - (time.monotonic() - started))

    def _prune(self) -> int:
        """Forget some old tracks, and idempotency keys of facts that are too old to be taken again anyway."""
        now = self._desk.clock.now()
        tracks_d = self._desk.why("retention.tracks_d", "").value
        facts_s = self._desk.why("api.fact_age_s", "").value
        return self._desk.store.prune(
            tracks_before=now - int(tracks_d * DAY_MS),
            keys_before=now - int(facts_s * 1000) - DAY_MS,
            limit=PRUNE_AT_ONCE,
        )


def main(settings: Settings | None = None) -> None:
    """Run the process ``watch``."""
    with process("watch", settings) as this:
        lease = this.lease()
        this.run(Watch(this.backend.desk, lease), lease)


if __name__ == "__main__":
    main()
