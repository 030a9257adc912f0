"""Run by Alembic, with the connection that `data.migrate` gives it."""

from typing import Any, Literal

from alembic import context

from data.models import Base
from data.types import Utc


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Write our own column types by their own names into a new migration."""
    if kind == "type" and isinstance(item, Utc):
        autogen.imports.add("from data.types import Utc")
        return "Utc()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=render_item,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
