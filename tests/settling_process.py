"""A process that settles, to be killed: ``python -m tests.settling_process DATABASE_URL NOW``."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

from app.charging.settling import Settlement
from app.settings import Settings
from data.database import Database


async def main(url: str, now: datetime) -> None:
    """Settle what is due at *now*."""
    await Settlement(Database(url), Settings(_env_file=None)).tick(now)  # type: ignore[call-arg]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], datetime.fromisoformat(sys.argv[2])))
