"""People at the desk, over HTTP and ``/live`` as a browser would: used by the tests of a whole instance."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.harness import Instance, Reply, wait_for


class Person:
    """Somebody who has signed in at an instance with a one-time link."""

    def __init__(self, instance: Instance, role: str) -> None:
        self.instance = instance
        # The link carries the public address of the centre; its path is good at every web process.
        reply = instance.get(urlsplit(instance.link(role=role)).path)
        assert reply.status == 303, reply
        self.cookie = reply.headers["set-cookie"].partition(";")[0]

    def get(self, path: str, *, at: str = "") -> Reply:
        """GET a path of the instance, or of another web process of it at the address ``at``."""
        return at_address(self.instance, at).get(path, headers={"Cookie": self.cookie})

    def post(self, path: str, body: Any, *, at: str = "", key: str = "") -> Reply:
        """POST JSON below ``/api/v1``."""
        there = at_address(self.instance, at)
        headers = {"Cookie": self.cookie, "Origin": there.url, **({"Idempotency-Key": key} if key else {})}
        return there.post(path, body, headers=headers)

    def do(self, name: str, *, at: str = "", key: str = "", **fields: Any) -> str:
        """Give a command and return the id it speaks of; fails the test when it is refused."""
        reply = self.post(f"/commands/{name}", fields, at=at, key=key)
        assert reply.status == 200, f"{name}: {reply}"
        return str(reply.json()["id"])

    def incident(self, incident_id: str) -> dict[str, Any]:
        """Return what the desk says of one incident."""
        reply = self.get(f"/api/v1/incidents/{incident_id}")
        assert reply.status == 200, reply
        return dict(reply.json())

    def snapshot(self, view: str, *, at: str = "") -> dict[str, Any]:
        """Return the picture of a view."""
        reply = self.get(f"/snapshot?view={view}", at=at)
        assert reply.status == 200, reply
        return dict(json.loads(reply.body))

    @contextlib.contextmanager
    def watching(self, view: str) -> Iterator[list[bytes]]:
        """Keep ``/live`` open for a view, and collect every frame that comes in."""
        frames: list[bytes] = []
        over = threading.Event()

        def read() -> None:
            address = f"ws{self.instance.url.removeprefix('http')}/live?{urlencode({'view': view})}"
            headers = {"Cookie": self.cookie}
            while not over.is_set():
                with contextlib.suppress(OSError, WebSocketException):
                    with connect(address, origin=self.instance.url, additional_headers=headers, proxy=None) as socket:
                        while not over.is_set():
                            with contextlib.suppress(TimeoutError):
                                frame = socket.recv(0.2)
                                frames.append(frame if isinstance(frame, bytes) else frame.encode())
                time.sleep(0.05)

        reader = threading.Thread(target=read, name=f"watch {view}", daemon=True)
        reader.start()
        try:
            wait_for(lambda: frames, 15, what=f"a first frame of {view}")
            yield frames
        finally:
            over.set()
            reader.join(5)


class _Elsewhere(Instance):
    """Another door of the same instance."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        """Return the address."""
        return self._url


def at_address(instance: Instance, url: str) -> Instance:
    """Return the instance, or another door of it when an address is given."""
    return _Elsewhere(url) if url else instance


def accepted(instance: Instance, token: str, call: str, body: dict[str, Any], limit_s: float = 20.0) -> None:
    """Post what a source says, again and again while the door says "later"; fails the test for any other answer than 202."""

    def ask() -> bool:
        try:
            reply = instance.post(call, body, token=token)
        except OSError:
            return False
        assert reply.status in (202, 429, 503), f"{call}: {reply}"
        return reply.status == 202

    wait_for(ask, limit_s, what=f"{call} accepted")


def now() -> int:
    """Return the instant, in ms."""
    return int(time.time() * 1000)
