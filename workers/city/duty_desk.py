"""The simulated duty desk at work: signs in like anybody else, looks every few seconds, and does what ``duty.py`` decides.

It is an ordinary account with an ordinary session, and knows of the centre what the public API tells it.  The session
outlives a restart in a file of its own; when it is gone and the link is spent, the desk stays empty until the next start.
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from dashboard.config import Profile
from workers.city.duty import (
    Act,
    AlarmSeen,
    AlertSeen,
    Board,
    CandidateSeen,
    Crew,
    Duty,
    IncidentSeen,
    OrderSeen,
    choose,
)
from workers.city.hours import CityClock
from workers.public_api import PAUSES_S, open_client

LOOK_EVERY_S = 2.5
TELL_EVERY = 120
"""Looks between two lines in the log."""
MOST_ACTS = 20
_log = logging.getLogger(__name__)

T = TypeVar("T")


class DeskAccess(msgspec.Struct, frozen=True):
    """What ``muster up`` gives the desk: how events name it, and a link that signs in once."""

    owner: str
    link: str


class Away(Exception):
    """The centre does not answer now."""


class SignedOut(Exception):
    """The session is over, or the account may not work at the desk any more."""


class Refused(Exception):
    """The centre has said no to a command, and why."""


class _Fault(msgspec.Struct):
    reason: str = ""


class _Problem(msgspec.Struct):
    title: str = ""
    errors: list[_Fault] = []


class _Done(msgspec.Struct):
    id: str


class _Incidents(msgspec.Struct):
    incidents: list[IncidentSeen]


class _Alarms(msgspec.Struct):
    alarms: list[AlarmSeen]


class _Alerts(msgspec.Struct):
    camera_alerts: list[AlertSeen]


class _Detail(msgspec.Struct):
    orders: list[OrderSeen]


class _Recommended(msgspec.Struct):
    candidates: list[CandidateSeen]


def staffing(
    access: DeskAccess, base_url: str, ca_file: str, session_file: Path | None, seed: int, profile: Profile
) -> Callable[[CityClock], Coroutine[Any, Any, None]]:
    """Return what staffs the desk for as long as the city lives, given the city's clock."""

    async def staff(clock: CityClock) -> None:
        # Connections of its own: nothing of a source's may ride along with the session, nor the other way round.
        async with open_client(base_url, ca_file) as client:
            session = Session(client, base_url, access.link, session_file)
            await DutyDesk(session, Duty(seed, access.owner), profile, clock).run()

    return staff


