"""What the door leans on inside of NiceGUI, python-socketio and python-engineio (T40).

Each of these is private or undocumented. A new version that changes one turns a test here red, before
it turns off a guard without a word.
"""

from __future__ import annotations

import ast
import inspect
import re
from importlib.metadata import version
from pathlib import Path

import nicegui
import nicegui.nicegui as its
import pytest
from nicegui import Client, core
from nicegui.client import templates
from nicegui.outbox import Outbox
from nicegui.page import page

from app.access.frames import EVENTS
from app.access.sockets import Sockets

SEEN = {
    "nicegui": "3.18.",
    "python-socketio": "5.18.",
    "python-engineio": "4.15.",
    "authlib": "1.9.",
    "joserfc": "1.8.",
    "starlette": "1.10.",
    "uvicorn": "0.54.",
}
PRIVATE = {
    *("_cancel_delete_task", "_delete_tasks", "_request", "_socket_to_document_id"),
    *("_on_ack", "_on_connect", "_on_event", "_on_handshake", "_on_javascript_response"),
    *("_handle_eio_connect", "_handle_eio_disconnect"),
    *("_displayed_contents", "_to_dict"),  # held by `tests/components` and `test_what_is_drawn_stays`
}
"""What our code reaches for that its owner calls its own; each has its test here."""
HANDLERS = {
    "_on_connect": ("sid", "data", "_"),
    "_on_handshake": ("sid", "data"),
    "_on_event": ("_", "msg"),
    "_on_javascript_response": ("_", "msg"),
    "_on_ack": ("_", "msg"),
    "_on_log": ("_", "msg"),
}
ROOT = Path(__file__).resolve().parent.parent.parent
RAW = {
    *("body_html", "elements", "head_html", "headwind_css", "imports", "js_imports", "prefix"),
    *("socket_io_js_extra_headers", "socket_io_js_query_params", "socket_io_js_transports"),
    *("vue_config", "vue_config_script", "vue_scripts"),
}
"""What the template takes unescaped; none of it holds stored text but `elements`, which is escaped."""
TEMPLATE = Path(nicegui.__file__).parent / "templates" / "index.html"
SCRIPT = Path(nicegui.__file__).parent / "static" / "nicegui.js"


@pytest.mark.parametrize("package", SEEN)
def test_the_versions_that_were_looked_at(package: str) -> None:
    """T40: with a new one, read what changed in the places below, then write its number here."""
    assert version(package).startswith(SEEN[package])


def test_what_is_drawn_stays() -> None:
    """What `components.drawn` tells a browser beside the properties gets there, and rows are kept."""
    assert callable(nicegui.element.Element._to_dict)
    script = SCRIPT.read_text()
    assert "preserved_props" in script
    assert "elements" in script  # `$root.elements`, where templates find what is drawn


def test_nothing_else_that_is_private_is_leant_on() -> None:
    """T40: a new one needs a test here, and its name above."""
    used = set()
    for path in sorted(
        found for top in ("app", "components", "data") for found in (ROOT / top).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and re.match(r"_[a-z]", node.attr)
                and ast.unparse(node.value) not in ("self", "cls")
            ):
                used.add(node.attr)
            elif isinstance(node, ast.ImportFrom):
                used |= {alias.name for alias in node.names if alias.name.startswith("_")}
                assert "._" not in f".{node.module}".replace("__future__", ""), path
    assert used == PRIVATE


@pytest.mark.parametrize("name", HANDLERS)
def test_the_handlers_that_ours_stand_before(name: str) -> None:
    assert tuple(inspect.signature(getattr(its, name)).parameters) == HANDLERS[name]


def test_there_are_no_other_handlers() -> None:
    """A new event would go past the guard."""
    source = inspect.getsource(its)
    events = set(re.findall(r"@sio\.on\('(\w+)'\)", source))
    assert events == {"connect", "handshake", "disconnect", "event", "javascript_response", "ack", "log"}
    guarded = {name for name in events - {"disconnect"} if callable(getattr(Sockets, name, None))}
    assert guarded == events - {"disconnect"}
    assert set(core.sio.handlers) <= {"/"}
    assert set(core.sio.handlers["/"]) == events
    assert not core.sio.namespace_handlers


def test_the_sockets_hang_at_one_place() -> None:
    mounts = [route.path for route in nicegui.app.routes if "ws" in str(getattr(route, "path", ""))]
    assert mounts == ["/_nicegui_ws"]
    assert "path: `${options.prefix}/_nicegui_ws/socket.io`" in SCRIPT.read_text()


def test_a_refused_page_loads_anew() -> None:
    """The words that we refuse with are the ones that the browser side reloads at."""
    assert 'err.message == "Implicit handshake failed"' in SCRIPT.read_text()


