"""The worker processes of one instance, each started, killed and started again by the test, as a supervisor would.

No web process: what a source says goes into the stream through the same ``Intake`` that the API uses, and a terminal
speaks to the gateway's own socket.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from datasource import redis_server
from datasource.bootstrap import Backend, open_backend
from datasource.errors import Unavailable
from datasource.settings import Settings, load, make_home
from datasource.sql.migrate import migrate

CHECKOUT = Path(__file__).resolve().parents[2]
WORKERS = ("ingest", "track", "relay", "watch", "deliver", "gateway")

Answer = TypeVar("Answer")


def until(question: Callable[[], Answer], limit_s: float = 10.0, *, what: str = "") -> Answer:
    """Ask until the answer is true and return it; fails the test after ``limit_s`` seconds."""
    end = time.monotonic() + limit_s
    while not (answer := question()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s:g} s: {what or question}; last answer: {answer!r}")
        time.sleep(0.02)
    return answer


class Workshop:
    """Redis and workers on a home folder of their own; ``runner`` is the module that starts a worker (for sabotage)."""

    def __init__(
        self, home: Path, *, runner: Sequence[str] = ("-m",), parameters: Mapping[str, float] | None = None
    ) -> None:
        profile = _profile(home, parameters) if parameters else None
        self.settings: Settings = load({}, home=str(home), profile=profile)
        make_home(self.settings)
        migrate(self.settings.database, self.settings.positions)
        self.backend: Backend = open_backend(self.settings)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.starts: dict[str, int] = {}
        self._runner = tuple(runner)
        self._env = {
            name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")
        } | self.settings.environment()
        self._env["MUSTER_SUPERVISOR_PID"] = str(os.getpid())
        self._env["PYTHONPATH"] = str(CHECKOUT)

    def start(self, *names: str) -> "Workshop":
        """Start Redis first, then the workers (all of them by default)."""
        if "redis" not in self.processes:
            self.start_one("redis")
        for name in names or WORKERS:
            self.start_one(name)
        return self

    def start_one(self, name: str) -> None:
        """Start a process that is not running."""
        command = (
            redis_server.command(self.settings)
            if name == "redis"
            else [sys.executable, *self._runner, f"workers.{name}"]
        )
        with open(self.settings.log_dir / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=CHECKOUT, env=self._env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.starts[name] = self.starts.get(name, 0) + 1
        if name == "redis":
            assert redis_server.wait_ready(self.settings), self.log("redis")

    def kill(self, name: str) -> None:
        """kill -9, as a power cut would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def freeze(self, name: str) -> None:
        """Stop a process without its knowing, but not while it holds the database, or nobody could take over."""
        for n in range(5):
            self.processes[name].send_signal(signal.SIGSTOP)
            try:
                self.backend.store.take_lease("test", f"freezer-{n}", 0, 0)
                return
            except Unavailable:
                self.thaw(name)
                time.sleep(0.1)
        raise AssertionError(f"{name} always holds the database")

    def thaw(self, name: str) -> None:
        """Let it go on."""
        self.processes[name].send_signal(signal.SIGCONT)

    def keep_alive(self) -> list[str]:
        """Start again whatever has ended; returns the names."""
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        for name in ended:
            self.start_one(name)
        return ended

    def log(self, name: str, last: int = 4000) -> str:
        """Return the end of a log."""
        return (self.settings.log_dir / f"{name}.log").read_text(errors="replace")[-last:]

    def stop(self) -> None:
        """End everything, Redis last; the test fails when a worker does not end by itself."""
        workers = [process for name, process in self.processes.items() if name != "redis"]
        for process in workers:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        late = []
        for name, process in self.processes.items():
            if name == "redis":
                continue
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                late.append(name)
                process.kill()
                process.wait()
        if redis := self.processes.get("redis"):
            redis.terminate()
            redis.wait(10)
        self.backend.close()
        assert not late, f"did not end within 10 s of SIGTERM: {late}\n{self.log(late[0])}"


def _profile(home: Path, parameters: Mapping[str, float]) -> str:
    """Write the default profile with other parameters; returns its path."""
    lines = "".join(f'"{name}" = {value}\n' for name, value in parameters.items())
    home.mkdir(parents=True, exist_ok=True)
    path = home / "profile.toml"
    path.write_text((CHECKOUT / "dashboard" / "centres" / "default.toml").read_text() + f"\n[parameters]\n{lines}")
    return str(path)
