"""Sessions that end close what was opened under them."""

import asyncio

from dashboard.domain.commands import Actor
from datasource.clock import ManualClock
from datasource.web.ended import Ended


class Sessions:
    """Accounts that end what they are told to, and can be away."""

    def __init__(self):
        self.over = []
        self.asked = []
        self.away = False

    def ended_since(self, cursor):
        if self.away:
            raise ConnectionError("away")
        self.asked.append(cursor)
        return cursor + 1000, list(self.over)


def test_an_ended_session_is_known_after_the_next_look_and_others_stay():
    sessions = Sessions()
    ended = Ended(sessions, ManualClock(5_000))
    ended.look()
    assert ended.is_live("S1")
    sessions.over = ["S1"]
    ended.look()
    assert not ended.is_live("S1")
    assert ended.is_live("S2")
    assert sessions.asked == [5_000, 6_000]
    assert not asyncio.run(ended.still_allowed(Actor(role="wall", id="w", scope="44", session_id="S1")))


def test_a_database_that_is_away_is_asked_again(monkeypatch):
    monkeypatch.setattr("datasource.web.ended.PAUSE_S", 0.01)
    sessions = Sessions()
    sessions.away = True
    ended = Ended(sessions, ManualClock())

    async def live():
        task = asyncio.create_task(ended.run())
        await asyncio.sleep(0.05)
        sessions.away, sessions.over = False, ["S1"]
        while ended.is_live("S1"):
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(live(), 5))
