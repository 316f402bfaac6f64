"""The tables of who may come in: accounts, sessions, one-time links, source tokens, and the log of both.

Of every token only its SHA-256 is kept, so that whoever reads the database cannot sign in with what stands there.
"""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from datasource.sql.tables import KeyText, metadata

account = Table(
    "account",
    metadata,
    Column("id", KeyText, primary_key=True),
    Column("username", KeyText, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", KeyText, nullable=False),
    Column("scope", KeyText, nullable=False),
    Column("password_hash", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", KeyText, primary_key=True),
    Column("id", KeyText, nullable=False, unique=True),
    # The account of a person, or '' for the device of a unit.
    Column("account_id", KeyText, nullable=False, index=True),
    Column("unit_id", KeyText, nullable=False, index=True),
    Column("role", KeyText, nullable=False),
    Column("name", Text, nullable=False),
    Column("scope", KeyText, nullable=False),
    Column("device", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger, index=True),
)

one_time_link = Table(
    "one_time_link",
    metadata,
    Column("token_hash", KeyText, primary_key=True),
    # ``sign_in`` or ``pair``.
    Column("purpose", KeyText, nullable=False),
    Column("account_id", KeyText, nullable=False),
    Column("unit_id", KeyText, nullable=False),
    Column("name", Text, nullable=False),
    Column("scope", KeyText, nullable=False),
    Column("created_by", KeyText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger),
)

source_token = Table(
    "source_token",
    metadata,
    Column("token_hash", KeyText, primary_key=True),
    Column("id", KeyText, nullable=False, unique=True),
    Column("source_id", KeyText, nullable=False, index=True),
    Column("area", KeyText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, index=True),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    # signed_in, signed_out, refused, link_made, link_refused, paired, ended, token_made, token_revoked, account_made, account_changed
    Column("what", KeyText, nullable=False),
    # Whom it is about: an account's user name, a unit, a source.
    Column("who", KeyText, nullable=False, index=True),
    Column("address", KeyText, nullable=False, index=True),
    Column("detail", Text, nullable=False),
)

ACCESS_TABLES = (account, session, one_time_link, source_token, access_log)
