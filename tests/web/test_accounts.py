"""Accounts, sessions, one-time links, tokens: who is let in, and for how long."""

import asyncio

import pytest
from sqlalchemy import select

from dashboard.domain.errors import Conflict, Invalid, NotFound, Refused
from datasource.accounts import DEVICE_MS, LINK_MS, SESSION_MS, TooManyFailures
from datasource.errors import Unavailable
from datasource.sql.tables_access import ACCESS_TABLES
from tests.web.house import START, House

PASSWORD = "correct horse 7"


@pytest.fixture
def accounts(centre: House):
    centre.accounts.create_account("Li", "李指挥", "commander", "440112000000", PASSWORD)
    return centre.accounts


def test_a_password_opens_a_session_that_stands_for_the_account(accounts):
    signed = accounts.sign_in(" LI ", PASSWORD, "10.0.0.1", "Firefox")
    actor = accounts.actor_of_session(signed.token)
    assert actor == signed.actor
    assert (actor.role, actor.id, actor.name, actor.scope) == ("commander", "li", "李指挥", "440112")
    assert [(s.name, s.device, s.created_at) for s in accounts.list_sessions()] == [("李指挥", "Firefox", START)]


@pytest.mark.parametrize(("name", "password"), [("li", "wrong"), ("nobody", PASSWORD), ("li", ""), ("", "")])
def test_a_wrong_name_and_a_wrong_password_read_the_same(accounts, name, password):
    with pytest.raises(Refused, match=r"access\.refused"):
        accounts.sign_in(name, password)
    assert accounts.list_sessions() == []


def test_an_account_without_password_cannot_be_entered_with_an_empty_one(accounts):
    accounts.create_account("wall1", "大屏", "wall", "4401")
    with pytest.raises(Refused, match=r"access\.refused"):
        accounts.sign_in("wall1", "")


def test_after_five_failures_there_is_a_pause_for_that_name_from_there_only(centre, accounts):
    for _ in range(5):
        with pytest.raises(Refused, match=r"access\.refused"):
            accounts.sign_in("li", "wrong", "10.0.0.1")
    with pytest.raises(TooManyFailures) as caught:
        accounts.sign_in("li", PASSWORD, "10.0.0.1")
    assert caught.value.params["wait_s"] == 900
    assert accounts.sign_in("li", PASSWORD, "10.0.0.2").actor.id == "li"
    centre.clock.advance(900_001)
    assert accounts.sign_in("li", PASSWORD, "10.0.0.1").actor.id == "li"


def test_a_good_sign_in_forgives_the_failures_before_it(accounts, centre):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(Refused):
                accounts.sign_in("li", "wrong", "10.0.0.1")
        centre.clock.advance(1)
        accounts.sign_in("li", PASSWORD, "10.0.0.1")
        centre.clock.advance(1)


def test_one_address_that_tries_many_names_is_stopped(accounts, monkeypatch):
    monkeypatch.setattr("datasource.accounts.FAILURES_PER_ADDRESS", 6)
    for i in range(6):
        with pytest.raises(Refused, match=r"access\.refused"):
            accounts.sign_in(f"name{i}", "x", "10.0.0.9")
    with pytest.raises(TooManyFailures):
        accounts.sign_in("li", PASSWORD, "10.0.0.9")


def test_a_one_time_link_works_once(accounts):
    token = accounts.one_time_link("li")
    assert accounts.redeem(token).actor.id == "li"
    with pytest.raises(Refused, match=r"access\.link_spent"):
        accounts.redeem(token)
    assert [line["what"] for line in accounts.log_entries(1)] == ["link_refused"]


def test_a_one_time_link_runs_out_after_a_quarter_of_an_hour(centre, accounts):
    token = accounts.one_time_link("li")
    centre.clock.advance(LINK_MS)
    with pytest.raises(Refused):
        accounts.redeem(token)


def test_links_of_one_purpose_do_not_serve_the_other(accounts):
    with pytest.raises(Refused):
        accounts.redeem_pairing(accounts.one_time_link("li"))
    with pytest.raises(Refused):
        accounts.redeem(accounts.pair_unit("U1", "440112"))


def test_of_two_that_use_a_link_at_once_one_gets_in(accounts):
    token = accounts.one_time_link("li")

    async def go():
        return await asyncio.gather(
            *(asyncio.to_thread(accounts.redeem, token) for _ in range(4)), return_exceptions=True
        )

    results = asyncio.run(go())
    assert sum(not isinstance(r, Exception) for r in results) == 1
    assert sum(isinstance(r, Refused) for r in results) == 3


def test_there_is_no_link_for_an_unknown_or_disabled_account(accounts):
    with pytest.raises(NotFound):
        accounts.one_time_link("nobody")
    accounts.change_account("li", disabled=True)
    with pytest.raises(NotFound):
        accounts.one_time_link("li")


def test_a_paired_telephone_is_its_unit_for_months(centre, accounts):
    token = accounts.pair_unit("U7", "440112", "应急七组", by="li")
    assert accounts.pairing(token).name == "应急七组"
    signed = accounts.redeem_pairing(token)
    assert (signed.actor.role, signed.actor.unit_id, signed.actor.scope) == ("unit", "U7", "440112")
    assert accounts.pairing(token) is None
    centre.clock.advance(DEVICE_MS - 1)
    assert accounts.actor_of_session(signed.token) is not None
    centre.clock.advance(DEVICE_MS - 1)  # it was in use, so it lasts
    assert accounts.actor_of_session(signed.token) is not None
    assert accounts.end_sessions_of(unit_id="U7") == 1
    assert accounts.actor_of_session(signed.token) is None


