"""plans have versions; charges, corrections, commands, seen tags, check-ins

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

from data.types import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = ("waiting", "sent", "accepted", "done", "failed", "timed_out")
OLD_PLAN = "id, name, currency, base_fee, price_per_kwh, included_wh, unlimited"
SUBSCRIPTION = "id, account_id, plan_id, anchor_day, started_on, ended_on"
SOME_SESSIONS = {
    "ix_sessions_energy_wh": (("energy_wh", "id"), "ended_at IS NOT NULL"),
    "ix_sessions_charger_energy_wh": (("charger_id", "energy_wh", "id"), "ended_at IS NOT NULL"),
    "ix_sessions_account_energy_wh": (("account_id", "energy_wh", "id"), "ended_at IS NOT NULL"),
    "ix_sessions_running": (("started_at", "id"), "ended_at IS NULL"),
    "ix_sessions_finalized_started_at": (("started_at", "id"), "finalized_at IS NOT NULL"),
    "ix_sessions_settling_started_at": (
        ("started_at", "id"),
        "ended_at IS NOT NULL AND finalized_at IS NULL",
    ),
    "ix_sessions_ended_energy": (
        ("energy_ended_at", "energy_started_at", "energy_wh", "id", "ended_at"),
        "ended_at IS NOT NULL",
    ),
    "ix_sessions_settling": (
        ("ended_at", "id", "account_id"),
        "ended_at IS NOT NULL AND finalized_at IS NULL",
    ),
    "ix_sessions_late": (("late_at",), "late_at IS NOT NULL"),
    "ix_sessions_of_nobody": (("id_tag", "started_at"), "account_id IS NULL"),
    "ix_sessions_to_review": (("started_at",), "reviewed_at IS NULL AND CAST(flags AS TEXT) <> '[]'"),
}

AUDIT = {
    "ix_audit_at": ["at", "id"],
    "ix_audit_action": ["action", "at", "id"],
    "ix_audit_action_actor_id": ["action", "actor_id", "at", "id"],
    "ix_audit_actor_id": ["actor_id", "at", "id"],
    "ix_audit_subject_id": ["subject_id", "at", "id"],
    "ix_audit_subject_id_action": ["subject_id", "action", "at", "id"],
}
SEEN_SO_FAR = """
INSERT INTO tag_sightings
    (id_tag, first_seen_at, last_seen_at, charger_id, connector_number, times, ignored_at)
