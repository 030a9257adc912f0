"""T63: one line an event, control characters escaped, no secrets."""

from __future__ import annotations

import logging
import sys

import pytest

from app.logs import OneLine, clean, masked


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
    ("text", "secret"),
    [
        ("GET /welcome/aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-aB3dE6gH9-x 200", "aB3dE6gH9"),
        ("authorization: Basic Q1AxOmh1bnRlcjI=", "Q1AxOmh1bnRlcjI"),
        ("Authorization='Bearer abc.def-ghi'", "abc.def"),
        ("cookie: theme=x; __Host-polaris=aB3dE6gH9aB3dE6gH9aB3dE6gH9; y", "aB3dE6gH9"),
        ("{'password': 'hunter2', 'x': 1}", "hunter2"),
        ("password=hunter2&x=1", "hunter2"),
        ("token: hunter2", "hunter2"),
        ("socket ?client_id=0f8fad5b-d9cb-469f-a165-70867728950e&x", "0f8fad5b"),
        ("can't reach postgresql+psycopg://polaris:hunter2@db/polaris", "hunter2"),
    ],
)
def test_secrets_are_left_out(text: str, secret: str) -> None:
    """T38, T63: also where a library says them."""
    assert secret not in clean(text)
    assert "…" in clean(text)


def test_an_id_tag_is_masked() -> None:
    """T63: a full id tag is what one charges with."""
    assert masked("04A1B2C3D4E5F6") == "04…F6"
    assert masked("ABC123") == "…"


def test_ordinary_text_stays() -> None:
    """Umlauts, numbers and addresses are no secrets."""
    text = "Ladepunkt „Hafen Süd“ 12:04 10.0.0.7 http://127.0.0.1:8080/?period=year → ok"
    assert clean(text) == text
    assert sys.getdefaultencoding() == "utf-8"
