"""What the door leans on inside of NiceGUI, python-socketio and python-engineio (T40).

Each of these is private or undocumented. A new version that changes one turns a test here red, before
it turns off a guard without a word.
"""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import nicegui
import nicegui.nicegui as its
import pytest
from nicegui import Client, core
from nicegui.client import templates
from nicegui.page import page

from app.access.sockets import Sockets

SEEN = {"nicegui": "3.18.", "python-socketio": "5.18.", "python-engineio": "4.15."}
HANDLERS = {
    "_on_connect": ("sid", "data", "_"),
    "_on_handshake": ("sid", "data"),
    "_on_event": ("_", "msg"),
    "_on_javascript_response": ("_", "msg"),
    "_on_ack": ("_", "msg"),
    "_on_log": ("_", "msg"),
}
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


def test_the_engine_s_parts() -> None:
    assert isinstance(core.sio.eio.sockets, dict)
    assert core.sio.manager.eio_sid_from_sid("nobody", "/") is None
    source = inspect.getsource(core.sio.eio.__class__._get_socket)
    assert "self.sockets" in source
    from engineio.async_socket import AsyncSocket  # type: ignore[import-untyped]

    handler = inspect.getsource(AsyncSocket._websocket_handler)
    assert "if not packets:" in handler  # what a None in the queue becomes
    assert "await ws.close()" in handler


def test_what_runs_in_the_template() -> None:
    """T44: each script tag is one that the nonce is put at, and there are as many as were looked at."""
    source = TEMPLATE.read_text()
    assert len(re.findall(r"<script\b", source)) == len(re.findall(r"<script[\s>]", source)) == 13
    assert len(re.findall(r'<link rel="modulepreload"', source)) == 1
    assert re.findall(r"\son\w+=", source) == []
    assert templates.env.autoescape is not False
    raw = set(re.findall(r"\{\{ ?(\w+) \| ?safe ?\}\}", source))
    assert raw == RAW
