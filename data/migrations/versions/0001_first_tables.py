"""first tables

Revision: 0001, after
"""

import sqlalchemy as sa
from alembic import op

from data.types import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum("driver", "operator", name="role", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column(
            "theme",
            sa.Enum(
                "system", "light", "dark", name="theme", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("disabled_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_accounts_email_is_lower_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", "role", name=op.f("uq_accounts_email_role")),
    )
    op.create_table(
        "charger_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charger_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_charger_groups_name")),
    )
    op.create_table(
        "one_time_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_one_time_links_token_hash")),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("base_fee", sa.Integer(), nullable=True),
        sa.Column("price_per_kwh", sa.Integer(), nullable=True),
        sa.Column("included_wh", sa.BigInteger(), nullable=True),
        sa.Column("unlimited", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "NOT (unlimited AND included_wh IS NOT NULL)", name=op.f("ck_plans_unlimited_has_no_amount")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("name", name=op.f("uq_plans_name")),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("name", name=op.f("uq_sites_name")),
    )
    op.create_table(
        "chargers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column(
            "admission",
            sa.Enum(
                "accepted",
                "pending",
                "blocked",
                name="admission",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("visible_to_all", sa.Boolean(), nullable=False),
        sa.Column("protocol", sa.String(length=16), nullable=True),
        sa.Column("vendor", sa.String(length=255), nullable=True),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("serial_number", sa.String(length=255), nullable=True),
        sa.Column("firmware", sa.String(length=255), nullable=True),
        sa.Column("booted_at", Utc(), nullable=True),
        sa.Column("last_seen_at", Utc(), nullable=True),
        sa.Column("reading_interval", sa.Integer(), nullable=False),
        sa.Column("clock_skew", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_chargers_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chargers")),
        sa.UniqueConstraint("identity", name=op.f("uq_chargers_identity")),
    )
    with op.batch_alter_table("chargers", schema=None) as batch_op:
        batch_op.create_index("ix_chargers_last_seen_at", ["last_seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_chargers_site_id"), ["site_id"], unique=False)

    op.create_table(
        "group_accounts",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_group_accounts_account_id")),
        sa.ForeignKeyConstraint(["group_id"], ["charger_groups.id"], name=op.f("fk_group_accounts_group_id")),
        sa.PrimaryKeyConstraint("group_id", "account_id", name=op.f("pk_group_accounts")),
    )
    with op.batch_alter_table("group_accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_accounts_account_id"), ["account_id"], unique=False)

    op.create_table(
        "mappings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("id_tag", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("deactivated_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mappings_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mappings")),
    )
    with op.batch_alter_table("mappings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mappings_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mappings_id_tag"), ["id_tag"], unique=False)
        batch_op.create_index(
            "uq_mappings_active_id_tag",
            ["id_tag"],
            unique=True,
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        )

    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sign_ins_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_ins_token_hash")),
    )
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_ins_account_id"), ["account_id"], unique=False)

    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("anchor_day", sa.Integer(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.CheckConstraint("anchor_day BETWEEN 1 AND 31", name=op.f("ck_subscriptions_anchor_day_is_a_day")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_subscriptions_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_subscriptions_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscriptions_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index(
            "uq_subscriptions_current_account",
            ["account_id"],
            unique=True,
            sqlite_where=sa.text("ended_on IS NULL"),
            postgresql_where=sa.text("ended_on IS NULL"),
        )

    op.create_table(
        "charger_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_charger_reports_charger_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charger_reports")),
        sa.UniqueConstraint("charger_id", "action", name=op.f("uq_charger_reports_charger_id_action")),
    )
    op.create_table(
        "connectors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("evse", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=True),
        sa.Column("max_power_w", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "Available",
                "Preparing",
                "Charging",
                "SuspendedEV",
                "SuspendedEVSE",
                "Finishing",
                "Occupied",
                "Reserved",
                "Unavailable",
                "Faulted",
                "Unknown",
                name="connectorstatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("info", sa.String(length=255), nullable=True),
        sa.Column("status_since", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_connectors_charger_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connectors")),
        sa.UniqueConstraint(
            "charger_id", "evse", "number", name=op.f("uq_connectors_charger_id_evse_number")
        ),
    )
    op.create_table(
        "group_chargers",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_group_chargers_charger_id")),
        sa.ForeignKeyConstraint(["group_id"], ["charger_groups.id"], name=op.f("fk_group_chargers_group_id")),
        sa.PrimaryKeyConstraint("group_id", "charger_id", name=op.f("pk_group_chargers")),
    )
    with op.batch_alter_table("group_chargers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_chargers_charger_id"), ["charger_id"], unique=False)

    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("connector_number", sa.Integer(), nullable=True),
        sa.Column("starts_at", Utc(), nullable=False),
        sa.Column("ends_at", Utc(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "held",
                "sent",
                "accepted",
                "refused",
                "used",
                "cancelled",
                name="reservationstatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("charger_answer", sa.String(length=32), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("cancelled_at", Utc(), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_reservations_takes_time")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_reservations_account_id")),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_reservations_charger_id")),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], name=op.f("fk_reservations_mapping_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index("ix_reservations_account_id_ends_at", ["account_id", "ends_at"], unique=False)
        batch_op.create_index("ix_reservations_charger_id_ends_at", ["charger_id", "ends_at"], unique=False)
        batch_op.create_index("ix_reservations_ends_at", ["ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_reservations_mapping_id"), ["mapping_id"], unique=False)
        batch_op.create_index("ix_reservations_starts_at", ["starts_at"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ocpp_transaction_id", sa.String(length=64), nullable=True),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("id_tag", sa.String(length=255), nullable=False),
        sa.Column(
            "authorization",
            sa.Enum(
                "Accepted",
                "Blocked",
                "Expired",
                "Invalid",
                "ConcurrentTx",
                name="authorization",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("mapping_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("reservation_id", sa.Integer(), nullable=True),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("stop_received_at", Utc(), nullable=True),
        sa.Column("finalized_at", Utc(), nullable=True),
        sa.Column("stop_reason", sa.String(length=64), nullable=True),
        sa.Column("meter_start", sa.BigInteger(), nullable=True),
        sa.Column("meter_stop", sa.BigInteger(), nullable=True),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("has_reading", sa.Boolean(), nullable=False),
        sa.Column("energy_started_at", Utc(), nullable=False),
        sa.Column("energy_ended_at", Utc(), nullable=False),
        sa.Column("reading_at", Utc(), nullable=True),
        sa.Column("power_w", sa.Integer(), nullable=True),
        sa.Column("power_derived", sa.Boolean(), nullable=False),
        sa.Column("replayed", sa.Boolean(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint("energy_wh >= 0", name=op.f("ck_sessions_energy_is_never_negative")),
        sa.CheckConstraint(
            "finalized_at IS NULL OR ended_at IS NOT NULL", name=op.f("ck_sessions_only_ended_is_finalized")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id")),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_sessions_charger_id")),
        sa.ForeignKeyConstraint(["connector_id"], ["connectors.id"], name=op.f("fk_sessions_connector_id")),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], name=op.f("fk_sessions_mapping_id")),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservations.id"], name=op.f("fk_sessions_reservation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint(
            "charger_id", "ocpp_transaction_id", name=op.f("uq_sessions_charger_id_ocpp_transaction_id")
        ),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_sessions_source_source_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sessions_account_energy",
            ["account_id", "energy_ended_at", "energy_started_at", "energy_wh", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_sessions_account_id_started_at", ["account_id", "started_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_sessions_active",
            ["account_id", "started_at", "id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index("ix_sessions_charger_id_started_at", ["charger_id", "started_at"], unique=False)
        batch_op.create_index(
            "ix_sessions_connector_id_started_at", ["connector_id", "started_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_sessions_id_tag"), ["id_tag"], unique=False)
        batch_op.create_index(batch_op.f("ix_sessions_mapping_id"), ["mapping_id"], unique=False)
        batch_op.create_index(
            "uq_sessions_active_connector",
            ["connector_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "energy_steps",
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ended_at > started_at", name=op.f("ck_energy_steps_takes_time")),
        sa.CheckConstraint("energy_wh >= 0", name=op.f("ck_energy_steps_energy_is_never_negative")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_energy_steps_session_id")),
        sa.PrimaryKeyConstraint("session_id", "started_at", name=op.f("pk_energy_steps")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meter_samples",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("measurand", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("context", sa.String(length=32), nullable=False),
        sa.Column("location", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.id"], name=op.f("fk_meter_samples_connector_id")
        ),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_meter_samples_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_samples")),
        sa.UniqueConstraint(
            "session_id", "at", "measurand", "phase", "context", "location", name="uq_meter_samples_once"
        ),
    )
    op.create_table(
        "quarantined_messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("last_received_at", Utc(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_quarantined_messages_charger_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_quarantined_messages_session_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_messages")),
        sa.UniqueConstraint("charger_id", "digest", name=op.f("uq_quarantined_messages_charger_id_digest")),
    )
    with op.batch_alter_table("quarantined_messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantined_messages_session_id"), ["session_id"], unique=False)

    op.create_table(
        "transaction_events",
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_type", sa.String(length=16), nullable=False),
        sa.Column("trigger_reason", sa.String(length=64), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_transaction_events_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "seq_no", name=op.f("pk_transaction_events")),
    )
    op.create_table(
        "news",
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("about", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("topic", "about", name=op.f("pk_news")),
    )
    with op.batch_alter_table("news", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_news_number"), ["number"], unique=False)

    _no_overlapping_reservations()


def _no_overlapping_reservations() -> None:
    """C15: two reservations that overlap on a connector can't both be stored."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        op.execute(
            """
            ALTER TABLE reservations ADD CONSTRAINT ex_reservations_no_overlap EXCLUDE USING gist (
                charger_id WITH =,
                int4range(connector_number, connector_number, '[]') WITH &&,
                tstzrange(starts_at, ends_at) WITH &&
            ) WHERE (cancelled_at IS NULL)
            """
        )
        return
    for event, besides in (("INSERT", ""), ("UPDATE", "AND other.id <> NEW.id")):
        op.execute(
            f"""
            CREATE TRIGGER ex_reservations_no_overlap_{event.lower()}
            BEFORE {event} ON reservations WHEN NEW.cancelled_at IS NULL
            BEGIN
                SELECT RAISE(ABORT, 'ex_reservations_no_overlap') FROM reservations AS other
                WHERE other.charger_id = NEW.charger_id AND other.ends_at > NEW.starts_at
                  AND other.starts_at < NEW.ends_at AND other.cancelled_at IS NULL {besides}
                  AND (other.connector_number IS NULL OR NEW.connector_number IS NULL
                       OR other.connector_number = NEW.connector_number);
            END
            """
        )
