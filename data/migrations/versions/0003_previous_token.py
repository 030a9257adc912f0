"""the token before: a sign-out that crossed with a new one still signs out

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("browsers", sa.Column("previous_hash", sa.String(length=64), nullable=True))
    op.create_index("ix_browsers_previous_hash", "browsers", ["previous_hash"])
