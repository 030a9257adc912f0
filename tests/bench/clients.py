"""What loads the portal: a browser's page with its socket, and a charger; both only count and time."""

from __future__ import annotations

import ast
import asyncio
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import orjson

QUERY = re.compile(r"query: (\{.*?\}),\n")


class PageClient:
    """One open page, as a browser has it: the page by HTTP, then the websocket with that page's ids.

    `heard` is called with (moment of receipt, frame) for each pushed frame.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, cookies: dict[str, str]) -> None:
        self._http = http
        self._url = url
        self._headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        self.heard: Callable[[float, str], None] = lambda moment, frame: None
        self.bytes = 0
        self._next = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, path: str = "/") -> Self:
        """Load the page and connect its socket; returns when the socket is accepted."""
        async with self._http.get(
            # Browsers open a connection of its own for a websocket; so the page's one is not kept.
            self._url + path,
            headers={**self._headers, "Accept-Encoding": "gzip", "Connection": "close"},
            allow_redirects=False,
        ) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise RuntimeError(f"GET {path}: {answer.status} {answer.headers.get('Location', '')}")
        found = QUERY.search(text)
        if found is None:
            raise RuntimeError("no page ids in the HTML")
        query = ast.literal_eval(found[1].replace("true", "True").replace("false", "False"))
        self.client_id = query["client_id"]
        self._next = int(query["next_message_id"])
        parameters = {
            **{
                name: str(value).lower() if isinstance(value, bool) else value
                for name, value in query.items()
            },
            "document_id": str(uuid.uuid4()),
            "tab_id": str(uuid.uuid4()),
            "EIO": "4",
            "transport": "websocket",
        }
        self._socket = await self._http.ws_connect(
            f"{self._url}/_nicegui_ws/socket.io/?{urlencode(parameters)}",
            headers={**self._headers, "Origin": self._url},
            max_msg_size=0,
        )
        await self._expect("0")
        await self._socket.send_str("40")
        await self._expect("40")
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._acknowledge())]
        return self

    def tell(self, event: str, what: dict[str, Any]) -> None:
        """Send *event*, as the page does of itself."""
        self._tasks.append(asyncio.create_task(self._tell(event, what)))
        self._tasks = [task for task in self._tasks if not task.done()]

    async def _tell(self, event: str, what: dict[str, Any]) -> None:
        await self._socket.send_str("42" + orjson.dumps([event, what]).decode())

    async def close(self) -> None:
        """Close the page."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    async def _expect(self, start: str) -> None:
        message = await self._socket.receive(20)
        if message.type is not aiohttp.WSMsgType.TEXT or not message.data.startswith(start):
            raise RuntimeError(f"expected {start}…, got {message.type} {message.data!r}")

    async def _read(self) -> None:
        async for message in self._socket:
            moment = time.perf_counter()
            frame = message.data
            if frame == "2":
                await self._socket.send_str("3")
            elif frame.startswith("42"):
                self._next += 1
                self.bytes += len(frame)
                self.heard(moment, frame)

    async def _acknowledge(self) -> None:
        told_of = -1
        while True:
            await asyncio.sleep(3)
            if told_of >= self._next:
                continue  # NiceGUI's page says nothing twice
            told_of = self._next
            await self._tell("ack", {"client_id": self.client_id, "next_message_id": self._next})


class ChargerClient:
    """One charge point over OCPP 1.6J: calls, and the time until each is answered."""

    def __init__(self, http: aiohttp.ClientSession, url: str, identity: str) -> None:
        self._http = http
        self._address = f"{url}/ocpp/{identity}"
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._count = 0

    async def connect(self) -> Self:
        """Connect and start to read."""
        self._socket = await self._http.ws_connect(self._address, protocols=("ocpp1.6",), max_msg_size=0)
        self._task = asyncio.create_task(self._read())
        return self

    async def close(self) -> None:
        """Hang up."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._socket.close()

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """Send *action* and wait for its answer; a CALLERROR is raised."""
        self._count += 1
        message_id = str(self._count)
        future = self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(orjson.dumps([2, message_id, action, payload]).decode())
        return await asyncio.wait_for(future, 30)

    async def _read(self) -> None:
        async for message in self._socket:
            frame = orjson.loads(message.data)
            if frame[0] == 3:
                self._waiting.pop(frame[1]).set_result(frame[2])
            elif frame[0] == 4:
                self._waiting.pop(frame[1]).set_exception(RuntimeError(str(frame[2:4])))


def meter_values(transaction: int, wh: int, samples: int = 2, connector: int = 1) -> dict[str, Any]:
    """A MeterValues payload of now: register and power, and for five samples current, voltage and SoC too."""
    values = [
        {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "7200", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "31.3", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
        {"value": "230.1", "measurand": "Voltage", "unit": "V", "phase": "L1-N"},
        {"value": "55", "measurand": "SoC", "unit": "Percent"},
    ]
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
    return {
        "connectorId": connector,
        "transactionId": transaction,
        "meterValue": [{"timestamp": stamp, "sampledValue": values[:samples]}],
    }


def http_session() -> aiohttp.ClientSession:
    """A session without limits on connections and without stored cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    )


def percentile(values: list[float], share: float) -> float:
    """The value below which *share* of *values* lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
