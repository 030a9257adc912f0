"""A process with the OCPP endpoint, to be killed: ``python -m tests.ocpp_process DATABASE_URL``."""

from __future__ import annotations

import asyncio
import sys

from data.database import Database
from tests.ocpp_server import ocpp_server


async def main(url: str) -> None:
    """Serve until killed, a minute at most; the first line of the output is the address."""
    async with ocpp_server(Database(url)) as server:
        await server.sessions.resume()
        print(server.url, flush=True)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
