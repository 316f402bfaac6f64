"""The schema: migrations make exactly the tables of the program, once, and no process runs on another one."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine, inspect, text

from datasource.errors import SchemaMismatch, Unavailable
from datasource.sql.database import Database
from datasource.sql.migrate import MAIN, POSITIONS, History, migrate, schema_state, wait_for_schema
from tests.fixtures_store import Postgres

ROOT = Path(__file__).resolve().parents[2]

for found in sorted((ROOT / "datasource" / "sql").glob("tables*.py")):
    importlib.import_module(f"datasource.sql.{found.stem}")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The addresses of an empty database and an empty track store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/muster.db", f"sqlite:///{tmp_path}/new/positions.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.fresh(migrated=False)
    return url, url


def outline(url: str, metadata: MetaData, *, create: bool = False) -> dict[str, object]:
    """Describe the tables of a metadata as they are in a database: columns, types, collations, keys, indexes."""
    engine = create_engine(url)
    try:
        if create:
            metadata.create_all(engine)
        look = inspect(engine)
        found: dict[str, object] = {}
        for name in sorted(metadata.tables):
            found[name] = {
                "columns": [
                    (c["name"], str(c["type"]), getattr(c["type"], "collation", None), c["nullable"])
                    for c in look.get_columns(name)
                ],
                "key": look.get_pk_constraint(name),
                "unique": sorted(look.get_unique_constraints(name), key=lambda u: str(u["name"])),
                "indexes": sorted(
                    ((i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in look.get_indexes(name)), key=str
                ),
            }
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:
                    sql = connection.execute(
                        text("SELECT sql FROM sqlite_master WHERE name = :n"), {"n": name}
                    ).scalar_one()
                    found[name + " without rowid"] = "WITHOUT ROWID" in sql
        return found
    finally:
        engine.dispose()


def test_migrations_make_the_tables_of_the_program(
    urls: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    migrate(*urls)
    for url, history in zip(urls, (MAIN, POSITIONS), strict=True):
        direct = f"sqlite:///{tmp_path}/direct-{history.name}.db"
        if not url.startswith("sqlite"):
            direct = request.getfixturevalue("postgres").fresh(migrated=False)
        assert outline(url, history.metadata) == outline(direct, history.metadata, create=True)


def test_nothing_else_is_in_the_database(urls: tuple[str, str]) -> None:
    migrate(*urls)
    engine = create_engine(urls[0])
    expected = {*MAIN.metadata.tables, MAIN.version_table}
    if urls[0] == urls[1]:
        expected |= {*POSITIONS.metadata.tables, POSITIONS.version_table}
    assert set(inspect(engine).get_table_names()) == expected
    engine.dispose()


@pytest.mark.parametrize("history", [MAIN, POSITIONS], ids=lambda h: h.name)
def test_revisions_are_the_numbers_of_their_files_without_a_gap(history: History) -> None:
    assert history.revisions == [f"{n:04}" for n in range(1, len(history.revisions) + 1)]
    before = None
    for path in sorted(history.folder.glob("0*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert (module.revision, module.down_revision) == (path.name[:4], before)
        before = module.revision


def test_the_state_of_a_database_is_told(urls: tuple[str, str]) -> None:
    assert schema_state(urls[0]) == "behind"
    migrate(*urls)
    assert schema_state(urls[0]) == schema_state(urls[1], POSITIONS) == "ok"
    assert migrate(*urls) is False
    assert schema_state(urls[0]) == "ok"
    set_version(urls[0], "0001" if len(MAIN.revisions) > 1 else None)
    assert schema_state(urls[0]) == "behind"
    set_version(urls[0], "9999")
    assert schema_state(urls[0]) == "ahead"


def test_a_newer_database_is_refused_and_left_as_it_is(urls: tuple[str, str]) -> None:
    migrate(*urls)
    set_version(urls[0], "9999")
    began = time.monotonic()
    with pytest.raises(SchemaMismatch, match="newer Muster"):
        wait_for_schema(*urls, timeout_s=30)
    assert time.monotonic() - began < 5
    with pytest.raises(SchemaMismatch, match="newer Muster"):
        migrate(*urls)
    assert schema_state(urls[0]) == "ahead"


def test_a_process_waits_for_the_migration(urls: tuple[str, str]) -> None:
    with pytest.raises(SchemaMismatch, match="run `muster migrate`"):
        wait_for_schema(*urls, timeout_s=0.2)
    thread = threading.Timer(0.3, migrate, urls)
    thread.start()
    wait_for_schema(*urls, timeout_s=20)
    assert schema_state(urls[0]) == "ok"
    thread.join()


@pytest.mark.integration
def test_several_processes_that_migrate_at_once_do_it_once(urls: tuple[str, str]) -> None:
    code = "import sys; from datasource.sql.migrate import migrate; print(migrate(*sys.argv[1:]))"
    command = [sys.executable, "-c", code, *urls]
    children = [
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = sorted(child.communicate(timeout=60)[0].strip() for child in children)
    assert said == ["False", "False", "True"]
    assert schema_state(urls[0]) == schema_state(urls[1], POSITIONS) == "ok"


def test_a_database_that_is_away_is_not_called_old(tmp_path: Path) -> None:
    url = f"postgresql://muster:hush@/x?host={tmp_path}"
    with pytest.raises(Unavailable):
        schema_state(url)
    with pytest.raises(SchemaMismatch, match="does not answer") as found:
        wait_for_schema(url, timeout_s=0.1)
    assert "hush" not in str(found.value)


def set_version(url: str, version: str | None) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text(f"DELETE FROM {MAIN.version_table}"))
        if version:
            connection.execute(text(f"INSERT INTO {MAIN.version_table} VALUES (:v)"), {"v": version})
    database.close()