def test_a_session_that_nobody_uses_runs_out(centre, accounts):
    signed = accounts.sign_in("li", PASSWORD)
    centre.clock.advance(SESSION_MS)
    assert accounts.actor_of_session(signed.token) is None
    assert accounts.list_sessions() == []


def test_an_ended_session_is_over_at_once_here_and_within_two_seconds_elsewhere(centre, accounts):
    from datasource.accounts import Accounts

    elsewhere = Accounts(centre.database, centre.clock)
    signed = accounts.sign_in("li", PASSWORD)
    assert elsewhere.actor_of_session(signed.token) is not None
    assert accounts.end_session(token=signed.token) is True
    assert accounts.end_session(token=signed.token) is False
    assert accounts.actor_of_session(signed.token) is None
    centre.clock.advance(2_000)
    assert elsewhere.actor_of_session(signed.token) is None


def test_whoever_watches_learns_of_sessions_that_end_and_run_out_and_of_revoked_tokens(centre, accounts):
    first, second = accounts.sign_in("li", PASSWORD), accounts.sign_in("li", PASSWORD)
    cursor, over = accounts.ended_since(centre.clock.now())
    assert over == []
    centre.clock.advance(1_000)
    accounts.end_session(session_id=first.actor.session_id)
    cursor, over = accounts.ended_since(cursor)
    assert over == [first.actor.session_id]
    centre.clock.advance(SESSION_MS)
    cursor, over = accounts.ended_since(cursor)
    assert second.actor.session_id in over
    source = accounts.actor_of_source("fleet-token-0123456789-0123456789-0123456789")
    centre.clock.advance(10_000)
    accounts.revoke_source_tokens("s-fleet")
    assert source.session_id in accounts.ended_since(cursor)[1]


def test_changing_rights_or_password_ends_the_sessions_that_carry_the_old_ones(accounts):
    for change in ({"role": "leader"}, {"scope": "440113"}, {"password": "another long one"}, {"disabled": True}):
        accounts.change_account("li", disabled=False)
        signed = accounts.redeem(accounts.one_time_link("li"))
        accounts.change_account("li", **change)
        assert accounts.actor_of_session(signed.token) is None, change


def test_accounts_are_checked(accounts):
    with pytest.raises(Conflict):
        accounts.create_account("LI", "x", "leader")
    for wrong in (
        {"username": ""},
        {"username": "a b"},
        {"role": "king"},
        {"role": "worker"},
        {"scope": "x"},
        {"password": "short"},
    ):
        given = {"username": "new", "name": "n", "role": "leader", "scope": "4401", **wrong}
        with pytest.raises(Invalid):
            accounts.create_account(**given)
    assert [a.username for a in accounts.list_accounts()] == ["li"]
    assert accounts.ensure_account("li", "other", "wall").role == "commander"


def test_source_tokens_stand_for_a_source_and_its_area(accounts):
    token = accounts.add_source_token("s-12345", "440112000000")
    actor = accounts.actor_of_source(token)
    assert (actor.role, actor.id, actor.scope) == ("source", "s-12345", "440112")
    assert accounts.add_source_token("s-12345", "4401", token) == token
    assert accounts.actor_of_source(token).scope == "4401"
    with pytest.raises(Conflict):
        accounts.add_source_token("s-other", "4401", token)
    with pytest.raises(Invalid):
        accounts.add_source_token("s-12345", "4401", "too short")
    with pytest.raises(Invalid):
        accounts.add_source_token("unit:U1", "4401")
    assert accounts.actor_of_session(token) is None


def test_no_token_and_no_password_stands_in_the_database(centre, accounts):
    signed = accounts.sign_in("li", PASSWORD)
    link, source = accounts.one_time_link("li"), accounts.add_source_token("s-x")
    with centre.database.reading() as tx:
        everything = "".join(str(tuple(row)) for table in ACCESS_TABLES for row in tx.execute(select(table)))
    for secret in (signed.token, link, source, PASSWORD):
        assert secret not in everything
    assert "$argon2id$" in everything


def test_the_log_says_who_came_and_who_was_refused(accounts):
    with pytest.raises(Refused):
        accounts.sign_in("li", "wrong", "10.0.0.1")
    signed = accounts.sign_in("li", PASSWORD, "10.0.0.1")
    accounts.end_session(token=signed.token, by="li", address="10.0.0.1")
    lines = [(line["what"], line["who"], line["address"]) for line in accounts.log_entries(3)]
    assert lines == [("signed_out", "li", "10.0.0.1"), ("signed_in", "li", "10.0.0.1"), ("refused", "li", "10.0.0.1")]


def test_while_the_database_is_away_known_visitors_stay_known_for_a_while(centre, accounts, monkeypatch):
    signed = accounts.sign_in("li", PASSWORD)
    assert accounts.actor_of_session(signed.token) is not None

    def away(*_):
        raise Unavailable("away")

    monkeypatch.setattr(accounts, "_read_session", away)
    centre.clock.advance(5 * 60_000)
    assert accounts.actor_of_session(signed.token) is not None
    with pytest.raises(Unavailable):
        accounts.actor_of_session("never seen")
    centre.clock.advance(6 * 60_000)
    with pytest.raises(Unavailable):
        accounts.actor_of_session(signed.token)


def test_still_open_follows_sessions_and_tokens(accounts):
    signed = accounts.sign_in("li", PASSWORD)
    source = accounts.actor_of_source("fleet-token-0123456789-0123456789-0123456789")
    assert asyncio.run(accounts.still_open(signed.actor)) and asyncio.run(accounts.still_open(source))
    accounts.end_session(token=signed.token)
    accounts.revoke_source_tokens("s-fleet")
    assert not asyncio.run(accounts.still_open(signed.actor))
    assert not asyncio.run(accounts.still_open(source))