async def test_the_parts_of_a_client() -> None:
    client = Client(page(""))
    try:
        assert Client.instances[client.id] is client
        assert client._request is None
        assert client._socket_to_document_id == {}
        assert client._delete_tasks == {}
        assert list(inspect.signature(client._cancel_delete_task).parameters) == ["document_id"]
        assert list(inspect.signature(client.open).parameters) == ["target", "new_tab"]
        assert inspect.signature(Client.build_response).parameters["status_code"].default == 200
    finally:
        client.delete()
    assert client.id not in Client.instances
    assert client.is_deleted


def test_the_outbox_of_a_page() -> None:
    """K12: `app.pushes` takes its place, and lets its loop end as soon as there is nothing to send."""
    assert "self.outbox = Outbox(self)" in inspect.getsource(Client.__init__)
    assert "create_or_defer(self.loop()" in inspect.getsource(Outbox.__init__)
    source = re.sub(r"\s+", " ", inspect.getsource(Outbox.loop))
    assert "self._enqueue_event.set() while not self._should_stop: try:" in source
    assert source.count("wait_for(") == source.count("_should_stop") == 1
    steps = ("_enqueue_event.clear()", "if self.updates:", "if self.messages:", "await coro")
    assert sorted(steps, key=source.index) == list(steps)
    assert "except asyncio.CancelledError: break" in source  # so who calls it has to look
    ends = inspect.getsource(Outbox.stop)
    assert "self._should_stop = True" in ends
    assert "self._set_enqueue_event()" in ends
    assert "self._enqueue_event.set()" in inspect.getsource(Outbox._set_enqueue_event)
    for queues in (Outbox.enqueue_update, Outbox.enqueue_delete, Outbox.enqueue_message):
        assert "self._set_enqueue_event()" in inspect.getsource(queues)


def test_the_engine_s_parts() -> None:
    assert isinstance(core.sio.eio.sockets, dict)
    assert core.sio.manager.eio_sid_from_sid("nobody", "/") is None
    source = inspect.getsource(core.sio.eio.__class__._get_socket)
    assert "self.sockets" in source
    from engineio.async_socket import AsyncSocket  # type: ignore[import-untyped]

    handler = inspect.getsource(AsyncSocket._websocket_handler)
    assert "if not packets:" in handler  # what a None in the queue becomes
    assert "await ws.close()" in handler


async def test_the_engine_tells_of_its_sockets() -> None:
    """T34: ours stand before these handlers, and end a socket by its environment or by itself."""
    source = inspect.getsource(core.sio.__class__.__mro__[1].__init__)
    assert "self.eio.on('connect', self._handle_eio_connect)" in source
    assert "self.eio.on('disconnect', self._handle_eio_disconnect)" in source
    assert list(inspect.signature(core.sio._handle_eio_connect).parameters) == ["eio_sid", "environ"]
    assert list(inspect.signature(core.sio._handle_eio_disconnect).parameters) == ["eio_sid", "reason"]
    assert isinstance(core.sio.environ, dict)
    from engineio.async_drivers import asgi  # type: ignore[import-untyped]
    from engineio.async_socket import AsyncSocket

    assert "'asgi.scope': scope" in inspect.getsource(asgi.translate_request)
    assert list(inspect.signature(AsyncSocket.close).parameters) == ["self", "wait", "abort", "reason"]
    assert "ret is not None and ret is not True" in inspect.getsource(core.sio.eio._handle_connect)
    assert "self.server.max_http_buffer_size" in inspect.getsource(AsyncSocket.handle_post_request)


def test_what_a_page_sends() -> None:
    """T35: the frames that the guard lets through are the ones that the browser side makes."""
    assert set(re.findall(r'socket\??\.emit\("(\w+)"', SCRIPT.read_text())) == EVENTS


def test_a_websocket_that_was_closed_tells_its_reader() -> None:
    """T35: so that hanging up ends the loop that reads, and not only the line."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    source = inspect.getsource(WSProtocol.send)
    closing = source[source.index('message["type"] == "websocket.close"') :]
    assert 'self.queue.put_nowait({"type": "websocket.disconnect"' in closing


def test_what_runs_in_the_template() -> None:
    """T44: each script tag is one that the nonce is put at, and there are as many as were looked at."""
    source = TEMPLATE.read_text()
    assert len(re.findall(r"<script\b", source)) == len(re.findall(r"<script[\s>]", source)) == 13
    assert len(re.findall(r'<link rel="modulepreload"', source)) == 1
    assert re.findall(r"\son\w+=", source) == []
    assert templates.env.autoescape is not False
    raw = set(re.findall(r"\{\{ ?(\w+) \| ?safe ?\}\}", source))
    assert raw == RAW
