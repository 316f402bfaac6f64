"""Who is at the door: accounts and their sessions, one-time links, source tokens, telephones of units.

A session is a random token in a cookie; a source has a bearer token.  Both are looked up at every request, so the answers
are kept for two seconds: that is how long an ended session may live on in another process.
"""

import asyncio
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from dashboard.access import ROLES
from dashboard.domain import centre, ids
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Conflict, Invalid, NotFound, Refused
from dashboard.ports import Clock
from datasource.errors import Unavailable
from datasource.sql.database import Database
from datasource.sql.tables_access import access_log, account, one_time_link, session, source_token

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

CACHE_MS = 2_000
CACHE_SIZE = 20_000
GRACE_MS = 10 * MINUTE_MS
"""While the database is away, whoever was known this recently stays known: facts must still be taken, screens still live."""
LINK_MS = 15 * MINUTE_MS
TOUCH_MS = 10 * MINUTE_MS
SESSION_MS = DAY_MS
DEVICE_MS = 90 * DAY_MS
"""Screens without anybody in front of them (the wall, a unit's telephone) stay signed in as long as they are in use."""

PASSWORD_LEAST = 10
FAILURES_MS = 15 * MINUTE_MS
FAILURES_PER_NAME = 5
FAILURES_PER_ADDRESS = 30
ENDED_OVERLAP_MS = 5_000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may sign in, or a screen."""

    id: str
    username: str
    name: str
    role: str
    scope: str
    created_at: int
    disabled_at: int | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One signed-in browser or telephone."""

    id: str
    account_id: str
    unit_id: str
    role: str
    name: str
    scope: str
    device: str
    created_at: int
    seen_at: int
    expires_at: int


class SignedIn(NamedTuple):
    """A new session: the token for the cookie (known only here), and whom it stands for."""

    token: str
    actor: Actor
    lasts_ms: int


class Pairing(NamedTuple):
    """What a pairing link offers, to show before it is used."""

    unit_id: str
    name: str
    expires_at: int


class TooManyFailures(Refused):
    """Too many wrong passwords; ``params['wait_s']`` says when to try again."""


