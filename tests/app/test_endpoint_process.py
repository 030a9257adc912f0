"""What the real process does with chargers' sockets: the server's own options, as `main.py` sets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.server_options import BROWSER_FRAME_LIMIT, server_options
from app.settings import Settings
from tests.browser.server import Server
from tests.world import add_charger, add_site


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("process"), migrated_file)
    server.database.change_now(lambda change: add_charger(change, "OPEN", site=add_site(change)))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("size", "reason"),
    [(70_000, "frame over the limit"), (BROWSER_FRAME_LIMIT + 1, "Message exceeds the maximum size")],
    ids=["charger's limit", "server's limit"],
)
async def test_t35_t56_a_frame_over_the_limit_is_1009_and_not_even_read_if_it_is_huge(process, size, reason):
    async with connect(f"{process.ocpp}/OPEN", subprotocols=["ocpp1.6"], proxy=None) as socket:
        await socket.send("[" + " " * (size - 2) + "]")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1009
        assert socket.close_reason.startswith(reason)
    async with connect(f"{process.ocpp}/OPEN", subprotocols=["ocpp1.6"], proxy=None) as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        assert await socket.recv()


def test_c4_t39_the_server_never_hangs_up_for_a_ping_and_tells_nothing_of_itself():
    """What `test_c4_a_charger_that_never_answers_pings_is_alive` runs with is what `main.py` runs with."""
    config = uvicorn.Config(lambda: None, **server_options(Settings(_env_file=None)))
    assert config.ws_ping_timeout is None
    assert config.ws_ping_interval == 20
    assert (config.server_header, config.proxy_headers, config.access_log) == (False, False, False)
