"""What the launcher of docs/kiosk.md writes onto a screen whose portal is not there: the reason, in words."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from app.serve import free_port
from tests.app.mailbox import certificate

LAUNCHER = Path(__file__).resolve().parent.parent / "docs" / "kiosk" / "polaris-kiosk.sh"
SOON = 60.0
"""Seconds that a busy machine may take."""


class Away(BaseHTTPRequestHandler):
    """A proxy whose portal is away."""

    def do_GET(self) -> None:
        self.send_response(502)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def answering(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of an `Away`, with TLS if there is a *context*."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Away)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever trusts it not hangs up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent() -> Iterator[int]:
    """The port of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@contextmanager
def launched(folder: Path, portal: str) -> Iterator[Path]:
    """The launcher at work, with a browser that does nothing; the file that the browser is given."""
    (folder / "bin").mkdir(parents=True)
    browser = folder / "bin" / "chromium"
    browser.write_text("#!/bin/sh\nexec sleep 600\n")
    browser.chmod(0o700)
    launcher = subprocess.Popen(
        [str(LAUNCHER)],
        env={
            "PATH": f"{browser.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "STATE_DIRECTORY": str(folder / "state"),
            "RUNTIME_DIRECTORY": str(folder / "run"),
            "POLARIS_KIOSK_PORTAL": portal,
            "POLARIS_KIOSK_TOKEN_FILE": str(folder / "token"),
            "POLARIS_KIOSK_EVERY": "1",
        },
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield folder / "run" / "start.html"
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(SOON)


def read(file: Path, what: str) -> str:
    """What is in *file* as soon as it says *what*. Raises ``AssertionError``."""
    deadline = time.monotonic() + SOON
    while True:
        said = file.read_text() if file.exists() else ""
        if what in said:
            return said
        assert time.monotonic() < deadline, (what, said)
        time.sleep(0.1)


def test_a_waiting_screen_says_why(tmp_path: Path) -> None:
    """K6: who stands before it knows what to look at."""
    with ExitStack() as stack:
        away, quiet = stack.enter_context(answering()), stack.enter_context(silent())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path)[1])
        strange = stack.enter_context(answering(context))
        reasons = {
            # Longer than names can be: no name server has to be asked.
            f"http://{'x' * 64}.invalid": "The name was not found",
            f"http://127.0.0.1:{free_port('127.0.0.1', 0)}": "No connection",
            f"http://127.0.0.1:{quiet}": "No answer within 5 seconds",
            f"https://127.0.0.1:{strange}": "The certificate is not trusted: is the date right?",
            f"http://127.0.0.1:{away}": "It answers 502",
            "no-such-thing://portal": "This is no address",
        }
        for at, portal in enumerate(reasons):
            stack.enter_context(launched(tmp_path / str(at), portal))
        for at, (portal, reason) in enumerate(reasons.items()):
            said = read(tmp_path / str(at) / "run" / "start.html", reason)
            assert f"Waiting for {portal} …" in said
            assert 'http-equiv="refresh" content="1"' in said
            # Which computer it is, and the date that certificates are looked at with.
            assert re.search(r"\nThis computer: \S.* at \d{4}-\d\d-\d\d \d\d:\d\d UTC<", said)


def test_what_it_is_told_is_text(tmp_path: Path) -> None:
    """Neither an address nor a token is anything but text on the launcher's page."""
    with launched(tmp_path / "address", 'http://127.0.0.1:1/<b>"&'):
        said = read(tmp_path / "address" / "run" / "start.html", "This computer")
        assert "/&lt;b&gt;&quot;&amp; …" in said
        assert "<b>" not in said
