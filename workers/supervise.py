"""Keeps the processes of one instance alive, with the supervisor library.

``muster up`` starts ``python -m workers.supervise`` as its child; that becomes supervisord on a configuration generated
into the run folder, and starts the programs of :func:`programs`.  Every process is tied to the one that started it
(``workers/leash.py``): whoever is killed, nothing below stays behind.
"""

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from datasource import redis_server
from datasource.settings import CHECKOUT, Settings, load
from workers import leash

LOG_BYTES = 5_000_000
LOG_BACKUPS = 3
STOP_S = 8  # how long a process may take to end before it is killed

# Supervisor waits one second longer at each quick failure and has no upper bound for it; a program that fails at once
# is slowed down by its launcher instead (app.serve), so the count only has to be out of reach.
_RETRIES = 1_000_000

WORKERS = ("ingest", "track", "relay", "watch", "gateway")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One supervised process."""

    name: str
    command: list[str]
    priority: int = 100
    stop_signal: str = "TERM"


def programs(settings: Settings, destinations: Sequence[str] = ("terminal",)) -> list[Program]:
    """List what runs for these settings; ``destinations`` are the configured channels, a delivery worker each."""

    def own(name: str, priority: int = 100) -> Program:
        return Program(name=name, command=[sys.executable, str(CHECKOUT / "app.py"), "serve", name], priority=priority)

    listed = [own("web", 50), *map(own, process_names(destinations))]
    if settings.demo:
        listed.append(own("city", 200))
    if settings.embedded_redis:
        lock = str(redis_server.owner_lock(settings))
        become = [sys.executable, "-S", str(CHECKOUT / "workers" / "leash.py"), lock]
        listed.insert(0, Program(name="redis", command=[*become, *redis_server.command(settings)], priority=1))
    return listed


def process_names(destinations: Sequence[str] = ("terminal",)) -> list[str]:
    """List the processes whose heartbeats a ready instance has."""
    return [*WORKERS, *(f"deliver-{d}" for d in destinations)]


def configuration(settings: Settings, listed: Sequence[Program]) -> str:
    """Return the text of ``supervisord.conf``."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = 8192 if hard in (-1, resource.RLIM_INFINITY) else min(hard, 8192)
    log, sockets = settings.log_dir, settings.socket_dir
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_quoted(log / 'supervisor.log')}",
        f"logfile_maxbytes={LOG_BYTES}",
        f"logfile_backups={LOG_BACKUPS}",
        f"pidfile={_quoted(settings.run_dir / 'supervisord.pid')}",
        f"childlogdir={_quoted(log)}",
        f"minfds={descriptors}",
        "minprocs=100",
        "nocleanup=true",
        *(["user=root"] if os.getuid() == 0 else []),
        "[unix_http_server]",
        f"file={_quoted(sockets / 'supervisor.sock')}",
        "chmod=0700",
        "[supervisorctl]",
        f"serverurl=unix://{_quoted(sockets / 'supervisor.sock')}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for program in listed:
        lines += [
            f"[program:{program.name}]",
            "command=" + " ".join(_argument(part) for part in program.command),
            f"directory={_quoted(CHECKOUT)}",
            f"priority={program.priority}",
            "autorestart=true",
            "startsecs=1",
            f"startretries={_RETRIES}",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={STOP_S}",
            "redirect_stderr=true",
            f"stdout_logfile={_quoted(log / program.name)}.log",
            f"stdout_logfile_maxbytes={LOG_BYTES}",
            f"stdout_logfile_backups={LOG_BACKUPS}",
        ]
    # One group for everything but Redis: a group stops all its members at once, and Redis goes last.
    members = [p for p in listed if p.name != "redis"]
    lines += ["[group:muster]", "programs=" + ",".join(p.name for p in members), "priority=50", ""]
    return "\n".join(lines)


def main() -> None:
    """Become supervisord for the instance of the environment, tied to ``muster up``."""
    leash.tie_to_parent()
    os.environ[leash.PARENT] = str(os.getpid())
    from supervisor import supervisord

    supervisord.main(["-n", "-c", str(load().run_dir / "supervisord.conf")])


def _quoted(path: Path) -> str:
    """Write a path so that supervisor's interpolation leaves a percent sign alone."""
    return str(path).replace("%", "%%")


def _argument(part: str) -> str:
    text = part.replace("%", "%%")
    return f'"{text}"' if " " in text or ";" in text else text


if __name__ == "__main__":
    main()
