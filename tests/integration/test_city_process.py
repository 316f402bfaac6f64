"""The city as the process that ``muster up`` runs, against a centre that records what it gets."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fake_centre import FakeCentre

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = ("s-110", "s-12345", "s-grid", "s-fleet", "s-camera", "s-ledger")
pytestmark = pytest.mark.integration


@pytest.fixture
def centre() -> Iterator[FakeCentre]:
    with FakeCentre().running() as running:
        yield running


def until(true: Callable[[], object], limit_s: float = 30) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def start(home: Path, centre: FakeCentre, *options: str) -> "subprocess.Popen[bytes]":
    (home / "data").mkdir(exist_ok=True)
    access = home / "access.json"
    access.write_text(json.dumps({"base_url": centre.url, "tokens": {s: f"token-of-{s}" for s in SOURCES}}))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")} | {"MUSTER_HOME": str(home)}
    command = [sys.executable, "-m", "workers.city", "--access", str(access), "--scale", "0.1", *options]
    return subprocess.Popen(command, cwd=CHECKOUT, env=environment)


def stop(city: "subprocess.Popen[bytes]") -> None:
    city.send_signal(signal.SIGTERM)
    assert city.wait(15) == 0


def test_the_city_registers_reports_answers_orders_and_goes_on_after_a_restart(tmp_path, centre):
    city = start(tmp_path, centre)
    try:
        until(lambda: len(centre.bodies("positions")) >= 3 and len(centre.bodies("reports")) >= 2 and centre.terminals)
        paths = [path for token, path, _ in centre.posts if token == "token-of-s-fleet" and path != "heartbeats"]
        assert paths[0] == "units"
        assert paths.index("positions") > paths.index("unit-status")
        assert sum(len(b["units"]) for b in centre.bodies("units")) == 200
        assert sum(len(b["cameras"]) for b in centre.bodies("cameras")) == 400
        assert {token for token, _, _ in centre.posts} == {f"token-of-{s}" for s in SOURCES}
        until(lambda: len({b["external_ref"] for b in centre.bodies("disputes")}) == 22)

        on_duty = [i["unit_id"] for b in centre.bodies("unit-status") for i in b["items"] if i.get("on_duty")]
        asked = time.time() * 1000
        for n, unit_id in enumerate(on_duty[:12]):
            order = {
                "order_id": f"DP-{n}",
                "unit_id": unit_id,
                "sev": 1,
                "attempt": 1,
                "status": "sending",
                "place": None,
            }
            centre.send({"t": "order", "order": order})
        until(lambda: sum(f["receipt"] == "delivered" for f in centre.frames) >= 11)
        assert max(f["device_at"] for f in centre.frames if f["receipt"] == "delivered") - asked < 3000
        until(lambda: any(f["receipt"] == "accepted" for f in centre.frames))
    finally:
        stop(city)

    opened = {b["external_ref"] for b in centre.bodies("reports")}
    places = json.loads((tmp_path / "data" / "city.json").read_text())["units"]
    assert len(places) == 200
    centre.posts.clear()
    again = start(tmp_path, centre)
    try:
        until(lambda: len(centre.bodies("positions")) >= 2)
        assert not centre.bodies("disputes")
        assert not opened & {b["external_ref"] for b in centre.bodies("reports") if not b.get("closed")}
        first = centre.bodies("positions")[-1]["positions"][0]
        assert abs(first["lat"] - places[first["unit_id"]][0]) + abs(first["lon"] - places[first["unit_id"]][1]) < 0.003
    finally:
        stop(again)


def test_a_position_rate_is_kept(tmp_path, centre):
    city = start(tmp_path, centre, "--position-rate", "200", "--no-memory")
    try:
        until(lambda: len(centre.bodies("positions")) >= 8)
        batches = [b["positions"] for b in centre.bodies("positions")][-6:]
        last = [max(fix["at"] for fix in batch) for batch in batches]
        # However long the machine took over a batch: so many fixes for the time they speak of.
        assert 170 <= sum(map(len, batches[1:])) / (last[-1] - last[0]) * 1000 <= 230
    finally:
        stop(city)
    assert not (tmp_path / "data" / "city.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ('{"base_url": "ftp://x", "tokens": {"s-110": "t"}}', "base_url: an http:// or https:// address is expected"),
        ('{"base_url": "http://x", "tokens": {}}', "tokens: a token for at least one source is expected"),
        ('{"tokens": {}}', "missing required field `base_url`"),
    ],
)
def test_a_wrong_access_file_is_named_with_what_is_expected(tmp_path, capsys, text, said):
    from workers.city.__main__ import main

    path = tmp_path / "access.json"
    if text is not None:
        path.write_text(text)
    assert main(["--access", str(path)]) == 1
    printed = capsys.readouterr().err
    assert str(path) in printed
    assert said in printed