def hash_token(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Accounts:
    """Everything about who may come in, on the main database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: dict[tuple[str, str], tuple[int, Actor | None]] = {}

    # --- accounts ------------------------------------------------------------------

    def create_account(
        self, username: str, name: str, role: str, scope: str = "", password: str | None = None
    ) -> Account:
        """Make an account; without a password it can be entered by one-time link only.  Raises Invalid, Conflict."""
        username = username.strip().lower()
        if not 1 <= len(username) <= 64 or not username.isprintable() or " " in username:
            raise Invalid("access.username", field="username", value=username)
        if role not in ROLES or role in ("source", "worker", "unit"):
            raise Invalid("access.role", field="role", value=role)
        row = {
            "id": ids.fresh("ACC"),
            "username": username,
            "name": name.strip() or username,
            "role": role,
            "scope": centre.canonical(scope) if scope else "",
            "password_hash": self._hash(password) if password is not None else None,
            "created_at": self._clock.now(),
        }
        try:
            with self._db.writing() as tx:
                tx.execute(insert(account).values(row))
                self._log(tx, "account_made", username, detail={"role": role, "scope": row["scope"]})
        except IntegrityError:
            raise Conflict("access.username_taken", field="username", value=username) from None
        return msgspec.convert({k: v for k, v in row.items() if k != "password_hash"}, Account)

    def ensure_account(self, username: str, name: str, role: str, scope: str = "") -> Account:
        """Return the account of this user name, making it when there is none."""
        try:
            return self.create_account(username, name, role, scope)
        except Conflict:
            found = self.account(username)
            assert found is not None
            return found

    def account(self, username: str) -> Account | None:
        """Return the account of a user name."""
        with self._db.reading() as tx:
            row = tx.execute(select(account).where(account.c.username == username.strip().lower())).mappings().first()
        return _account(row) if row else None

    def list_accounts(self) -> list[Account]:
        """Return all accounts, by user name."""
        with self._db.reading() as tx:
            return [_account(row) for row in tx.execute(select(account).order_by(account.c.username)).mappings()]

    def change_account(
        self,
        username: str,
        *,
        role: str | None = None,
        scope: str | None = None,
        password: str | None = None,
        disabled: bool | None = None,
    ) -> None:
        """Change an account; its sessions end, since they carry the old rights.  Raises NotFound, Invalid."""
        now = self._clock.now()
        values: dict[str, Any] = {}
        if role is not None:
            if role not in ROLES or role in ("source", "worker", "unit"):
                raise Invalid("access.role", field="role", value=role)
            values["role"] = role
        if scope is not None:
            values["scope"] = centre.canonical(scope) if scope else ""
        if password is not None:
            values["password_hash"] = self._hash(password)
        if disabled is not None:
            values["disabled_at"] = now if disabled else None
        if not values:
            return
        with self._db.writing() as tx:
            row = tx.execute(select(account.c.id).where(account.c.username == username.strip().lower())).first()
            if row is None:
                raise NotFound("access.no_account", field="username")
            tx.execute(update(account).where(account.c.id == row.id).values(values))
            tx.execute(
                update(session).where(session.c.account_id == row.id, session.c.ended_at.is_(None)).values(ended_at=now)
            )
            self._log(tx, "account_changed", username, detail={"changed": sorted(values)})
        self.forget()

    # --- signing in ------------------------------------------------------------------

    def sign_in(self, username: str, password: str, address: str = "", device: str = "") -> SignedIn:
        """Sign in with a password; raises TooManyFailures, or Refused without saying which of the two was wrong."""
        username = username.strip().lower()[:64]
        self._check_failures(username, address)
        with self._db.reading() as tx:
            row = tx.execute(select(account).where(account.c.username == username)).mappings().first()
        kept = row["password_hash"] if row else None
        # An unknown name costs as much time as a known one, so that names cannot be found out by the clock.
        right = self._hasher.verify(password[:1024], kept or self._nobody)
        if row is None or kept is None or row["disabled_at"] is not None or not right:
            with self._db.writing() as tx:
                self._log(tx, "refused", username, address, {"device": device})
            raise Refused("access.refused")
        with self._db.writing() as tx:
            return self._begin(tx, _account(row), address, device, "password")

    def one_time_link(self, username: str, by: str = "") -> str:
        """Return the token of a link that signs in once within 15 minutes; raises NotFound."""
        found = self.account(username)
        if found is None or found.disabled_at is not None:
            raise NotFound("access.no_account", field="username")
        return self._make_link(
            "sign_in", by, account_id=found.id, name=found.name, scope=found.scope, who=found.username
        )

    def redeem(self, token: str, address: str = "", device: str = "") -> SignedIn:
        """Sign in with a one-time link; raises Refused when it was used, ran out or never was."""
        with self._db.writing() as tx:
            link = self._use_link(tx, token, "sign_in", address)
            if link is not None:
                row = (
                    tx.execute(
                        select(account).where(account.c.id == link["account_id"], account.c.disabled_at.is_(None))
                    )
                    .mappings()
                    .first()
                )
                if row is not None:
                    return self._begin(tx, _account(row), address, device, "link")
        raise Refused("access.link_spent")

    # --- telephones of units ----------------------------------------------------------

    def pair_unit(self, unit_id: str, scope: str, name: str = "", by: str = "") -> str:
        """Return the token of a link that pairs one telephone with a unit, once within 15 minutes."""
        return self._make_link("pair", by, unit_id=unit_id, name=name or unit_id, scope=scope, who=f"unit:{unit_id}")

    def pairing(self, token: str) -> Pairing | None:
        """Return what a pairing link offers, without using it; None when it is spent."""
        with self._db.reading() as tx:
            row = tx.execute(self._open_link(token, "pair")).mappings().first()
        return Pairing(row["unit_id"], row["name"], row["expires_at"]) if row else None

    def redeem_pairing(self, token: str, address: str = "", device: str = "") -> SignedIn:
        """Pair this telephone: it gets a long-lived session of the role ``unit``; raises Refused."""
        with self._db.writing() as tx:
            link = self._use_link(tx, token, "pair", address)
            if link is not None:
                actor = Actor(
                    role="unit", id=link["unit_id"], name=link["name"], scope=link["scope"], unit_id=link["unit_id"]
                )
                return self._begin_session(tx, actor, "", address, device, "paired", f"unit:{link['unit_id']}")
        raise Refused("access.link_spent")

    # --- sessions ----------------------------------------------------------------------

    def peek(self, kind: str, token: str) -> tuple[bool, Actor | None]:
        """Answer from the cache, without touching the database: (whether it knows, whom).  ``kind``: session or source."""
        found = self._cache.get((kind, hash_token(token)))
        return (True, found[1]) if found and self._clock.now() - found[0] < CACHE_MS else (False, None)

    async def find(self, kind: str, token: str) -> Actor | None:
        """Return whom a token stands for, asking the database in a thread when the cache does not know.  ``kind``: session or source."""
        if not token or len(token) > 200:
            return None
        known, actor = self.peek(kind, token)
        if known:
            return actor
        return await asyncio.to_thread(self.actor_of_session if kind == "session" else self.actor_of_source, token)

    def actor_of_session(self, token: str) -> Actor | None:
        """Return whom a session token stands for, or None when it is unknown, ended or run out."""
        return self._look_up("session", token, self._read_session)

    async def still_open(self, actor: Actor) -> bool:
        """Say whether the session or source token of an actor still counts; while the database is away, it does."""
        try:
            return await asyncio.to_thread(self._is_open, actor.session_id)
        except Unavailable:
            return True

    def end_session(self, *, token: str = "", session_id: str = "", by: str = "", address: str = "") -> bool:
        """End a session, by its token or its id; open sockets follow within two seconds.  False when it was over."""
        condition = session.c.token_hash == hash_token(token) if token else session.c.id == session_id
        return self._end(condition, "signed_out" if token else "ended", by, address) > 0

    def end_sessions_of(self, *, username: str = "", unit_id: str = "", by: str = "") -> int:
        """End every session of an account or of a unit; returns how many."""
        if username:
            found = self.account(username)
            return self._end(session.c.account_id == found.id, "ended", by) if found else 0
        return self._end(and_(session.c.unit_id == unit_id, session.c.account_id == ""), "ended", by) if unit_id else 0

    def list_sessions(self) -> list[Session]:
        """Return the sessions that are open, newest first."""
        now = self._clock.now()
        query = (
            select(session)
            .where(session.c.ended_at.is_(None), session.c.expires_at > now)
            .order_by(session.c.created_at.desc())
        )
        with self._db.reading() as tx:
            return [
                msgspec.convert({f: row[f] for f in Session.__struct_fields__}, Session)
                for row in tx.execute(query).mappings()
            ]

    def ended_since(self, cursor: int) -> tuple[int, list[str]]:
        """Return (next cursor, ids of sessions and source tokens that ended or ran out since ``cursor``).

        Begin with the instant at which you start to watch.  Ids may come twice: commits are seen late, so each
        call looks back a little.
        """
        now, since = self._clock.now(), cursor - ENDED_OVERLAP_MS
        over = or_(
            session.c.ended_at >= since,
            and_(session.c.ended_at.is_(None), session.c.expires_at > since, session.c.expires_at <= now),
        )
        with self._db.reading() as tx:
            found = [row.id for row in tx.execute(select(session.c.id).where(over))]
            found += [row.id for row in tx.execute(select(source_token.c.id).where(source_token.c.revoked_at >= since))]
        return now, found

    # --- sources -------------------------------------------------------------------------

    def add_source_token(self, source_id: str, area: str = "", token: str | None = None) -> str:
        """Give a source a token, a fresh one or the given (at least 32 characters); giving the same again changes its area only."""
        if not source_id or ":" in source_id:
            raise Invalid("access.source_id", field="source_id", value=source_id)
        if token is not None and len(token) < 32:
            raise Invalid("access.token_short", field="token", least=32)
        token = token or f"ms_{secrets.token_urlsafe(32)}"
        hashed, area = hash_token(token), centre.canonical(area) if area else ""
        with self._db.writing() as tx:
            known = tx.execute(select(source_token).where(source_token.c.token_hash == hashed)).mappings().first()
            if known is None:
                row = {
                    "token_hash": hashed,
                    "id": ids.fresh("T"),
                    "source_id": source_id,
                    "area": area,
                    "created_at": self._clock.now(),
                }
                tx.execute(insert(source_token).values(row))
                self._log(tx, "token_made", source_id, detail={"area": area, "token": row["id"]})
            elif known["source_id"] != source_id or known["revoked_at"] is not None:
                raise Conflict("access.token_taken", field="token")
            elif known["area"] != area:
                tx.execute(update(source_token).where(source_token.c.token_hash == hashed).values(area=area))
        self.forget()
        return token

    def revoke_source_tokens(self, source_id: str) -> int:
        """Revoke every token of a source; returns how many."""
        with self._db.writing() as tx:
            condition = and_(source_token.c.source_id == source_id, source_token.c.revoked_at.is_(None))
            count = tx.execute(update(source_token).where(condition).values(revoked_at=self._clock.now())).rowcount
            if count:
                self._log(tx, "token_revoked", source_id, detail={"count": count})
        self.forget()
        return count

    def actor_of_source(self, token: str) -> Actor | None:
        """Return which source a bearer token stands for, or None."""
        return self._look_up("source", token, self._read_source)

    # --- the log, and the rest -----------------------------------------------------------

    def log_entries(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return the newest lines of the access log."""
        with self._db.reading() as tx:
            rows = tx.execute(select(access_log).order_by(access_log.c.id.desc()).limit(limit)).mappings()
            return [{**row, "detail": msgspec.json.decode(row["detail"])} for row in rows]

    def note_refusal(self, who: str, address: str, detail: dict[str, Any]) -> None:
        """Log that somebody was refused (a wrong role for a screen, say)."""
        with self._db.writing() as tx:
            self._log(tx, "refused_view", who, address, detail)

    def note_erasure(self, subject: str, keys: int, by: str) -> None:
        """Log that the personal data of a subject (an incident, a case) was erased."""
        with self._db.writing() as tx:
            self._log(tx, "erased", by, detail={"subject": subject, "keys": keys})

    def forget(self) -> None:
        """Empty the cache of this process."""
        with self._lock:
            self._cache.clear()

    @cached_property
    def _hasher(self) -> Any:
        from pwdlib import PasswordHash

        return PasswordHash.recommended()

    @cached_property
    def _nobody(self) -> str:
        return str(self._hasher.hash(secrets.token_urlsafe()))

    def _hash(self, password: str) -> str:
        if not PASSWORD_LEAST <= len(password) <= 1024:
            raise Invalid("access.password_short", field="password", least=PASSWORD_LEAST)
        return str(self._hasher.hash(password))

    def _check_failures(self, username: str, address: str) -> None:
        """Count by name *and* address, so that nobody can lock a commander out from elsewhere; and by address alone."""
        now = self._clock.now()
        recent = and_(
            access_log.c.what == "refused", access_log.c.at > now - FAILURES_MS, access_log.c.address == address
        )
        since = select(func.max(access_log.c.at)).where(
            access_log.c.what == "signed_in", access_log.c.who == username, access_log.c.address == address
        )
        with self._db.reading() as tx:
            last_good = tx.execute(since).scalar() or 0
            query = (
                select(access_log.c.who, access_log.c.at)
                .where(recent)
                .order_by(access_log.c.at.desc())
                .limit(FAILURES_PER_ADDRESS)
            )
            rows = tx.execute(query).all()
        mine = [
            row.at for row in rows if hmac.compare_digest(row.who.encode(), username.encode()) and row.at > last_good
        ]
        for failures, most in ((mine, FAILURES_PER_NAME), ([row.at for row in rows], FAILURES_PER_ADDRESS)):
            if len(failures) >= most:
                wait_s = -(-(failures[most - 1] + FAILURES_MS - now) // 1000)
                raise TooManyFailures("access.wait", wait_s=wait_s, wait_min=-(-wait_s // 60))

    def _begin(self, tx: Connection, who: Account, address: str, device: str, how: str) -> SignedIn:
        actor = Actor(role=who.role, id=who.username, name=who.name, scope=who.scope)
        return self._begin_session(tx, actor, who.id, address, device, "signed_in", who.username, how)

    def _begin_session(
        self,
        tx: Connection,
        actor: Actor,
        account_id: str,
        address: str,
        device: str,
        what: str,
        who: str,
        how: str = "",
    ) -> SignedIn:
        now, token, session_id = self._clock.now(), secrets.token_urlsafe(32), ids.fresh("S")
        lasts = _lasts(actor.role)
        row = {
            "token_hash": hash_token(token),
            "id": session_id,
            "account_id": account_id,
            "unit_id": actor.unit_id,
            "role": actor.role,
            "name": actor.name,
            "scope": actor.scope,
            "device": device[:200],
            "created_at": now,
            "seen_at": now,
            "expires_at": now + lasts,
        }
        tx.execute(insert(session).values(row))
        self._log(
            tx, what, who, address, {"session": session_id, "device": device[:200], **({"how": how} if how else {})}
        )
        return SignedIn(token, msgspec.structs.replace(actor, session_id=session_id), lasts)

    def _make_link(
        self, purpose: str, by: str, *, name: str, scope: str, who: str, account_id: str = "", unit_id: str = ""
    ) -> str:
        now, token = self._clock.now(), secrets.token_urlsafe(24)
        row = {
            "token_hash": hash_token(token),
            "purpose": purpose,
            "account_id": account_id,
            "unit_id": unit_id,
            "name": name,
            "scope": scope,
            "created_by": by,
            "created_at": now,
            "expires_at": now + LINK_MS,
        }
        with self._db.writing() as tx:
            tx.execute(insert(one_time_link).values(row))
            self._log(tx, "link_made", who, detail={"purpose": purpose, "by": by})
        return token

    def _open_link(self, token: str, purpose: str) -> Any:
        link = one_time_link.c
        return select(one_time_link).where(
            link.token_hash == hash_token(token),
            link.purpose == purpose,
            link.used_at.is_(None),
            link.expires_at > self._clock.now(),
        )

    def _use_link(self, tx: Connection, token: str, purpose: str, address: str) -> Any | None:
        row = tx.execute(self._open_link(token, purpose)).mappings().first()
        hashed = hash_token(token)
        # The update decides: of two that come at once only one finds the link unused.
        used = update(one_time_link).where(one_time_link.c.token_hash == hashed, one_time_link.c.used_at.is_(None))
        if row is None or tx.execute(used.values(used_at=self._clock.now())).rowcount != 1:
            self._log(tx, "link_refused", "", address, {"purpose": purpose, "link": hashed[:12]})
            return None
        return row

    def _read_session(self, token: str) -> Actor | None:
        now = self._clock.now()
        with self._db.reading() as tx:
            query = (
                select(session, account.c.username)
                .outerjoin(account, account.c.id == session.c.account_id)
                .where(
                    session.c.token_hash == hash_token(token), session.c.ended_at.is_(None), session.c.expires_at > now
                )
            )
            row = tx.execute(query).mappings().first()
        if row is None:
            return None
        if now - row["seen_at"] > TOUCH_MS:
            with self._db.writing() as tx:
                values = {"seen_at": now, "expires_at": now + _lasts(row["role"])}
                tx.execute(update(session).where(session.c.token_hash == row["token_hash"]).values(values))
        return Actor(
            role=row["role"],
            id=row["username"] or row["unit_id"],
            name=row["name"],
            scope=row["scope"],
            unit_id=row["unit_id"],
            session_id=row["id"],
        )

    def _end(self, condition: Any, what: str, by: str, address: str = "") -> int:
        with self._db.writing() as tx:
            rows: Sequence[Any] = tx.execute(
                select(session.c.id, session.c.name).where(condition, session.c.ended_at.is_(None))
            ).all()
            if rows:
                ending = update(session).where(session.c.id.in_([row.id for row in rows]))
                tx.execute(ending.values(ended_at=self._clock.now()))
            for row in rows:
                self._log(tx, what, by or row.name, address, {"session": row.id, "name": row.name})
        self.forget()
        return len(rows)

    def _read_source(self, token: str) -> Actor | None:
        with self._db.reading() as tx:
            query = select(source_token).where(
                source_token.c.token_hash == hash_token(token), source_token.c.revoked_at.is_(None)
            )
            row = tx.execute(query).mappings().first()
        return (
            Actor(role="source", id=row["source_id"], name=row["source_id"], scope=row["area"], session_id=row["id"])
            if row
            else None
        )

    def _is_open(self, session_id: str) -> bool:
        now = self._clock.now()
        with self._db.reading() as tx:
            query = select(session.c.id).where(
                session.c.id == session_id, session.c.ended_at.is_(None), session.c.expires_at > now
            )
            if tx.execute(query).first():
                return True
            return (
                tx.execute(
                    select(source_token.c.id).where(
                        source_token.c.id == session_id, source_token.c.revoked_at.is_(None)
                    )
                ).first()
                is not None
            )

    def _look_up(self, kind: str, token: str, read: Callable[[str], Actor | None]) -> Actor | None:
        known, actor = self.peek(kind, token)
        if known:
            return actor
        key, now = (kind, hash_token(token)), self._clock.now()
        try:
            actor = read(token)
        except Unavailable:
            at, actor = self._cache.get(key, (0, None))
            if actor is None or now - at > GRACE_MS:
                raise
            return actor
        with self._lock:
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()
            self._cache[key] = (now, actor)
        return actor

    def _log(
        self, tx: Connection, what: str, who: str, address: str = "", detail: dict[str, Any] | None = None
    ) -> None:
        row = {
            "at": self._clock.now(),
            "what": what,
            "who": who,
            "address": address,
            "detail": msgspec.json.encode(detail or {}).decode(),
        }
        tx.execute(insert(access_log).values(row))


def _lasts(role: str) -> int:
    return DEVICE_MS if role in ("wall", "unit") else SESSION_MS


def _account(row: Any) -> Account:
    return msgspec.convert({field: row[field] for field in Account.__struct_fields__}, Account)
