"""``muster up``: starts everything, stops everything, survives kills, and two live side by side."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.harness import Instance, free_port, wait_for

pytestmark = pytest.mark.integration

# From `kill -9` of the parent to the last process being gone.
ORPHAN_LIMIT_S = 5.0


@pytest.fixture
def home(tmp_path: Path):
    instance = Instance(tmp_path / "home")
    yield instance
    if instance.process:
        instance.stop()


def test_up_starts_everything_and_ctrl_c_leaves_no_process(home: Instance):
    home.start()
    names = " ".join(home.processes().values())
    for program in ("web", "ingest", "track", "relay", "watch", "gateway", "deliver-terminal"):
        assert f"app.py serve {program}" in names
    assert "redis-server" in names
    assert "/go/" in home.output(), "a one-time sign-in link"
    assert home.stop() == 0
    assert home.processes() == {}


def test_no_orphan_outlives_a_killed_parent_and_the_next_start_works(home: Instance):
    home.start()
    home.kill()
    wait_for(lambda: not home.processes(), ORPHAN_LIMIT_S, what="all processes gone")
    started = time.monotonic()
    home.start()
    assert time.monotonic() - started < 30
    assert home.stop() == 0


def test_a_killed_supervisor_takes_its_processes_along_and_all_come_back(home: Instance):
    home.start()
    before = home.processes()
    supervisor = next(pid for pid, command in before.items() if "workers.supervise" in command)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: supervisor not in home.processes(), 5)
    home.wait_ready(30)
    gone = {pid for pid, command in before.items() if "serve" in command or "redis-server" in command}
    assert not gone & home.processes().keys()
    assert home.stop() == 0


def test_each_killed_process_is_started_again(home: Instance):
    home.start()
    for program in ("web", "ingest", "relay", "gateway", "deliver-terminal", "redis"):
        victim = home.pid_of(program)
        os.kill(victim, signal.SIGKILL)
        wait_for(
            lambda program=program, victim=victim: home.find(program) not in (None, victim), 15, what=f"a new {program}"
        )
        home.wait_ready(30)


def test_a_second_up_on_the_same_home_says_so(home: Instance):
    home.start()
    second = Instance(home.home, env={"MUSTER_PORT": str(free_port())})
    second.launch()
    assert second.process and second.process.wait(20) == 1
    assert f"already running in {home.home} (process {home.process.pid})" in " ".join(second.output().split())
    assert home.is_ready()


def test_a_port_in_use_is_said_with_the_way_out(home: Instance, tmp_path: Path):
    home.start()
    other = Instance(tmp_path / "other", port=home.port)
    other.launch()
    assert other.process and other.process.wait(30) == 1
    said = " ".join(other.output().split())
    assert f"port {home.port} is in use" in said
    assert f"PORT={home.port + 1}" in said


def test_two_instances_live_side_by_side(home: Instance, tmp_path: Path):
    other = Instance(tmp_path / "other").start()
    try:
        home.start()
        assert home.is_ready() and other.is_ready()
        home.stop()
        assert home.processes() == {}
        assert other.is_ready()
    finally:
        assert other.stop() == 0


def test_a_home_too_deep_for_a_unix_socket_works(tmp_path: Path):
    deep = Instance(tmp_path / ("deep" * 15) / ("deeper" * 10))
    try:
        deep.start()
        assert deep.is_ready()
    finally:
        deep.stop()
        for folder in Path("/tmp").glob(f"muster-{os.getuid()}-*"):
            if not any(folder.glob("*.sock")):
                shutil.rmtree(folder)


def test_tls_serves_https_under_a_local_authority(home: Instance):
    import ssl
    import urllib.request

    home.launch("--tls")
    root = home.home / "tls" / "authority.pem"
    wait_for(root.exists, 60)

    def answer() -> int:
        try:
            trusting = ssl.create_default_context(cafile=str(root))
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting)
            )
            with opener.open(f"https://localhost:{home.port}/healthz", timeout=5) as reply:
                return reply.status
        except OSError:
            return 0

    wait_for(lambda: answer() == 200, 60, what="https with the local authority")
    assert home.stop() == 0
