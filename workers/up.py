"""``muster up``: starts one instance in the foreground, says where it is, and stops all of it again.

The parent stays small: migrating, accounts and certificates happen in a child that ends (``muster prepare``), the
processes run under supervisord (``workers/supervise.py``).  This process only waits, and everything dies with it.
"""

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.status import Status
from rich.text import Text

from datasource import settings as settings_module
from datasource.addresses import local_ipv4, port_is_free
from datasource.settings import CHECKOUT, Settings, SettingsError
from workers import leash, supervise

STOP_LIMIT_S = 15.0
_PORT_PATIENCE_S = 3.0
_TELL_AFTER_S = 30.0
_RESTART_PAUSE_S = 1.0


class CannotStart(RuntimeError):
    """The instance cannot be started; the message says what is in the way."""


class Instance:
    """The processes of one instance, as seen by ``muster up``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.env = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
        self._supervisor: subprocess.Popen[bytes] | None = None

    def claim(self) -> int:
        """Make the home folder and take it for ourselves; returns the lock, raises CannotStart."""
        settings_module.make_home(self.settings)
        path = self.settings.run_dir / "muster.lock"
        lock = leash.hold(str(path))
        if lock is None:
            raise CannotStart(
                f"Muster is already running in {self.settings.home_dir} (process {path.read_text().strip() or '?'}). Stop it first, or set another MUSTER_HOME and PORT."
            )
        until = time.monotonic() + _PORT_PATIENCE_S  # a predecessor that is just ending
        while not port_is_free(self.settings.host, self.settings.port):
            if time.monotonic() > until:
                os.close(lock)
                raise CannotStart(
                    f"port {self.settings.port} is in use by another program. Choose another one: PORT={self.settings.port + 1} make run, or muster up --port {self.settings.port + 1}"
                )
            time.sleep(0.2)
        return lock

    def prepare(self) -> dict[str, Any]:
        """Migrate, see to accounts and certificates, in a process that ends; returns what it has to say."""
        command = [sys.executable, str(CHECKOUT / "app.py"), "prepare"]
        done = subprocess.run(command, env=self.env, cwd=CHECKOUT, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise CannotStart("the instance could not be prepared; the reason is above")
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def start(self) -> None:
        """Start supervisord, and with it everything else."""
        conf = self.settings.run_dir / "supervisord.conf"
        conf.write_text(supervise.configuration(self.settings, supervise.programs(self.settings)))
        conf.chmod(0o600)
        settings_module.note_running(self.settings)
        with open(self.settings.log_dir / "supervisor.out", "wb") as out:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "workers.supervise"],
                cwd=CHECKOUT,
                env={**self.env, leash.PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal reaches us alone; we stop the others in order
            )

    def running(self) -> bool:
        """Say whether supervisord runs."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def readiness(self) -> dict[str, Any] | None:
        """Return what ``/readyz`` says (member ``ready``), or None while nobody answers."""
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::", "") else self.settings.host
        connection: http.client.HTTPConnection
        if self.settings.tls:
            # Our own server on this machine: whether its certificate names the loopback address does not matter here.
            unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            unchecked.check_hostname = False
            unchecked.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection(host, self.settings.port, timeout=3, context=unchecked)
        else:
            connection = http.client.HTTPConnection(host, self.settings.port, timeout=3)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return {**json.loads(answer.read()), "ready": answer.status == 200}
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop everything in order; what does not stop is killed."""
        supervisor = self._supervisor
        if supervisor is None:
            return
        if supervisor.poll() is None:
            supervisor.terminate()
            try:
                supervisor.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._supervisor = None

    def kill(self) -> None:
        """Kill supervisord; its children die with it."""
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()


class Asked:
    """Notes that somebody wants us to end: Ctrl-C, SIGTERM, or the terminal is gone."""

    def __init__(self, on_second: Callable[[], None]) -> None:
        self.to_stop = False
        self._on_second = on_second
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.to_stop and number == signal.SIGINT:
            self._on_second()
        self.to_stop = True


def up(settings: Settings, console: Console) -> int:
    """Start the instance and stay until asked to stop; returns the exit status."""
    for name, meant in settings_module.unknown().items():
        console.print(
            f"[yellow]{name} is not a setting{f'; did you mean {meant}?' if meant else ''}[/]", highlight=False
        )
    instance = Instance(settings)
    try:
        lock = instance.claim()
    except (CannotStart, SettingsError) as error:
        console.print(f"[red]Muster cannot start:[/] {error}", highlight=False)
        return 1
    asked = Asked(instance.kill)
    try:
        with console.status("preparing the database …") as status:
            if not console.is_terminal:
                console.print("starting …")
            said = instance.prepare()
            if not asked.to_stop:
                instance.start()
                _wait_until_ready(instance, asked, status, console)
        if not asked.to_stop:
            console.print(_panel(settings, said))
        while not asked.to_stop:
            if not instance.running():
                # Its children died with it: whatever killed it, start them all again.
                console.print("[yellow]the supervisor ended unexpectedly and is started again[/]")
                time.sleep(_RESTART_PAUSE_S)
                instance.start()
            time.sleep(0.3)
        console.print("stopping …")
        return 0
    except CannotStart as error:
        console.print(f"[red]Muster cannot start:[/] {error}", highlight=False)
        return 1
    finally:
        instance.stop()
        os.close(lock)


def _wait_until_ready(instance: Instance, asked: Asked, status: Status, console: Console) -> None:
    started = time.monotonic()
    told = False
    while not asked.to_stop:
        said = instance.readiness()
        if said and said["ready"]:
            return
        if not instance.running():
            out = (instance.settings.log_dir / "supervisor.out").read_text(errors="replace")
            raise CannotStart(f"the supervisor ended:\n{out[-2000:]}")
        missing = _missing(said)
        status.update(f"starting … {missing}")
        if not told and time.monotonic() - started > _TELL_AFTER_S:
            told = True
            console.print(
                f"[yellow]this takes longer than usual[/]: {missing}. Logs: {instance.settings.log_dir}",
                highlight=False,
            )
        time.sleep(0.15)


def _missing(said: dict[str, Any] | None) -> str:
    """Name what is not ready yet."""
    if said is None:
        return "waiting for the web server"
    waits = [
        name
        for name, part in {**said, **said.get("processes", {})}.items()
        if isinstance(part, dict) and part.get("ok") is False
    ]
    return "waiting for " + (", ".join(waits) or "the first pulse")


def command_name() -> str:
    """Return how the ``muster`` command is called from here."""
    if shutil.which("muster"):
        return "muster"
    command = Path(sys.prefix) / "bin" / "muster"
    if not command.exists():
        return f"{sys.executable} app.py"
    return str(command.relative_to(Path.cwd())) if command.is_relative_to(Path.cwd()) else str(command)


def _panel(settings: Settings, said: dict[str, Any]) -> Panel:
    text = Text()
    text.append("Address       ").append(settings.url, style="bold").append("\n")
    if settings.host in ("0.0.0.0", "::", "") and not settings.public_url:
        for address in local_ipv4():
            if not address.startswith("127."):
                text.append("              ").append(f"{settings.scheme}://{address}:{settings.port}\n")
    if said.get("link"):
        text.append("Sign in once  ").append(said["link"], style="bold green").append("  (15 minutes)\n")
    if said.get("authority"):
        text.append("Phones        ").append(f"{settings.url}/tls").append("  (installs the certificate)\n")
    text.append("State         ").append(str(settings.home_dir)).append("\n")
    people = "commander | duty | leader | mediator | wall | admin" if settings.demo else "NAME"
    text.append("More links    ").append(f"{command_name()} link --user {people}\n")
    text.append("Stop          ").append("Ctrl-C")
    return Panel(text, title="Muster · DEMO" if settings.demo else "Muster", expand=False, padding=(1, 2))
