"""Who may do and see what: the table itself."""

import pytest

from dashboard import access
from dashboard.domain.commands import COMMANDS, Actor
from dashboard.domain.errors import Forbidden, NotFound
from dashboard.handlers import HANDLERS


def actor(role: str, scope: str = "4401") -> Actor:
    return Actor(role=role, id="x", scope=scope)


def test_every_command_has_a_handler_and_somebody_who_may_give_it():
    assert set(HANDLERS) == set(COMMANDS)
    for command in COMMANDS:
        assert any(command.__name__ in allowed for allowed in access.TABLE.values()), command.__name__


def test_every_role_has_a_row_and_every_row_a_role():
    assert set(access.TABLE) == set(access.ROLES)


def test_the_table_names_nothing_that_does_not_exist():
    beyond = {"TakePositions", "PairUnit", "ManageAccounts", "ReplayDeadLetter"}
    views = {f"view:{v}" for v in (*access.VIEWS, "incident", "unit_list", "fleet")}
    known = {c.__name__ for c in COMMANDS} | beyond | views
    for role, allowed in access.TABLE.items():
        assert allowed <= known, (role, allowed - known)


@pytest.mark.parametrize("role", ["wall", "duty_officer", "leader", "mediator", "unit", "source"])
def test_only_commanders_and_administrators_send_orders(role):
    with pytest.raises(Forbidden) as no:
        access.require(actor(role), "SendOrder")
    assert no.value.params["needs"] == "commander, administrator"


def test_the_wall_can_only_look():
    assert {a for a in access.TABLE["wall"] if not a.startswith("view:")} == set()


def test_sources_and_units_see_no_screen_of_the_centre():
    for role in ("source", "unit"):
        assert {a for a in access.TABLE[role] if a.startswith("view:")} <= {"view:fleet", "view:unit"}


def test_another_area_does_not_exist():
    access.require(actor("commander", "440112"), "TakeIncident", "440112101")
    for area in ("440103", "4401", ""):
        with pytest.raises(NotFound):
            access.require(actor("commander", "440112"), "TakeIncident", area)


def test_an_unknown_role_may_nothing():
    assert not access.may(actor("root"), "view:wall")
