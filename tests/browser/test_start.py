"""The start of the real process: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.settings import Settings
from tests.browser.server import ROOT, Server


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NICEGUI_", "PYTEST_", "POLARIS_"))
    }
    environment.update({f"POLARIS_{name.upper()}": value for name, value in settings.items()})
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.alone
@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("port", "eighty", "integer"),
        ("port", "70000", "65535"),
        ("public_url", "charge.example.org", "https://"),
        ("database_url", "mysql://localhost/x", "sqlite:///"),
        ("public_url", "https://charge.example.org:99999", "https://"),
        ("extra_hosts", "https://ocpp.example.org", "without scheme"),
        ("database_url", "sqlite://", "sqlite:///"),
        ("database_url", "sqlite:///", "sqlite:///"),
        ("database_url", "postgresql://127.0.0.1:5432", "HOST/NAME"),
        ("default_time_zone", "Europe/Atlantis", "Europe/Berlin"),
        ("trusted_proxies", "proxy", "10.0.0.2"),
        ("log_level", "loud", "info"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_name_value_and_remedy(
    tmp_path: Path, name: str, value: str, remedy: str
) -> None:
    started = time.monotonic()
    done = run(tmp_path, **{name: value})
    assert time.monotonic() - started < 2
    assert done.returncode != 0
    said = done.stderr + done.stdout
    assert f"POLARIS_{name.upper()}" in said
    assert value in said
    assert remedy in said
    assert "Traceback" not in said


def test_a_setting_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """In the environment and in the file: a slip would go unnoticed otherwise."""
    assert "POLARIS_PRT: there is no such setting; is POLARIS_PORT meant?" in run(tmp_path, prt="9").stderr
    (tmp_path / ".env").write_text("POLARIS_DATABASE=sqlite:///x.db\n")
    done = run(tmp_path)
    assert done.returncode != 0
    assert "is POLARIS_DATABASE_URL meant?" in done.stderr


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/polaris/polaris.db", "postgresql://u:hidden-word@127.0.0.1:1/polaris"]
)
def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path: Path, url: str) -> None:
    """The setting, what is wrong and the remedy; and no password."""
    done = run(tmp_path, database_url=url, port="0")
    assert done.returncode != 0
    assert "POLARIS_DATABASE_URL=" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden-word" not in done.stderr + done.stdout


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(tmp_path, port=str(taken.getsockname()[1]))
    assert done.returncode != 0
    assert "another port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_newer_than_the_program_is_refused(tmp_path: Path, migrated_file: Path) -> None:
    server = Server(tmp_path, migrated_file)
    server.database.change_now(
        lambda change: change.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    server.database.close()
    done = run(tmp_path, database_url=server.database_url, port="0")
    assert done.returncode != 0
    assert "newer than this program" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_each_command_and_each_setting(tmp_path: Path) -> None:
    said = run(tmp_path, "--help").stdout
    for command in ("add-driver", "add-charger", "add-mapping", "add-plan", "import-sessions", "demo"):
        assert command in said
    for name in Settings.model_fields:
        assert f"POLARIS_{name.upper()}" in said


def test_the_first_start_prints_a_link_that_makes_the_first_operator_once(server: Server) -> None:
    """T22: no default account; the link works once."""
    server.start()
    (link,) = re.findall(r"http://127\.0\.0\.1:\d+/welcome/\S+", server.output())
    with httpx.Client(follow_redirects=False) as browser:
        page = browser.get(link)
        assert page.status_code == 200
        token = link.rsplit("/", 1)[1]
        olga = {"name": "Olga Operator", "email": "olga@example.org", "password": "a long enough password"}
        made = browser.post(
            f"{server.url}/auth/welcome", data={**olga, "token": token}, headers={"Origin": server.url}
        )
        assert made.status_code == 303
        assert made.headers["location"] == "/admin/setup"
        assert browser.get(f"{server.url}/admin").status_code == 200
        again = httpx.get(link)
        assert again.headers["location"].startswith("/sign-in")
    assert server.output().count(token) == 1  # printed, and never logged
    server.stop()
    server.start()
    assert server.output().count("/welcome/") == 1  # an operator exists: no further link


def test_a_second_portal_on_the_same_file_is_refused(server: Server, tmp_path: Path) -> None:
    """It would not hear what the first announces; once the first is gone, even by SIGKILL, it may start."""
    server.start()
    done = run(tmp_path, database_url=server.database_url, port="0")
    assert done.returncode != 0
    assert "another portal runs on" in done.stderr
    server.kill()
    server.start()


def test_it_ends_cleanly_while_a_socket_by_requests_waits(server: Server) -> None:
    """Where no websocket gets through there is always a request that waits for news."""
    server.start()
    with httpx.Client(base_url=server.url, headers={"sec-fetch-site": "same-origin"}) as browser:
        page = browser.get("/sign-in")
        client = re.search(r"'client_id': '([^']+)'", page.text)
        assert client is not None, page.text
        address = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
        opened = browser.get(f"{address}&client_id={client[1]}")
        socket = re.search(r'"sid":"([^"]+)"', opened.text)
        assert socket is not None, opened.text
        with ThreadPoolExecutor(1) as beside:
            news = beside.submit(browser.get, f"{address}&sid={socket[1]}", timeout=40)
            time.sleep(0.5)  # it is under way
            server.stop()
            assert news.result().text == "1", "Engine.IO's word for: it is over"
    assert server.process is not None
    assert server.process.returncode == 0
    assert "Traceback" not in server.output()


def test_it_ends_cleanly(server: Server) -> None:
    server.start()
    server.stop()
    assert server.process is not None
    assert server.process.returncode == 0
    assert "Traceback" not in server.output()
