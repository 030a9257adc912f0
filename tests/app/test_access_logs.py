"""T63: one line an event, control characters escaped, no secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
import uvicorn
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import logs, request_context
from app.logs import OneLine, clean, masked
from app.server_options import server_options
from app.settings import Settings
from data.caller import Caller
from data.database import Database
from data.types import Role


def line(message: str, *args: object, error: Exception | None = None) -> str:
    """The line of one record."""
    info = None if error is None else (type(error), error, error.__traceback__)
    return OneLine().format(logging.LogRecord("polaris.x", logging.INFO, "", 0, message, args, info))


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    """T63: nobody forges a second line, turns the text around or colours the terminal."""
    said = line("charger says %s", "a\r\n2026 ERROR forged\x1b[31m\u2028\u202e\x85\x00end")
    assert said.splitlines() == [said]
    assert said.endswith("charger says a\\r\\n2026 ERROR forged\\x1b[31m\\u2028\\u202e\\x85\\x00end")
    assert said.split()[1:3] == ["INFO", "polaris.x"]
    try:
        raise ValueError("deep\nsecret-free")
    except ValueError as error:
        said = line("failed", error=error)
    assert said.splitlines() == [said]
    assert "ValueError: deep\\nsecret-free" in said
    assert "test_access_logs.py" in said


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("GET /welcome/aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-x 200", "aB3dE6gH9"),
        ("authorization: Basic Q1AxOmh1bnRlcjI=", "Q1AxOmh1bnRlcjI"),
        ("Authorization='Bearer abc.def-ghi'", "abc.def"),
        ("cookie: theme=x; __Host-polaris=aB3dE6gH9aB3dE6gH9aB3dE6gH9; y", "aB3dE6gH9"),
        ("{'password': 'hunter2', 'x': 1}", "hunter2"),
        ("password=hunter2&x=1", "hunter2"),
        ("token: hunter2", "hunter2"),
        ("socket ?client_id=0f8fad5b-d9cb-469f-a165-70867728950e&x", "0f8fad5b"),
        ("GET /kiosk/aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-aB3 200", "aB3dE6gH9"),
        ("cookie __Host-polaris-display=aB3dE6gH9aB3dE6gH9aB3dE6gH9; y", "aB3dE6gH9"),
        ("GET /password/aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-aB3 200", "aB3dE6gH9"),
        ("GET /enter/aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-aB3 200", "aB3dE6gH9"),
        ("callback?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj-af0ifjsldkj", "SplxlOBe"),
        ("callback?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj-af0ifjsldkj", "af0ifjsldkj"),
        ("id eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("{'client_secret': 'hunter2'}", "hunter2"),
        ("(b'cookie', b'theme=x; other=hunter2hunter2')", "hunter2"),
        ("wrong $argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "c2FsdA"),
        ("DETAIL:  Key (id_tag)=(04A1B2C3) already exists.", "04A1B2C3"),
        ("page 0f8fad5b-d9cb-469f-a165-70867728950e is gone", "0f8fad5b"),
        ("kept aB3dE6gH9-aB3dE6gH9_aB3dE6gH9-aB3dE6gH9-xyz", "aB3dE6gH9"),
        ("can't reach postgresql+psycopg://polaris:hunter2@db/polaris", "hunter2"),
    ],
)
def test_secrets_are_left_out(said: str, secret: str) -> None:
    """T38, T63: also where a library says them."""
    assert secret not in clean(said)
    assert "…" in clean(said)


def test_an_id_tag_is_masked() -> None:
    """T63: a full id tag is what one charges with."""
    assert masked("04A1B2C3D4E5F6") == "04…F6"
    assert masked("ABC123") == "…"


def test_ordinary_text_stays() -> None:
    """Umlauts, numbers and addresses are no secrets."""
    for said in (
        "Ladepunkt „Hafen Süd“ 12:04 10.0.0.7 http://127.0.0.1:8080/?period=year → ok",
        "closed code=1008 state=out_of_service page='/password/{token}'",
        "charger 0f8fad5b-d9cb-469f-a165-70867728950e is connected, ocpp1.6",
        'File "app/access/door.py", line 12, in test_a_name_that_has_just_forty_three_letter',
    ):
        assert clean(said) == said
    assert sys.getdefaultencoding() == "utf-8"


def test_each_line_of_a_request_tells_which_and_whose() -> None:
    """T23, T63: subject and actor apart, as soon as they are known; nothing outside of a request."""
    assert line("x").endswith(" x")
    scope: dict[str, Any] = {}
    with request_context.within(scope) as first:
        assert line("x").endswith(f" x request={first}")
        scope[request_context.CALLER] = Caller(12, Role.DRIVER, actor_id=7, actor_sign_in_id=3)
        try:
            raise ValueError("request=forged subject=1")
        except ValueError as error:
            said = line("a page says 'actor=1'", error=error)
        assert said.endswith(f" request={first} subject=12 actor=7")
        with request_context.within({}) as second:
            assert line("x").endswith(f" x request={second}")
        assert request_context.request_id() == first
    assert first != second
    assert request_context.request_id() == ""


def test_what_a_statement_was_given_is_not_in_its_error(database: Database) -> None:
    """T63: e-mail addresses, cards and hashes would be in each trace of a failed statement."""
    with pytest.raises(DBAPIError) as failed:
        database.ask_now(lambda db: db.execute(text("SELECT 1 FROM nowhere WHERE x = :x"), {"x": "04A1B2C3"}))
    assert "nowhere" in str(failed.value)
    assert "04A1B2C3" not in str(failed.value)


def test_the_log_is_written_in_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    """T63: also by the libraries that bring a handler of their own; uvicorn is not let set up one."""
    loggers = [
        logging.getLogger(name) for name in ("", "polaris", "engineio.server", "uvicorn", "python_multipart")
    ]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        loggers[2].addHandler(logging.StreamHandler())
        logs.configure("info")
        uvicorn.Config(lambda: None, **server_options(Settings(_env_file=None)))
        for logger in loggers[2:4]:
            logger.error("token=%s\nsecond line", "hunter2hunter2")
        logging.getLogger("python_multipart.multipart").warning("what anybody sends")
        said = capsys.readouterr().err.splitlines()
    finally:
        for logger, handlers, level, propagate in before:
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
        logging.captureWarnings(False)
    assert [line.split(" ", 1)[1] for line in said] == [
        "ERROR engineio.server token=…\\nsecond line",
        "ERROR uvicorn token=…\\nsecond line",
    ]
