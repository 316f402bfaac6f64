"""Who may come in: accounts, sessions, one-time links, source tokens, and the access log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", Key, nullable=False),
        sa.Column("username", Key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", Key, nullable=False),
        sa.Column("scope", Key, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("username", name="uq_account_username"),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("account_id", Key, nullable=False),
        sa.Column("unit_id", Key, nullable=False),
        sa.Column("role", Key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scope", Key, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("token_hash", name="pk_session"),
        sa.UniqueConstraint("id", name="uq_session_id"),
    )
    for name in ("account_id", "unit_id", "expires_at", "ended_at"):
        op.create_index(f"ix_session_{name}", "session", [name])
    op.create_table(
        "one_time_link",
        sa.Column("token_hash", Key, nullable=False),
        sa.Column("purpose", Key, nullable=False),
        sa.Column("account_id", Key, nullable=False),
        sa.Column("unit_id", Key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scope", Key, nullable=False),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("token_hash", name="pk_one_time_link"),
    )
    op.create_index("ix_one_time_link_expires_at", "one_time_link", ["expires_at"])
    op.create_table(
        "source_token",
        sa.Column("token_hash", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("source_id", Key, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("token_hash", name="pk_source_token"),
        sa.UniqueConstraint("id", name="uq_source_token_id"),
    )
    for name in ("source_id", "revoked_at"):
        op.create_index(f"ix_source_token_{name}", "source_token", [name])
    op.create_table(
        "access_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", Key, nullable=False),
        sa.Column("who", Key, nullable=False),
        sa.Column("address", Key, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
    )
    for name in ("at", "who", "address"):
        op.create_index(f"ix_access_log_{name}", "access_log", [name])
