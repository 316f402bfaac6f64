"""A fact that cannot be applied is seen on the command line with its reason, and sent again when the cause is gone."""

import time

import pytest

from tests.harness import Instance, wait_for

pytestmark = pytest.mark.integration


def test_a_letter_is_listed_with_its_reason_and_goes_through_when_the_cause_is_gone(tmp_path):
    instance = Instance(tmp_path / "home").start()
    try:
        token = instance.token("s-camera")
        now = int(time.time() * 1000)
        alert = {"camera_id": "C-77", "rule": "smoke", "occurred_at": now, "event_id": "e1"}
        assert instance.post("/camera-alerts", alert, token=token).status == 202
        listed = wait_for(lambda: instance.muster("letters"), what="a dead letter")
        assert "RaiseCameraAlert" in listed
        assert "C-77" in listed
        camera = {"camera_id": "C-77", "name": "市场东门", "area": "440112"}
        assert instance.post("/cameras", {"cameras": [camera]}, token=token).status == 202
        time.sleep(0.5)
        assert instance.muster("letters", "--replay", "all") == "1 sent again"
        wait_for(lambda: _alerts(instance) == 1, what="the alert on the wall")
        assert instance.muster("letters") == ""
    finally:
        instance.stop()


def _alerts(instance: Instance) -> int:
    there = instance.link(role="wall").removeprefix(instance.url)
    cookie = instance.get(there).headers["set-cookie"].split(";")[0]
    return len(instance.get("/snapshot?view=wall", headers={"Cookie": cookie}).json()["cards"].get("camera_alert", {}))
