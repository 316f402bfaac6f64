"""A whole Muster for tests: its own home folder and port, its processes, its doors.

Used by the browser journeys, the integration and the chaos tests and the benchmarks.  Nothing here reaches inside: an
instance is started with the ``muster`` command and spoken to over HTTP, as a stranger would.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

CHECKOUT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 90.0

Answer = TypeVar("Answer")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(question: Callable[[], Answer], limit_s: float = 10.0, *, what: str = "") -> Answer:
    """Ask until the answer is true and return it; fails the test after ``limit_s`` seconds with the last answer."""
    until = time.monotonic() + limit_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit_s:g} s: {what or question}; last answer: {answer!r}")
        time.sleep(0.05)


class Instance:
    """One Muster, started by :meth:`start` and gone after :meth:`stop`."""

    def __init__(self, home: Path, *, port: int = 0, demo: bool = False, env: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.demo = demo
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_") and name != "PORT"}
        self.env = {
            **clean,
            "MUSTER_HOME": str(home),
            "MUSTER_PORT": str(self.port),
            "MUSTER_HOST": "127.0.0.1",
            **(env or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    # --- life -----------------------------------------------------------------------

    def launch(self, *options: str) -> "Instance":
        """Start ``muster up`` without waiting for it."""
        self.home.mkdir(parents=True, exist_ok=True)
        with open(self.home / "up.out", "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(CHECKOUT / "app.py"), "up", "--demo" if self.demo else "--no-demo", *options],
                cwd=CHECKOUT, env=self.env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        return self

    def start(self, *options: str, limit_s: float = START_LIMIT_S) -> "Instance":
        """Start ``muster up`` and wait until it is ready."""
        self.launch(*options)
        self.wait_ready(limit_s)
        return self

    def wait_ready(self, limit_s: float = START_LIMIT_S) -> None:
        """Wait until ``/readyz`` says yes and ``muster up`` has said so too; shows output and logs when it does not."""
        until = time.monotonic() + limit_s
        while not (self.is_ready() and "Address" in self.output()):
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(
                    f"not ready (exit status {self.process.poll()}); {self.ready()}\n{self.output()}\n{self.logs()}"
                )
            time.sleep(0.1)

    def stop(self, limit_s: float = 20.0) -> int:
        """Ask ``muster up`` to end, as Ctrl-C does; returns its exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(limit_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None

    def kill(self) -> None:
        """kill -9 of ``muster up``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def processes(self) -> dict[int, str]:
        """Return every process of this instance, whoever started it: pid → command line."""
        mark = f"MUSTER_HOME={self.home}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes().split(b"\0"):
                    state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
                    if state != "Z":
                        found[int(folder.name)] = (
                            (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                        )
            except (OSError, IndexError):
                continue
        return found

    def find(self, name: str) -> int | None:
        """Return the process number of a supervised program (``web``, ``ingest``, ``redis`` …), or None."""
        mark = "redis.conf" if name == "redis" else f"app.py serve {name}"
        return next(
            (pid for pid, command in self.processes().items() if mark in command and "leash.py" not in command), None
        )

    def pid_of(self, name: str) -> int:
        """Return the process number of a supervised program; fails the test when it does not run."""
        found = self.find(name)
        assert found is not None, f"{name} does not run: {self.processes()}"
        return found

    # --- what it says ------------------------------------------------------------------

    def output(self) -> str:
        """Return what ``muster up`` has printed so far."""
        path = self.home / "up.out"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self, last: int = 1500) -> str:
        """Return the end of every log file."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-last:]}"
            for log in sorted((self.home / "log").glob("*"))
        )

    def ready(self) -> dict[str, Any] | None:
        """Return what ``/readyz`` says, whatever the status; None when nobody answers."""
        try:
            return dict(json.loads(self.get("/readyz").body))
        except (OSError, ValueError):
            return None

    def is_ready(self) -> bool:
        """Say whether ``/readyz`` answers 200."""
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def muster(self, *arguments: str, limit_s: float = 60.0) -> str:
        """Run a ``muster`` command against this instance and return its output; fails the test when it fails."""
        command = [sys.executable, str(CHECKOUT / "app.py"), *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=limit_s, check=False
        )
        assert done.returncode == 0, f"muster {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def link(self, *, role: str = "", user: str = "") -> str:
        """Return a sign-in link that works once."""
        said = self.muster("link", *(("--user", user) if user else ("--role", role)))
        found = re.search(r"https?://\S+", said)
        assert found, said
        return found[0]

    def token(self, source: str) -> str:
        """Return a new bearer token of a source."""
        return self.muster("token", source).split()[-1]

    # --- its doors ---------------------------------------------------------------------

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> "Reply":
        """GET a path, without following redirects."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, *, token: str = "", headers: dict[str, str] | None = None) -> "Reply":
        """POST JSON to ``/api/v1`` + path with a source's token."""
        sent = {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **(headers or {}),
        }
        return self.ask("POST", f"/api/v1{path}", headers=sent, body=json.dumps(body).encode())

    def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> "Reply":
        """Send a request; any HTTP status is an answer, only a missing server raises OSError."""
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {}, method=method)
        try:
            with _opener.open(request, timeout=10) as answer:
                return Reply(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            return Reply(error.code, dict(error.headers.items()), error.read())


class Reply:
    """An answer: status, headers, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.body[:300]!r})"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
