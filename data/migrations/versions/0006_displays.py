"""kiosk displays, and the screens that wait to become one

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

from data.types import Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("board_energy", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "displays",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column(
            "orientation",
            sa.Enum(
                "auto",
                "left",
                "right",
                name="orientation",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("languages", sa.String(length=32), nullable=False),
        sa.Column("bays_per_page", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=True),
        sa.Column("version", sa.String(length=32), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("browser", sa.String(length=100), nullable=False),
        sa.CheckConstraint("bays_per_page > 0", name=op.f("ck_displays_shows_bays")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_displays_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_displays")),
        sa.UniqueConstraint("site_id", "name", name=op.f("uq_displays_site_id_name")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_displays_token_hash")),
        sa.UniqueConstraint("address_hash", name=op.f("uq_displays_address_hash")),
    )
    op.create_table(
        "pairings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=100), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
        sa.UniqueConstraint("code", name=op.f("uq_pairings_code")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_pairings_token_hash")),
    )
    op.create_index("ix_pairings_address", "pairings", ["address"])
    op.create_index("ix_pairings_expires_at", "pairings", ["expires_at"])
    # By the numbers of its messages a session is counted right although its charger's clock was set back.
    op.add_column("meter_samples", sa.Column("seq_no", sa.Integer(), nullable=True))
    # What is nobody's waits for its tag: it is in no list of what waits to be settled.
    waiting = sa.text("ended_at IS NOT NULL AND finalized_at IS NULL AND account_id IS NOT NULL")
    op.drop_index("ix_sessions_settling_started_at", "sessions")
    op.create_index(
        "ix_sessions_to_settle",
        "sessions",
        ["started_at", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
