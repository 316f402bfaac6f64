"""What the vault promises: sealed is unreadable, and erased is gone."""

import base64
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashboard.domain.errors import NotFound
from datasource.memory import MemoryVault
from datasource.sql.database import Database
from datasource.vault import SqlVault, mask_text
from tests.fixtures_store import Stores

SECRET = "0123456789abcdef0123456789abcdef"
PERSON = {"name": "张伟测试", "phone": "13812345678", "address": "科学城1号"}


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def vault(request: pytest.FixtureRequest) -> Any:
    """An empty vault of each kind."""
    if request.param == "memory":
        return MemoryVault()
    from tests.fixtures_store import sql_stores

    stores = sql_stores(request.param, request)
    return sql_vault(stores)


def sql_vault(stores: Stores, secret: str = SECRET) -> SqlVault:
    return SqlVault(Database(stores.url), stores.clock, secret)


def test_what_was_sealed_opens_again(vault: Any) -> None:
    key_id, box = vault.seal("INC-1", PERSON)
    assert vault.open(key_id, box) == PERSON
    for clear in PERSON.values():
        assert clear not in box
        assert clear.encode() not in base64.b64decode(box)


def test_a_case_has_one_key_and_every_box_is_different(vault: Any) -> None:
    first, second, other = vault.seal("INC-1", PERSON), vault.seal("INC-1", PERSON), vault.seal("INC-2", PERSON)
    assert first[0] == second[0] != other[0]
    assert first[1] != second[1]


def test_erasing_a_case_closes_all_its_boxes_and_no_others(vault: Any) -> None:
    boxes = [vault.seal("INC-1", PERSON), vault.seal("INC-1", {"n": 2})]
    other = vault.seal("INC-2", PERSON)
    assert vault.erase("INC-1") is True
    for key_id, box in boxes:
        with pytest.raises(NotFound) as found:
            vault.open(key_id, box)
        assert found.value.key == "erased"
    assert vault.open(*other) == PERSON
    assert vault.erase("INC-1") is False
    fresh = vault.seal("INC-1", PERSON)
    assert fresh[0] != boxes[0][0]
    assert vault.open(*fresh) == PERSON


def test_a_box_opens_only_under_its_own_key(vault: Any) -> None:
    key_id, box = vault.seal("INC-1", PERSON)
    other_id, _ = vault.seal("INC-2", PERSON)
    changed = base64.b64decode(box)[:-1] + b"x"
    with pytest.raises(ValueError, match="does not open"):
        vault.open(other_id, box)
    with pytest.raises(ValueError, match="does not open"):
        vault.open(key_id, base64.b64encode(changed).decode())
    with pytest.raises(NotFound):
        vault.open("K-none", box)


def test_another_secret_opens_nothing(databases: Stores) -> None:
    key_id, box = sql_vault(databases).seal("INC-1", PERSON)
    assert sql_vault(databases).open(key_id, box) == PERSON
    with pytest.raises(ValueError, match="does not open"):
        sql_vault(databases, secret="x" * 32).open(key_id, box)
    with pytest.raises(ValueError, match="at least 32"):
        sql_vault(databases, secret="short")


def test_two_doors_that_seal_a_case_at_once_use_one_key(databases: Stores) -> None:
    vaults = [sql_vault(databases) for _ in range(4)]
    together = threading.Barrier(4)
    sealed: list[tuple[str, str]] = []

    def seal(vault: SqlVault) -> None:
        together.wait()
        sealed.append(vault.seal("INC-1", PERSON))

    threads = [threading.Thread(target=seal, args=(vault,)) for vault in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key_id for key_id, _ in sealed}) == 1
    assert [vaults[0].open(*one) for one in sealed] == [PERSON] * 4


def test_sealing_inside_a_store_transaction_is_refused_at_once(databases: Stores) -> None:
    store = databases.another()
    vault = SqlVault(store.database, databases.clock, SECRET)
    with store.transaction(), pytest.raises(RuntimeError, match="do not nest"):
        vault.seal("INC-1", PERSON)


def test_no_trace_of_an_erased_key_stays_in_the_files(databases: Stores, tmp_path: Path) -> None:
    if databases.kind != "sqlite":
        database = Database(databases.url)
        vault = sql_vault(databases)
        vault.seal("INC-1", PERSON)
        vault.seal("INC-2", PERSON)
        vault.erase("INC-1")
        with database.session() as connection:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pageinspect"))
            kept = connection.execute(
                text("SELECT count(*) FROM heap_page_items(get_raw_page('case_key', 0)) WHERE t_data IS NOT NULL")
            )
            assert kept.scalar() == 1
        database.close()
        return
    vault = sql_vault(databases)
    vault.seal("INC-1", PERSON)
    with Database(databases.url).reading() as connection:
        wrapped = bytes(connection.execute(text("SELECT wrapped FROM case_key")).scalar_one())

    def found() -> list[str]:
        return [
            path.name
            for path in tmp_path.iterdir()
            if path.name.startswith("muster.db") and wrapped in path.read_bytes()
        ]

    assert found() != [], "the key should have been in a file before"
    vault.erase("INC-1")
    assert found() == []


@pytest.mark.parametrize(
    ("clear", "masked"),
    [
        ("电话13812345678，速来", "电话138****5678，速来"),
        ("138 1234 5678 / 139-8765-4321", "138****5678 / 139****4321"),
        ("+8613812345678", "+86138****5678"),
        ("+86 138-1234-5678.", "+86 138****5678."),
        ("１３８１２３４５６７８", "１３８****５６７８"),
        ("身份证440106199001011234已登记", "身份证440***********1234已登记"),
        ("11010119900307751X", "110***********751X"),
        ("两个:13812345678,15900001111", "两个:138****5678,159****1111"),
        ("订单 20261123000012345678 不动", "订单 20261123000012345678 不动"),
        ("12812345678 和 1381234567", "12812345678 和 1381234567"),
        ("没有号码，3 人受伤，110", "没有号码，3 人受伤，110"),
    ],
)
def test_numbers_of_persons_in_free_text_are_masked(clear: str, masked: str) -> None:
    assert mask_text(clear) == masked
    assert mask_text(masked) == masked


def test_a_key_says_whose_it_is_until_it_is_erased(vault: Any) -> None:
    key_id, _ = vault.seal("INC-1", PERSON)
    assert vault.case_of(key_id) == "INC-1"
    vault.erase("INC-1")
    assert vault.case_of(key_id) is None


def test_a_vault_says_whether_its_secret_fits_the_keys_that_are_there(databases: Stores) -> None:
    other = sql_vault(databases, "f" * 32)
    assert other.fits(), "an empty vault fits any secret"
    mine = sql_vault(databases)
    mine.seal("INC-1", PERSON)
    assert mine.fits() and not other.fits()
