"""What `muster up` hands the simulated city: tokens for its sources, and a link for its duty desk."""

import json
from pathlib import Path
from typing import Any

import pytest

from datasource.settings import load, make_home
from tests.web.house import PROFILE, House, house
from workers.city.__main__ import read_access
from workers.prepare import DEMO_DESK, write_city_access


@pytest.fixture
def centre(tmp_path: Path):
    with house(tmp_path) as made:
        yield made


def written(centre: House, tmp_path: Path, **given: Any) -> dict[str, Any]:
    settings = load({"MUSTER_HOME": str(tmp_path / "home"), "PORT": "8051", **given})
    make_home(settings)
    write_city_access(settings, PROFILE, centre.accounts)
    path = settings.run_dir / "city.json"
    assert path.stat().st_mode & 0o777 == 0o600
    read_access(path)
    return json.loads(path.read_text())


def test_the_duty_desk_gets_an_ordinary_account_and_a_link_that_signs_in_once(centre, tmp_path):
    desk = written(centre, tmp_path)["desk"]
    assert desk["owner"] == f"commander:{DEMO_DESK}"
    address, _, token = desk["link"].rpartition("/")
    assert address == "http://127.0.0.1:8051/go"
    actor = centre.accounts.redeem(token).actor
    assert (actor.label, actor.name, actor.scope) == (desk["owner"], "演示值班台", PROFILE.area)


def test_every_start_gives_a_fresh_link_and_keeps_the_tokens(centre, tmp_path):
    first, second = written(centre, tmp_path), written(centre, tmp_path)
    assert first["tokens"] == second["tokens"]
    assert first["desk"]["link"] != second["desk"]["link"]


def test_the_desk_stays_empty_when_it_is_switched_off_or_its_account_is_disabled(centre, tmp_path):
    assert "desk" not in written(centre, tmp_path, MUSTER_CITY_DUTY="off")
    assert centre.accounts.account(DEMO_DESK) is None
    assert "desk" in written(centre, tmp_path)
    centre.accounts.change_account(DEMO_DESK, disabled=True)
    assert "desk" not in written(centre, tmp_path)
