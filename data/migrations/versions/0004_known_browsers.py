"""known browsers; the audit log takes no second row of one id

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from data.types import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_browsers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("used_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_known_browsers_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_browsers")),
        sa.UniqueConstraint("token_hash", "account_id", name=op.f("uq_known_browsers_token_hash_account_id")),
    )
    op.create_index("ix_known_browsers_account_id", "known_browsers", ["account_id"])
    op.create_index("ix_known_browsers_used_at", "known_browsers", ["used_at"])
    if op.get_bind().dialect.name == "sqlite":
        # INSERT OR REPLACE deletes the row before it, and asks no DELETE trigger (T30).
        op.execute(
            """
            CREATE TRIGGER audit_is_append_only_insert BEFORE INSERT ON audit
            WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
            BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END
            """
        )
