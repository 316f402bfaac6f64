"""Events, states and everything that belongs to their transaction."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("kind", Key, nullable=False),
        sa.Column("subject", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("actor", Key, nullable=False),
        sa.Column("drill", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_event"),
        sa.UniqueConstraint("subject", "version", name="uq_event_subject_version"),
        sa.UniqueConstraint("id", name="uq_event_id"),
    )
    op.create_table(
        "stream_offset",
        sa.Column("stream", Key, nullable=False),
        sa.Column("entry_id", Key, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_stream_offset"),
    )
    op.create_table(
        "lease",
        sa.Column("name", Key, nullable=False),
        sa.Column("holder", Key, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "counter",
        sa.Column("series", Key, nullable=False),
        sa.Column("day", Key, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("series", "day", name="pk_counter"),
    )
    op.create_table(
        "seen",
        sa.Column("source", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name="pk_seen"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_seen_at", "seen", ["at"])
    op.create_table(
        "dead_letter",
        sa.Column("id", Key, nullable=False),
        sa.Column("stream", Key, nullable=False),
        sa.Column("entry_id", Key, nullable=False),
        sa.Column("source", Key, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("reason", Key, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("buried_at", sa.BigInteger, nullable=False),
        sa.Column("replayed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letter"),
    )
    op.create_index("ix_dead_letter_buried_at", "dead_letter", ["buried_at"])
    op.create_table(
        "vital",
        sa.Column("key", Key, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_vital"),
    )
    op.create_table(
        "case_key",
        sa.Column("key_id", Key, nullable=False),
        sa.Column("case_id", Key, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_case_key"),
        sa.UniqueConstraint("case_id", name="uq_case_key_case_id"),
    )
    op.create_table(
        "state_incident",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("severity", sa.BigInteger, nullable=False),
        sa.Column("category", Key, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("external_ref", Key, nullable=False),
        sa.Column("source", Key, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_incident"),
    )
    op.create_index("ix_state_incident_area_status", "state_incident", ["area", "status"])
    op.create_index("ix_state_incident_closed_at", "state_incident", ["closed_at"])
    op.create_index("ix_state_incident_external_ref_source", "state_incident", ["external_ref", "source"])
    op.create_index("ix_state_incident_opened_at", "state_incident", ["opened_at"])
    op.create_index("ix_state_incident_status", "state_incident", ["status"])
    op.create_table(
        "state_unit",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("on_duty", sa.Boolean, nullable=False),
        sa.Column("unit_kind", Key, nullable=False),
        sa.Column("source", Key, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_unit"),
    )
    op.create_index("ix_state_unit_area", "state_unit", ["area"])
    op.create_table(
        "state_order",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("incident_id", Key, nullable=False),
        sa.Column("unit_id", Key, nullable=False),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("ack_due_at", sa.BigInteger),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("severity", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_order"),
    )
    op.create_index("ix_state_order_ack_due_at", "state_order", ["ack_due_at"])
    op.create_index("ix_state_order_incident_id_status", "state_order", ["incident_id", "status"])
    op.create_index("ix_state_order_lease_until", "state_order", ["lease_until"])
    op.create_index("ix_state_order_status_queued_at", "state_order", ["status", "queued_at"])
    op.create_index("ix_state_order_unit_id_status", "state_order", ["unit_id", "status"])
    op.create_table(
        "state_alarm",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("severity", sa.BigInteger, nullable=False),
        sa.Column("rule", Key, nullable=False),
        sa.Column("subject", Key, nullable=False),
        sa.Column("ack_due_at", sa.BigInteger),
        sa.Column("ack_expires_at", sa.BigInteger),
        sa.Column("until", sa.BigInteger),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_alarm"),
    )
    op.create_index("ix_state_alarm_raised_at", "state_alarm", ["raised_at"])
    op.create_index("ix_state_alarm_rule_status", "state_alarm", ["rule", "status"])
    op.create_index("ix_state_alarm_status_ack_due_at", "state_alarm", ["status", "ack_due_at"])
    op.create_index("ix_state_alarm_status_ack_expires_at", "state_alarm", ["status", "ack_expires_at"])
    op.create_index("ix_state_alarm_status_until", "state_alarm", ["status", "until"])
    op.create_index("ix_state_alarm_subject", "state_alarm", ["subject"])
    op.create_table(
        "state_camera",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("health", Key, nullable=False),
        sa.Column("source", Key, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_camera"),
    )
    op.create_index("ix_state_camera_area", "state_camera", ["area"])
    op.create_index("ix_state_camera_source_health", "state_camera", ["source", "health"])
    op.create_table(
        "state_camera_alert",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("camera_id", Key, nullable=False),
        sa.Column("rule", Key, nullable=False),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_camera_alert"),
    )
    op.create_index(
        "ix_state_camera_alert_camera_id_rule_raised_at", "state_camera_alert", ["camera_id", "rule", "raised_at"]
    )
    op.create_index("ix_state_camera_alert_raised_at", "state_camera_alert", ["raised_at"])
    op.create_index("ix_state_camera_alert_status", "state_camera_alert", ["status"])
    op.create_table(
        "state_dispute",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("card", Key, nullable=False),
        sa.Column("category", Key, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
        sa.Column("external_ref", Key, nullable=False),
        sa.Column("source", Key, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_dispute"),
    )
    op.create_index("ix_state_dispute_area_status", "state_dispute", ["area", "status"])
    op.create_index("ix_state_dispute_external_ref_source", "state_dispute", ["external_ref", "source"])
    op.create_index("ix_state_dispute_status_due_at", "state_dispute", ["status", "due_at"])
    op.create_table(
        "state_level",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("level", Key, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_level"),
    )
    op.create_table(
        "state_source",
        sa.Column("id", Key, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("area", Key, nullable=False),
        sa.Column("state", Key, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state_source"),
    )
