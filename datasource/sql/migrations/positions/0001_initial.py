"""The track store: the last fix of each unit, and the thinned track."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "position_latest",
        sa.Column("unit_id", Key, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("lat", sa.Double, nullable=False),
        sa.Column("lon", sa.Double, nullable=False),
        sa.Column("speed", sa.Double),
        sa.Column("heading", sa.Double),
        sa.Column("accuracy", sa.Double),
        sa.PrimaryKeyConstraint("unit_id", name="pk_position_latest"),
    )
    op.create_table(
        "position_track",
        sa.Column("unit_id", Key, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("lat", sa.Double, nullable=False),
        sa.Column("lon", sa.Double, nullable=False),
        sa.Column("speed", sa.Double),
        sa.Column("heading", sa.Double),
        sa.Column("accuracy", sa.Double),
        sa.PrimaryKeyConstraint("unit_id", "at", name="pk_position_track"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_position_track_at", "position_track", ["at"])
