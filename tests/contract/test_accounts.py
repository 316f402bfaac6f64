"""Accounts behave the same on SQLite and PostgreSQL, through the migrated schema."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.domain.errors import Conflict, Refused
from datasource.accounts import Accounts, TooManyFailures
from datasource.sql.database import Database
from tests.fixtures_store import Stores

PASSWORD = "correct horse 7"


@pytest.fixture
def accounts(databases: Stores) -> Iterator[Accounts]:
    database = Database(databases.url)
    made = Accounts(database, databases.clock)
    made.create_account("li", "李指挥", "commander", "4401", PASSWORD)
    yield made
    database.close()


def test_a_visitor_comes_in_stays_and_goes(accounts: Accounts, databases: Stores) -> None:
    signed = accounts.sign_in("li", PASSWORD, "10.0.0.1", "Firefox")
    assert accounts.actor_of_session(signed.token) == signed.actor
    databases.clock.advance(3_600_000)
    assert accounts.actor_of_session(signed.token) == signed.actor  # and is marked as seen
    assert [s.seen_at for s in accounts.list_sessions()] == [databases.clock.now()]
    cursor, _ = accounts.ended_since(databases.clock.now())
    assert accounts.end_session(token=signed.token)
    assert accounts.ended_since(cursor)[1] == [signed.actor.session_id]
    assert accounts.actor_of_session(signed.token) is None
    assert [line["what"] for line in accounts.log_entries(3)] == ["signed_out", "signed_in", "account_made"]


def test_wrong_passwords_are_counted(accounts: Accounts) -> None:
    for _ in range(5):
        with pytest.raises(Refused, match=r"access\.refused"):
            accounts.sign_in("li", "wrong", "10.0.0.1")
    with pytest.raises(TooManyFailures):
        accounts.sign_in("li", PASSWORD, "10.0.0.1")


def test_of_many_who_use_one_link_at_once_one_gets_in(accounts: Accounts) -> None:
    token = accounts.pair_unit("U1", "440112", "应急一组")

    def use(_: int) -> bool:
        try:
            return bool(accounts.redeem_pairing(token))
        except Refused:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(use, range(6))) == 1


def test_names_and_tokens_belong_to_one(accounts: Accounts) -> None:
    with pytest.raises(Conflict):
        accounts.create_account("LI", "other", "leader")
    token = accounts.add_source_token("s-110", "440112")
    with pytest.raises(Conflict):
        accounts.add_source_token("s-12345", "440112", token)
    assert accounts.revoke_source_tokens("s-110") == 1
    assert accounts.actor_of_source(token) is None
