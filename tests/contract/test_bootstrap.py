"""One process and its backend: parts are opened when they are used, and work together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.ports import Jobs, Store, Stream, Vault
from datasource.bootstrap import open_backend
from datasource.clock import ManualClock
from datasource.errors import SchemaMismatch
from datasource.settings import load, make_home
from datasource.sql.migrate import migrate
from tests.contract.scenes import opened
from tests.fixtures_store import RedisServer

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("dash", "plotly", "fastapi", "starlette", "alembic", "psycopg", "pydantic")


@pytest.mark.integration
def test_a_backend_serves_all_ports(tmp_path: Path, redis_server: RedisServer) -> None:
    settings = load({}, home=str(tmp_path / "home"), redis_url=redis_server.url)
    make_home(settings)
    migrate(settings.database, settings.positions)
    backend = open_backend(settings, ManualClock())
    backend.wait_for_schema(1)
    store, stream, jobs, vault = backend.store, backend.stream, backend.jobs, backend.vault
    ports: tuple[Store, Stream, Jobs, Vault] = (store, stream, jobs, vault)
    assert len(set(map(id, ports))) == 4
    with store.transaction() as tx:
        tx.record(opened("I1"))
    assert store.head() == 1
    assert stream.add("changes", b"x", id="1-0") == "1-0"
    jobs.enqueue("terminal", "O1", 1)
    assert vault.open(*vault.seal("I1", {"name": "x"})) == {"name": "x"}
    assert backend.desk.store is store
    assert backend.store is store
    backend.close()


def test_a_process_without_a_schema_says_what_to_run(tmp_path: Path) -> None:
    backend = open_backend(load({}, home=str(tmp_path / "home"), redis_url="unix:///nowhere"))
    with pytest.raises(SchemaMismatch, match="muster migrate"):
        backend.wait_for_schema(0.1)
    backend.close()


def test_a_worker_loads_nothing_it_does_not_need() -> None:
    code = (
        "import sys, datasource.bootstrap, datasource.sql.store, datasource.sql.migrate, datasource.stream, datasource.jobs,"
        " datasource.vault, datasource.shapes, dashboard.desk;"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
