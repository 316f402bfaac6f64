"""How the parts are put together: what is served, to whom, and that nothing is found by magic or loaded for nothing."""

import asyncio
import subprocess
import sys

import httpx
import pytest
from fastapi import FastAPI

import app as muster
from datasource.accounts import Accounts
from datasource.bootstrap import open_backend
from datasource.settings import CHECKOUT, load, make_home
from layouts.screens import SCREENS
from workers import prepare


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    """A web process without Redis and without its loops, and a cookie for each role."""
    settings = load(
        {"MUSTER_HOME": str(tmp_path_factory.mktemp("home")), "MUSTER_REDIS_URL": "redis://127.0.0.1:1", "PORT": "8229"}
    )
    make_home(settings)
    prepare.prepare(settings)
    backend = open_backend(settings)
    server = muster.create_server(settings, backend)
    accounts = Accounts(backend.database, backend.clock)
    for role in ("administrator", "mediator"):
        accounts.ensure_account(role, role, role, "4401")

    def get(path, role="", method="GET", **headers):
        cookies = {}
        if role:
            cookies["muster-8229"] = accounts.redeem(accounts.one_time_link(role)).token

        async def ask():
            transport = httpx.ASGITransport(app=server)
            async with httpx.AsyncClient(transport=transport, base_url="http://centre", cookies=cookies) as client:
                return await client.request(method, path, headers={"accept": "text/html", **headers})

        return asyncio.run(ask())

    yield get
    backend.close()


@pytest.mark.parametrize("path", list(SCREENS))
def test_every_screen_is_an_address_of_its_own_behind_the_door(centre, path):
    assert centre(path).status_code == 303
    page = centre(path, role="administrator")
    assert page.status_code == 200
    assert "_dash-component-suites" in page.text
    assert "'sha256-" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


def test_a_screen_of_another_role_is_refused(centre):
    assert centre("/wall", role="mediator").status_code == 403


def test_the_page_is_in_the_language_that_is_asked_for(centre):
    assert '<html lang="en">' in centre("/wall?lang=en", role="administrator").text
    assert '<html lang="zh-CN">' in centre("/wall", role="administrator", **{"accept-language": "zh-CN"}).text


@pytest.mark.parametrize(
    "path", ["/nothing", "/docs", "/redoc", "/openapi.json", "/wall/x", "/_dash-nothing", "/assets/nothing.js"]
)
def test_what_does_not_exist_is_404_for_everybody(centre, path):
    assert centre(path, role="administrator").status_code == 404


def test_readiness_says_no_and_why_while_redis_is_away(centre):
    said = centre("/readyz")
    assert said.status_code == 503
    assert said.json()["redis"]["ok"] is False
    assert said.json()["database"]["ok"] is True
    assert centre("/healthz").status_code == 200


def test_the_certificate_page_is_open_and_says_what_is_missing_without_tls(centre):
    page = centre("/tls", **{"accept-language": "en"})
    assert page.status_code == 200
    assert "muster up --tls" in page.text
    assert centre("/tls/authority.crt").status_code == 404


def test_two_apps_in_one_process_have_all_their_callbacks(centre, tmp_path):
    settings = load({"MUSTER_HOME": str(tmp_path)})
    desk = open_backend(settings).desk
    counts = [len(muster.create_app(FastAPI(), desk, desk.profile).callback_map) for _ in range(2)]
    assert counts[0] == counts[1] > 0


def test_the_command_line_loads_nothing_heavy_before_a_command_needs_it():
    code = "import sys, workers.cli; print([m for m in ('sqlalchemy', 'dash', 'fastapi', 'redis', 'alembic', 'rq') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_worker_loads_dash():
    code = (
        "import sys, workers.ingest, workers.track, workers.relay, workers.watch, workers.gateway, workers.deliver;"
        "print([m for m in ('dash', 'plotly', 'alembic', 'layouts') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