SELECT one.id_tag, first.started_at, last.started_at, last.charger_id, NULL, one.times, NULL
FROM (
    SELECT id_tag, min(id) AS first_id, max(id) AS last_id, count(*) AS times
    FROM sessions WHERE id_tag <> '' AND id_tag = upper(id_tag) GROUP BY id_tag
) AS one
JOIN sessions AS first ON first.id = one.first_id
JOIN sessions AS last ON last.id = one.last_id
"""
"""Each tag that has a session has been seen: by the order of arrival, which the index on tags knows."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _plans_on_sqlite()
    else:
        _plans_on_postgresql()
    op.create_index(
        "uq_plans_current_name",
        "plans",
        ["name"],
        unique=True,
        sqlite_where=sa.text("retired_at IS NULL"),
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_index("ix_subscriptions_account_id", "subscriptions", ["account_id"])
    for name in ("ix_audit_at", "ix_audit_action", "ix_audit_actor_id", "ix_audit_subject_id_action"):
        op.drop_index(name, "audit")
    for name, columns in AUDIT.items():
        op.create_index(name, "audit", columns)
    op.add_column("sessions", sa.Column("reviewed_at", Utc(), nullable=True))
    op.add_column("sessions", sa.Column("late_at", Utc(), nullable=True))
    op.add_column("reservations", sa.Column("sent_at", Utc(), nullable=True))
    op.add_column("reservations", sa.Column("answered_at", Utc(), nullable=True))
    op.add_column("chargers", sa.Column("created_at", Utc(), nullable=True))
    op.add_column("accounts", sa.Column("erased_at", Utc(), nullable=True))
    op.add_column("quarantined_messages", sa.Column("resolved_at", Utc(), nullable=True))
    op.create_index("ix_quarantined_messages_resolved_at", "quarantined_messages", ["resolved_at"])
    op.create_index("ix_sessions_started_at", "sessions", ["started_at", "id"])
    for name, (columns, where) in SOME_SESSIONS.items():
        some = sa.text(where)
        op.create_index(name, "sessions", list(columns), sqlite_where=some, postgresql_where=some)
    _charges()
    _asking()
    _refused_reservations_hold_nothing()


def _plans_on_postgresql() -> None:
    for column in (
        sa.Column("family_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("tiers", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("windows", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("anchor_day", sa.Integer(), nullable=True),
        sa.Column("created_at", Utc(), nullable=True),
        sa.Column("retired_at", Utc(), nullable=True),
    ):
        op.add_column("plans", column)
    for column in ("version", "tiers", "windows"):
        op.alter_column("plans", column, server_default=None)
    op.drop_constraint("uq_plans_name", "plans")
    op.create_unique_constraint("uq_plans_family_id_version", "plans", ["family_id", "version"])


def _plans_on_sqlite() -> None:
    """SQLite drops no constraint: both tables are written anew, the one that refers to the other first."""
    op.create_table(
        "new_plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("base_fee", sa.Integer(), nullable=True),
        sa.Column("price_per_kwh", sa.Integer(), nullable=True),
        sa.Column("included_wh", sa.BigInteger(), nullable=True),
        sa.Column("unlimited", sa.Boolean(), nullable=False),
        sa.Column("tiers", sa.JSON(), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=False),
        sa.Column("anchor_day", sa.Integer(), nullable=True),
        sa.Column("created_at", Utc(), nullable=True),
        sa.Column("retired_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "NOT (unlimited AND included_wh IS NOT NULL)", name=op.f("ck_plans_unlimited_has_no_amount")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("family_id", "version", name=op.f("uq_plans_family_id_version")),
    )
    op.execute(
        f"INSERT INTO new_plans ({OLD_PLAN}, version, tiers, windows) SELECT {OLD_PLAN}, 1, '[]', '[]' FROM plans"
    )
    op.create_table(
        "new_subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("anchor_day", sa.Integer(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.CheckConstraint("anchor_day BETWEEN 1 AND 31", name=op.f("ck_subscriptions_anchor_day_is_a_day")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_subscriptions_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["new_plans.id"], name=op.f("fk_subscriptions_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.execute(f"INSERT INTO new_subscriptions ({SUBSCRIPTION}) SELECT {SUBSCRIPTION} FROM subscriptions")
    op.drop_table("subscriptions")
    op.drop_table("plans")
    op.rename_table("new_plans", "plans")  # what refers to it follows
    op.rename_table("new_subscriptions", "subscriptions")
    op.create_index("ix_subscriptions_plan_id", "subscriptions", ["plan_id"])
    op.create_index(
        "uq_subscriptions_current_account",
        "subscriptions",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("ended_on IS NULL"),
    )


def _charges() -> None:
    op.create_table(
        "charges",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("session_id", BIG, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=True),
        sa.Column("plan_id", sa.Integer(), nullable=True),
        sa.Column("period_first", sa.Date(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_charges_session_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_charges_account_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_charges_subscription_id")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_charges_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charges")),
        sa.UniqueConstraint("key", name=op.f("uq_charges_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_charges_session_id", "charges", ["session_id", "id"])
    op.create_index("ix_charges_account_id", "charges", ["account_id", "id"])
    op.create_index("ix_charges_created_at", "charges", ["created_at"])
    op.create_index(
        "ix_charges_subscription_period", "charges", ["subscription_id", "period_first", "energy_wh"]
    )
    op.create_table(
        "session_corrections",
        sa.Column("id", BIG, nullable=False),
        sa.Column("session_id", BIG, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_session_corrections_session_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_corrections")),
    )
    op.create_index("ix_session_corrections_session_id", "session_corrections", ["session_id"])
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER charges_are_append_only_{event.lower()} BEFORE {event} ON charges "
                "BEGIN SELECT RAISE(ABORT, 'charges_are_append_only'); END"
            )
        # INSERT OR REPLACE deletes the row before it, and asks no DELETE trigger.
        op.execute(
            "CREATE TRIGGER charges_are_append_only_insert BEFORE INSERT ON charges "
            "WHEN EXISTS (SELECT 1 FROM charges WHERE id = NEW.id OR key = NEW.key) "
            "BEGIN SELECT RAISE(ABORT, 'charges_are_append_only'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION charges_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'charges_are_append_only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER charges_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON charges "
        "FOR EACH STATEMENT EXECUTE FUNCTION charges_are_append_only()"
    )


def _asking() -> None:
    op.create_table(
        "charger_commands",
        sa.Column("id", BIG, nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="commandstate", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("said", sa.String(length=255), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("session_id", BIG, nullable=True),
        sa.Column("reservation_id", sa.Integer(), nullable=True),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("deadline", Utc(), nullable=False),
        sa.Column("answered_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_charger_commands_charger_id")),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.id"], name=op.f("fk_charger_commands_connector_id")
        ),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_charger_commands_session_id")),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservations.id"], name=op.f("fk_charger_commands_reservation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charger_commands")),
    )
    op.create_index("ix_charger_commands_charger_id", "charger_commands", ["charger_id", "id"])
    op.create_index(
        "ix_charger_commands_open",
        "charger_commands",
        ["deadline"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "tag_sightings",
        sa.Column("id", BIG, nullable=False),
        sa.Column("id_tag", sa.String(length=255), nullable=False),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("connector_number", sa.Integer(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("ignored_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_tag_sightings_charger_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_sightings")),
        sa.UniqueConstraint("id_tag", name=op.f("uq_tag_sightings_id_tag")),
    )
    op.create_index("ix_tag_sightings_last_seen_at", "tag_sightings", ["last_seen_at"])
    op.execute(SEEN_SO_FAR)
    op.create_table(
        "check_ins",
        sa.Column("charger_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_check_ins_charger_id")),
        sa.PrimaryKeyConstraint("charger_id", "slot", name=op.f("pk_check_ins")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_check_ins_slot", "check_ins", ["slot"])


def _refused_reservations_hold_nothing() -> None:
    """C15: what a charger has refused is in nobody's way; the rest is as in 0001."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE reservations DROP CONSTRAINT ex_reservations_no_overlap")
        op.execute(
            """
            ALTER TABLE reservations ADD CONSTRAINT ex_reservations_no_overlap EXCLUDE USING gist (
                charger_id WITH =,
                int4range(connector_number, connector_number, '[]') WITH &&,
                tstzrange(starts_at, ends_at) WITH &&
            ) WHERE (cancelled_at IS NULL AND status <> 'refused')
            """
        )
        return
    for event, besides in (("INSERT", ""), ("UPDATE", "AND other.id <> NEW.id")):
        op.execute(f"DROP TRIGGER ex_reservations_no_overlap_{event.lower()}")
        op.execute(
            f"""
            CREATE TRIGGER ex_reservations_no_overlap_{event.lower()}
            BEFORE {event} ON reservations WHEN NEW.cancelled_at IS NULL AND NEW.status <> 'refused'
            BEGIN
                SELECT RAISE(ABORT, 'ex_reservations_no_overlap') FROM reservations AS other
                WHERE other.charger_id = NEW.charger_id AND other.ends_at > NEW.starts_at
                  AND other.starts_at < NEW.ends_at AND other.cancelled_at IS NULL
                  AND other.status <> 'refused' {besides}
                  AND (other.connector_number IS NULL OR NEW.connector_number IS NULL
                       OR other.connector_number = NEW.connector_number);
            END
            """
        )
