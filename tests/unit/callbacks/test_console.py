"""What the console's callbacks do with what the desk says, without Dash around them."""

import asyncio
from types import SimpleNamespace

import pytest

from callbacks import console
from dashboard.i18n import text
from layouts import ids
from tests.unit.desk_scenes import COMMANDER, Scene


class Page:
    """Collects the callbacks as Dash would, and answers who asks."""

    def __init__(self, scene: Scene) -> None:
        self.called = {}
        context = SimpleNamespace(actor=COMMANDER)
        self.backend = SimpleNamespace(request_adapter=lambda: SimpleNamespace(context=context, cookies={"lang": "en"}))
        console.register(self, scene.desk, scene.profile)

    def callback(self, *_args, **_options):
        return lambda function: self.called.setdefault(function.__name__, function)

    def clientside_callback(self, *_args, **_options) -> None:
        pass

    def press(self, name: str, *given):
        return asyncio.run(self.called[name](*given))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_press_that_the_database_did_not_take_says_so(scene, monkeypatch):
    incident = scene.report()
    page = Page(scene)

    def away(command, actor):
        raise OSError("the database is away")

    monkeypatch.setattr(scene.desk, "do", away)
    assert page.press("take", 1, {"incident": incident}) == {"ok": False, "text": text("console.not_done", "en")}


def test_a_report_taken_at_the_desk_keeps_no_telephone_number_in_clear(scene):
    page = Page(scene)
    typed = {
        ids.REPORT_TITLE: "店铺起火 13812345678",
        ids.REPORT_TEXT: "报警人电话 138 1234 5678，身份证 440106198001011234",
        ids.REPORT_PLACE: "丰乐北路（13812345678）",
        ids.REPORT_LAT: "23.1065",
        ids.REPORT_LON: "113.4592",
    }
    result, *_ = page.press("report", 1, "fire", 2, *(typed.get(field) for field in console._CLEARED))
    assert result["ok"]
    page.press("note", 1, 0, {"incident": result["select"]}, "回电 13812345678")
    with scene.store.reading() as reader:
        kept = repr(reader.events(limit=100))
    assert "丰乐北路" in kept
    for secret in ("13812345678", "138 1234 5678", "440106198001011234"):
        assert secret not in kept
