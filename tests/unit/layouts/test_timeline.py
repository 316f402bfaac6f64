"""The timeline of an incident names who did what."""

from typing import Any

import pytest

from layouts.parts.timeline import timeline


def who(actor: str, lang: str) -> Any:
    entry = {
        "position": 1,
        "at": 1_795_400_000_000,
        "actor": actor,
        "subject": "incident:I",
        "key": "event.incident.taken",
        "params": {},
    }
    (line,) = timeline([entry], {}, lang)
    return line.children[2].children


@pytest.mark.parametrize(
    ("actor", "lang", "said"),
    [
        ("commander:demo-desk", "zh-CN", "演示值班台"),
        ("commander:demo-desk", "en", "Demo duty desk"),
        ("commander:li", "zh-CN", "指挥员 li"),
        ("commander:commander", "zh-CN", "指挥员"),
        ("source:s-110", "zh-CN", "数据来源"),
    ],
)
def test_the_simulated_duty_desk_is_called_so_and_people_by_role_and_name(actor, lang, said):
    assert who(actor, lang) == said
