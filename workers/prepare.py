"""Makes an instance ready to start, and hands out what opens its doors: migration, accounts, links, tokens, certificates.

Runs in a process of its own (``muster prepare``) so that ``muster up`` itself stays small.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dashboard.config import Profile, load_profile
from dashboard.domain.errors import NotFound
from dashboard.i18n import text
from datasource.accounts import Accounts
from datasource.clock import SystemClock
from datasource.errors import Unavailable
from datasource.settings import Settings, make_home
from datasource.sql.database import Database
from datasource.sql.migrate import MAIN, POSITIONS, schema_state
from datasource.sql.migrate import migrate as migrate_stores

DEMO_DESK = "demo-desk"
"""The account of the simulated duty desk."""

# Who a demonstration is for: user name → role.
DEMO_PEOPLE = {
    "admin": "administrator",
    "commander": "commander",
    "duty": "duty_officer",
    "leader": "leader",
    "mediator": "mediator",
    "wall": "wall",
}


def prepare(settings: Settings) -> dict[str, Any]:
    """Do everything that has to be done before the processes start; returns ``link``, ``authority`` and ``account``."""
    make_home(settings)
    profile = load_profile(settings.profile)
    said: dict[str, Any] = {"authority": ""}
    if settings.tls:
        from datasource.tls import certificates

        said["authority"] = str(certificates(settings).authority or "")
    migrate(settings)
    _warn_of_another_secret(settings)
    with _accounts(settings) as accounts:
        if settings.demo:
            for user, role in DEMO_PEOPLE.items():
                accounts.ensure_account(user, text(f"role.{role}"), role, profile.area)
            write_city_access(settings, profile, accounts, said["authority"])
        elif not accounts.list_accounts():
            accounts.ensure_account("admin", text("role.administrator"), "administrator", profile.area)
        user = "commander" if settings.demo else "admin"
        if found := accounts.account(user):
            said["account"] = found.username
            said["link"] = _link(settings, accounts.one_time_link(found.username, by="muster up"))
    return said


def migrate(settings: Settings) -> str:
    """Bring database and track store to this program's schema; returns a sentence about it."""
    if not _is_current(settings):
        migrate_stores(settings.database, settings.positions)
    return f"{Database.shown(settings.database)}: up to date"


def _is_current(settings: Settings) -> bool:
    """Say whether there is nothing to migrate: looking costs milliseconds, loading alembic half a second."""
    try:
        return all(
            schema_state(url, history) == "ok"
            for url, history in ((settings.database, MAIN), (settings.positions, POSITIONS))
        )
    except Unavailable:
        return False


def sign_in_link(settings: Settings, *, user: str = "", role: str = "") -> str:
    """Return a link that signs in once: as ``user``, or as the account of ``role``, made when there is none; raises NotFound."""
    profile = load_profile(settings.profile)
    with _accounts(settings) as accounts:
        if not user:
            role = role or "administrator"
            found = [a.username for a in accounts.list_accounts() if a.role == role and a.disabled_at is None]
            name = next((u for u, r in DEMO_PEOPLE.items() if r == role), role)
            user = (
                found[0] if found else accounts.ensure_account(name, text(f"role.{role}"), role, profile.area).username
            )
        elif accounts.account(user) is None:
            known = ", ".join(a.username for a in accounts.list_accounts())
            raise NotFound("notfound.account_of", user=user, known=known)
        return _link(settings, accounts.one_time_link(user, by="muster link"))


def pairing_link(settings: Settings, unit_id: str) -> str:
    """Return a link that pairs a phone with a unit, once; raises NotFound for a unit nobody registered."""
    from datasource.bootstrap import open_backend

    backend = open_backend(settings)
    try:
        with backend.store.reading() as reader:
            unit = reader.load("unit", unit_id)
        if unit is None:
            raise NotFound("notfound.unit", field="unit_id", id=unit_id)
        with _accounts(settings) as accounts:
            token = accounts.pair_unit(unit.id, unit.area, unit.name, by="muster pair")
    finally:
        backend.close()
    return f"{settings.url}/pair/{token}"


def source_token(settings: Settings, source: str, area: str = "") -> str:
    """Return a new bearer token for a source, for an area or the whole centre."""
    area = area or load_profile(settings.profile).area
    with _accounts(settings) as accounts:
        return accounts.add_source_token(source, area)


def write_city_access(settings: Settings, profile: Profile, accounts: Accounts, authority: str = "") -> None:
    """Write what the simulated city needs to speak to us: a token for each source of the profile (kept ones are kept),
    and, for its duty desk, a link that signs in once.
    """
    path = settings.run_dir / "city.json"
    try:
        kept = json.loads(path.read_text())["tokens"]
    except (OSError, ValueError, KeyError):
        kept = {}
    tokens = {
        source.id: accounts.add_source_token(source.id, profile.area, kept.get(source.id)) for source in profile.sources
    }
    # The local authority vouches for the loopback address, too; a certificate of one's own does so for its public name only.
    local = not settings.tls_cert
    base_url = f"{settings.scheme}://127.0.0.1:{settings.port}" if local else settings.url
    access: dict[str, Any] = {"base_url": base_url, "tokens": tokens, "ca_file": authority}
    if settings.city_duty:
        desk = accounts.ensure_account(DEMO_DESK, text(f"account.{DEMO_DESK}"), "commander", profile.area)
        if desk.disabled_at is None:  # an administrator may have sent it home
            link = accounts.one_time_link(desk.username, by="muster up")
            access["desk"] = {"owner": f"{desk.role}:{desk.username}", "link": f"{base_url}/go/{link}"}
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(access, file)
    draft.replace(path)


def _warn_of_another_secret(settings: Settings) -> None:
    """Say aloud that the personal data of this database was sealed under another secret key: nobody would notice for weeks."""
    from datasource.vault import SqlVault

    database = Database(settings.database)
    try:
        if not SqlVault(database, SystemClock(), settings.secret()).fits():
            sys.stderr.write(
                "warning: the personal data in this database was sealed under another secret key and cannot be read; "
                f"put the old key back (MUSTER_SECRET_KEY, or {settings.home_dir / 'secret.key'})\n"
            )
    finally:
        database.close()


def _link(settings: Settings, token: str) -> str:
    return f"{settings.url}/go/{token}"


@contextmanager
def _accounts(settings: Settings) -> Iterator[Accounts]:
    database = Database(settings.database)
    try:
        yield Accounts(database, SystemClock())
    finally:
        database.close()