class Session:
    """The signed-in session; ``file`` keeps its cookie (None: in memory only)."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, link: str, file: Path | None = None) -> None:
        self._client, self._url, self._link, self._file = client, base_url.rstrip("/"), link, file
        # The API takes a change only from the centre's own pages; we are at home here and say so.
        self._headers = {"Accept": "application/json", "Origin": self._url}

    def recall(self) -> None:
        """Take up the session of before a restart."""
        if self._file is None:
            return
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("%s cannot be used: %s", self._file, error)
            return
        self._client.cookies.update(kept)

    async def sign_in(self) -> None:
        """Open the link; raises Away, or SignedOut when it is spent."""
        self._client.cookies.clear()
        answer = await self._send("GET", self._link)
        cookies = dict(self._client.cookies)
        if answer.status_code != 303 or not cookies:
            raise SignedOut(f"the link is spent ({answer.status_code})")
        if self._file is not None:
            draft = self._file.with_suffix(".draft")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(cookies))
            draft.replace(self._file)

    async def ask(self, path: str, kind: type[T]) -> T:
        """Read something; raises Away, SignedOut, Refused."""
        return self._read(await self._send("GET", f"{self._url}/api/v1/{path}"), kind)

    async def say(self, command: str, body: Mapping[str, Any]) -> str:
        """Give a command; returns the id it speaks of, raises Away, SignedOut, Refused."""
        address = f"{self._url}/api/v1/commands/{command}"
        return self._read(await self._send("POST", address, dict(body)), _Done).id

    async def _send(self, method: str, address: str, body: Any = None) -> httpx.Response:
        try:
            answer = await self._client.request(method, address, json=body, headers=self._headers)
        except (httpx.HTTPError, OSError) as error:
            raise Away(str(error) or type(error).__name__) from None
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            raise Away(str(answer.status_code))
        return answer

    @staticmethod
    def _read(answer: httpx.Response, kind: type[T]) -> T:
        if answer.status_code in (401, 403):
            raise SignedOut(str(answer.status_code))
        try:
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=kind)
            problem = msgspec.json.decode(answer.content, type=_Problem)
        except msgspec.MsgspecError as error:
            raise Away(f"an answer of another kind: {error}") from None
        raise Refused("; ".join(e.reason for e in problem.errors) or problem.title or str(answer.status_code))


class DutyDesk:
    """Looks, and does what there is to do."""

    def __init__(self, session: Session, duty: Duty, profile: Profile, clock: CityClock) -> None:
        self._session, self._duty, self._profile, self._clock = session, duty, profile, clock
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Work for ever; without a session, wait for ever."""
        self._session.recall()
        tries = looks = 0
        link_open = True
        while True:
            pause = LOOK_EVERY_S
            try:
                await self.look()
                tries = 0
                looks += 1
                if looks % TELL_EVERY == 0:
                    _log.info("duty desk: %s", dict(self.counts))
            except Away as error:
                if tries in (0, 10, 100):
                    _log.info("duty desk: the centre is away: %s", error)
                pause = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
                tries += 1
            except SignedOut as error:
                if not link_open:
                    _log.warning(
                        "duty desk: nobody is signed in (%s): unstaffed until `muster up` gives a new link", error
                    )
                    await asyncio.Event().wait()
                try:
                    await self._session.sign_in()
                    _log.info("duty desk: signed in as %s", self._duty.owner)
                    link_open, pause = False, 0.0
                except SignedOut:
                    link_open = False
                except Away:
                    pause = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
                    tries += 1
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Look once, and act; raises Away, SignedOut."""
        incidents = (await self._session.ask("incidents", _Incidents)).incidents
        alarms = (await self._session.ask("alarms", _Alarms)).alarms
        alerts: list[AlertSeen] = []
        if any(a.rule == "camera_alert" for a in alarms):
            alerts = (await self._session.ask("camera-alerts", _Alerts)).camera_alerts
        limit = min(MOST_ACTS, max(2, round(2 * self._clock.speed)))
        for act in self._duty.decide(Board(incidents, alarms, alerts), self._clock.now(), limit):
            try:
                await self._carry_out(act)
            except Refused as no:
                self.counts["refused"] += 1
                _log.info("duty desk: %s: %s", act.name, no)

    async def _carry_out(self, act: Act) -> None:
        if act.command:
            await self._say(act)
        elif act.incident is not None:
            one = act.incident
            past = (await self._session.ask(f"incidents/{one.id}", _Detail)).orders if one.status == "engaged" else []
            next_step = self._duty.follow(one, past)
            if isinstance(next_step, Act):
                await self._say(next_step)
            elif next_step is not None:
                await self._send_crew(act, one, next_step)

    async def _say(self, act: Act) -> None:
        await self._session.say(act.command, act.body)
        self.counts[act.command] += 1
        self._duty.done(act)

    async def _send_crew(self, act: Act, one: IncidentSeen, crew: Crew) -> None:
        found = (await self._session.ask(f"incidents/{one.id}/recommended", _Recommended)).candidates
        chosen = choose(found, self._profile.needs(one.category, one.severity), crew)
        if not chosen:
            self.counts["nobody to send"] += 1
        known = self._profile.categories.get(one.category)
        text = (known.order_text if known else "") or "请到场核实并反馈情况"
        for unit in chosen:
            body: dict[str, Any] = {"incident_id": one.id, "unit_id": unit.unit_id, "text": text}
            if unit.eta_s is not None:
                body["eta_s"] = min(unit.eta_s, 86_400)
            self._duty.done(act, await self._session.say("SendOrder", body))
            self.counts["SendOrder"] += 1
