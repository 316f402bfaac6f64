"""Two web processes of one instance: the same picture on both, one sign-in for both, and either does without the other."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

from datasource.settings import load
from tests.harness import CHECKOUT, Instance, free_port, wait_for
from tests.integration.people import Person, accepted, at_address, now

pytestmark = pytest.mark.integration

AREA = "440112"
BEHIND_S = 1.0
"""So much later than on the first, at most, a change shows on the second."""


class Pair:
    """An instance with a second web process on the same home folder, as behind one proxy."""

    def __init__(self, instance: Instance, port: int) -> None:
        self.instance = instance
        self.first = instance.url
        self.second = f"http://127.0.0.1:{port}"
        self._env = {**instance.env, "MUSTER_PORT": str(port), "MUSTER_SUPERVISOR_PID": str(os.getpid())}
        self.web: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Start the second web process."""
        command = [sys.executable, str(CHECKOUT / "app.py"), "serve", "web"]
        with open(self.instance.home / "log" / "web-2.log", "ab") as log:
            self.web = subprocess.Popen(command, cwd=CHECKOUT, env=self._env, stdout=log, stderr=log)
        wait_for(lambda: answers(self.instance, self.second), 60, what="the second web process is ready")

    def kill(self) -> None:
        """kill -9 of the second web process."""
        assert self.web is not None
        self.web.kill()
        self.web.wait()
        self.web = None

    def pictures(self, who: Person, view: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what both show."""
        first, second = (shown(who.snapshot(view, at=url)) for url in (self.first, self.second))
        return first, second

    def agree(self, who: Person, view: str, limit_s: float = 10.0, what: str = "") -> None:
        """Wait until both show the same; fails the test with what is different."""
        until = time.monotonic() + limit_s
        while found := difference(*self.pictures(who, view)):
            assert time.monotonic() < until, f"{what}: {view} differs in {found}"
            time.sleep(0.05)


def answers(instance: Instance, url: str) -> bool:
    """Say whether the web process at an address is ready."""
    try:
        return at_address(instance, url).get("/readyz").status == 200
    except OSError:
        return False


def shown(picture: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a picture what belongs to the process that made it, and to the moment.

    That is its epoch and numbering, the place of a unit in binary frames, and of each card the version, which starts with
    the position at which the process has read the database; and of each counter up to when it is known to be true.
    """
    cards = {
        kind: {id: without(card, "v", "slot") for id, card in found.items()}
        for kind, found in picture["cards"].items()
        if found
    }
    counters = {name: without(part, "as_of") for name, part in picture["summary"].items()}
    return {"cards": cards, "summary": counters, **{name: picture[name] for name in ("view", "area", "demo")}}


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a copy without some members."""
    return {name: value for name, value in found.items() if name not in names}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both, with four units on duty."""
    front = f"http://127.0.0.1:{free_port()}"
    instance = Instance(tmp_path_factory.mktemp("m") / "home", env={"MUSTER_PUBLIC_URL": front})
    made = Pair(instance, free_port())
    try:
        instance.start()
        made.serve()
        fleet = instance.token("s-fleet")
        units = [
            {"unit_id": f"U{n}", "name": f"{n}组", "kind": "fire", "area": AREA, "lat": 23.1, "lon": 113.4 + n / 100}
            for n in range(4)
        ]
        accepted(instance, fleet, "/units", {"units": units})
        items = [{"unit_id": one["unit_id"], "on_duty": True, "occurred_at": now()} for one in units]
        accepted(instance, fleet, "/unit-status", {"items": items})
        yield made
    finally:
        if made.web is not None:
            made.kill()
        instance.stop()


@pytest.fixture(scope="module")
def commander(pair: Pair) -> Person:
    """Somebody who has signed in at the first."""
    return Person(pair.instance, "commander")


def test_one_sign_in_is_good_at_both_and_signing_out_at_one_ends_it_at_the_other(pair: Pair):
    who = Person(pair.instance, "duty_officer")
    for url in (pair.first, pair.second):
        assert who.get("/snapshot?view=console", at=url).status == 200
    with connect(live(pair.second), origin=pair.second, additional_headers={"Cookie": who.cookie}) as socket:
        assert json.loads(socket.recv(5))["t"] == "snap"
        form = {"Cookie": who.cookie, "Origin": pair.first, "Content-Type": "application/x-www-form-urlencoded"}
        assert pair.instance.ask("POST", "/sign-out", headers=form, body=b"").status == 303
        said = wait_for(lambda: next_text(socket).get("reason"), 5, what="the second's open page is told")
    assert said == "session"
    gone = wait_for(lambda: refused(who, pair.second), 5, what="signed out at the second, too")
    assert gone.startswith("/sign-in")


def test_the_session_cookie_is_named_by_the_port_that_browsers_see():
    def named(**env: str) -> str:
        return load({f"MUSTER_{name}": value for name, value in env.items()}).cookie

    assert named(PORT="8051") != named(PORT="8052"), "two centres on one machine do not sign each other out"
    assert named(PORT="8051", PUBLIC_URL="https://a.example") == named(PORT="8052", PUBLIC_URL="https://a.example/")
    assert named(PORT="8051", PUBLIC_URL="http://a.example:9000") == named(PORT="9000")


def test_what_is_changed_at_one_is_the_same_on_both_within_a_second(pair: Pair, commander: Person):
    instance, behind = pair.instance, list[float]()

    def both(what: str, done: Callable[[dict[str, Any]], object]) -> None:
        """Wait until a change shows at one, and say how much later both are the same."""
        wait_for(lambda: any(done(picture) for picture in pair.pictures(commander, "console")), 15, what=what)
        begun = time.monotonic()
        for view in ("console", "wall"):
            pair.agree(commander, view, what=what)
        behind.append(time.monotonic() - begun)

    for n, (here, there) in enumerate([(pair.first, pair.second), (pair.second, pair.first)] * 2):
        opened = commander.do("OpenIncident", at=here, category="fire", severity=2, title=f"第{n}起", area=AREA)
        both("opened", lambda p, id=opened: cards(p, "incident").get(id))
        order = commander.do("SendOrder", at=there, incident_id=opened, unit_id=f"U{n}", text="前往")
        both("sent", lambda p, id=order: cards(p, "order").get(id))
        commander.do("CancelOrder", at=here, order_id=order, reason="误报")
        both("taken back", lambda p, id=order: cards(p, "order").get(id, {}).get("status") == "cancelled")
        if n % 2:
            commander.do("CloseIncident", at=there, incident_id=opened, outcome="resolved")
            both("closed", lambda p, id=opened: id not in cards(p, "incident"))
    accepted(instance, instance.token("s-110"), "/reports", {"category": "fire", "area": AREA, "occurred_at": now()})
    both("reported", lambda p: p["summary"]["incidents"]["open"] == 3)
    print(f"the same on both at most {max(behind) * 1000:.0f} ms after a change showed on one")
    assert max(behind) <= BEHIND_S


def test_a_terminal_may_come_in_by_either(pair: Pair):
    token = pair.instance.token("s-fleet")
    for url in (pair.first, pair.second):
        address = f"ws{url.removeprefix('http')}/terminal?fleet=1"
        with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
            assert json.loads(socket.recv(5))["t"] == "tasks"


def test_a_killed_one_leaves_the_other_serving_and_comes_back_with_the_same_picture(pair: Pair, commander: Person):
    instance = pair.instance
    token = instance.token("s-110")
    with connect(live(pair.second), origin=pair.second, additional_headers={"Cookie": commander.cookie}) as socket:
        assert json.loads(socket.recv(5))["t"] == "snap"
        victim = first_web(pair)
        os.kill(victim, signal.SIGKILL)
        for n in range(5):
            commander.do("OpenIncident", at=pair.second, category="fire", severity=3, title=f"独自{n}", area=AREA)
        wait_for(lambda: "独自4" in json.dumps(next_text(socket), ensure_ascii=False), 5, what="its open page goes on")
    assert commander.get("/readyz", at=pair.second).status == 200, "the instance is ready without the first"
    wait_for(lambda: answers(instance, pair.first), 30, what="the first is back")
    assert first_web(pair) != victim
    for view in ("console", "wall"):
        pair.agree(commander, view, what="the first is back")

    pair.kill()
    report = {"category": "fire", "title": "只剩一个", "area": AREA, "occurred_at": now()}
    accepted(instance, token, "/reports", report)
    wait_for(lambda: "只剩一个" in str(commander.snapshot("console")), 10, what="the first goes on")
    assert commander.get("/readyz").status == 200


# --- looking -----------------------------------------------------------------------------------------------


def cards(picture: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the cards of a kind by id."""
    return dict(picture["cards"].get(kind, {}))


def live(url: str) -> str:
    """Return the address of the live picture at a web process."""
    return f"ws{url.removeprefix('http')}/live?view=console"


def difference(first: Any, second: Any, path: str = "") -> list[str]:
    """List where two pictures are not the same, with what each says."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = sorted({*first, *second})
        return [line for key in keys for line in difference(first.get(key), second.get(key), f"{path}.{key}")]
    return [] if first == second else [f"{path[1:]}: {first!r} ≠ {second!r}"]


def refused(who: Person, url: str) -> str:
    """Return where somebody is sent who may not look any more, or ''."""
    reply = who.get("/snapshot?view=console", at=url)
    return reply.headers["location"] if reply.status == 303 else ""


def next_text(socket: Any) -> dict[str, Any]:
    """Return the next text frame of an open page, or nothing when none comes soon."""
    try:
        frame = socket.recv(0.3)
    except TimeoutError:
        return {}
    return dict(json.loads(frame)) if isinstance(frame, str) else {}


def first_web(pair: Pair) -> int:
    """Return the process number of the web process that the supervisor keeps."""
    second = pair.web.pid if pair.web else 0
    return next(
        pid for pid, command in pair.instance.processes().items() if command.endswith("serve web") and pid != second
    )
