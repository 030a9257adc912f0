"""Mail by SMTP, spoken to a real server: T47, T48, T63."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from app import mail as module
from app.mail import Letter, Mail, NotMailed
from app.mail_server import mail_server
from app.settings import Settings
from tests.app.mailbox import PASSWORD, USER, Mailbox, certificate, mailbox

LETTER = Letter("dana@example.org", "Your invitation", "Hello Dana,\n\n.\nhttps://x.example/ä\n")
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"


def mail(box: Mailbox, *, scheme: str = "smtp", login: str = LOGIN, host: str = "localhost") -> Mail:
    """The way to *box*."""
    url = f"{scheme}://{login}{'@' * bool(login)}{host}:{box.port}"
    return Mail(Settings(smtp_url=url, mail_from="Polaris <charge@example.org>", _env_file=None))  # type: ignore[call-arg]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for localhost whose authority this machine trusts."""
    own, authority = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return own


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_letter_arrives_over_tls_with_name_and_password(trusted: Path, scheme: str) -> None:
    """T48: STARTTLS (RFC 3207) or TLS from the start (RFC 8314); the text as it was written."""
    async with mailbox(trusted, tls=scheme == "smtps") as box:
        await mail(box, scheme=scheme).send(LETTER)
    (letter,) = box.letters
    assert box.envelopes == [("charge@example.org", ("dana@example.org",))]
    assert (box.over_tls, box.users) == ([True], [USER])
    assert letter.get_content().replace("\r\n", "\n") == LETTER.text
    assert letter["From"] == "Polaris <charge@example.org>"
    assert (letter["To"], letter["Subject"]) == (LETTER.to, LETTER.subject)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].endswith("@example.org>")
    assert letter["Date"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, scheme: str) -> None:
    """T48: before a name or a password is told."""
    own, _ = certificate(tmp_path)
    async with mailbox(own, tls=scheme == "smtps") as box:
        with pytest.raises(NotMailed, match="certificate is not trusted"):
            await mail(box, scheme=scheme).send(LETTER)
    assert (box.letters, box.users) == ([], [])


async def test_a_certificate_of_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T48: one that a known authority has given to somebody else is no proof."""
    own, authority = certificate(tmp_path, "mail.elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with mailbox(own) as box:
        with pytest.raises(NotMailed, match="certificate is not trusted"):
            await mail(box).send(LETTER)
    assert box.users == []


async def test_without_tls_no_password_is_told() -> None:
    """T48: somebody in between who takes STARTTLS away learns nothing. A relay on this machine needs none."""
    async with mailbox() as box:
        with pytest.raises(NotMailed, match="STARTTLS"):
            await mail(box).send(LETTER)
        assert (box.letters, box.users) == ([], [])
        await mail(box, login="", host="127.0.0.1").send(LETTER)
    assert box.over_tls == [False]


HOSTILE = [
    "Dana\r\nBcc: everybody@example.org",
    "Dana\nTo: everybody@example.org",
    "Dana\r\n\r\n<h1>another body</h1>",
    "Dana\u2028Bcc: everybody@example.org",
    "Dana\x0bBcc: everybody@example.org\x85X: y",
    "=?utf-8?q?Dana=0D=0ABcc:_everybody@example.org?=",
    "Dana\x00\x1b[31m\u202e",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_becomes_a_header(text: str) -> None:
    """T47: neither a subject nor a sender's name."""
    async with mailbox() as box:
        await mail(box, login="").send(Letter("dana@example.org", f"Hello {text}", text))
    (letter,) = box.letters
    assert box.envelopes == [("charge@example.org", ("dana@example.org",))]
    names = ["from", "to", "subject", "date", "message-id", "auto-submitted"]
    mime = ["content-type", "content-transfer-encoding", "mime-version"]
    assert sorted(name.lower() for name in letter) == sorted([*names, *mime])
    assert not set("\r\n\x00\x1b\x85\u2028\u202e") & set(letter["Subject"])


@pytest.mark.parametrize(
    "to",
    [
        "dana@example.org\r\nRCPT TO:<everybody@example.org>",
        "dana@example.org> NOTIFY=SUCCESS\r\nX:",
        "dana@example.org,everybody@example.org",
        "Dana <dana@example.org>",
        "<dana@example.org>",
        "dana@example.org ",
        "dana",
        "",
    ],
)
async def test_no_address_becomes_two(to: str) -> None:
    """T47: what is more than one plain address is sent nothing, and nobody is asked."""
    async with mailbox() as box:
        with pytest.raises(NotMailed, match="address"):
            await mail(box, login="").send(Letter(to, "Hello", "Hello"))
    assert box.letters == []


async def test_a_server_that_refuses_is_told_without_what_was_in_the_letter(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """T63: the operator reads why; the log names neither people nor the password nor the letter."""
    caplog.set_level("DEBUG", logger="polaris")
    async with mailbox() as box:
        box.refuse = "550 no such dana@example.org here"
        with pytest.raises(NotMailed, match="refused the address with 550"):
            await mail(box, login="").send(LETTER)
    with pytest.raises(NotMailed):  # nobody listens there any more
        await mail(box).send(LETTER)
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "550" in said
    for secret in ("dana", PASSWORD, "x.example"):
        assert secret not in said


@pytest.fixture
async def dripping() -> AsyncIterator[int]:
    """The port of a server that says one byte of its greeting every fifth of a second, for ever."""
    ended = asyncio.Event()
    talks: set[asyncio.Task[None]] = set()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while not ended.is_set():
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.2)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(drip(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    ended.set()
    await asyncio.gather(*talks)


@pytest.mark.alone
async def test_a_dripping_server_holds_nobody(dripping: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """T48: the whole conversation has one deadline, the TLS handshake included, and its thread ends then."""
    monkeypatch.setattr(module, "DEADLINE", 1.0)
    ways = [mail(Mailbox(dripping), scheme=scheme) for scheme in ("smtp", "smtps")]
    started = time.monotonic()
    sending = [way.send(LETTER) for way in ways for _ in range(2)]
    outcomes = await asyncio.gather(*sending, return_exceptions=True)
    assert time.monotonic() - started < 2
    assert [type(one) for one in outcomes] == [NotMailed] * 4
    for way in ways:
        await asyncio.to_thread(way.close)  # waits for the threads
    assert time.monotonic() - started < 2.5


async def test_only_so_many_letters_wait(dripping: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server that is down fills no memory."""
    monkeypatch.setattr(module, "DEADLINE", 0.3)
    monkeypatch.setattr(module, "WAITING", 3)
    way = mail(Mailbox(dripping))
    outcomes = await asyncio.gather(*(way.send(LETTER) for _ in range(5)), return_exceptions=True)
    assert sum("are waiting already" in str(one) for one in outcomes) == 2


WRONG = [
    "http://mail.example.org",
    "smtp://",
    "smtp://mail.example.org:99999",
    "smtp://user@mail.example.org",
    "smtp://:secret@mail.example.org",
    "smtp://user:a%0d%0ab@mail.example.org",
    "smtp://mail.example.org/x",
    "smtp://mail.example.org?tls=no",
    "smtp://mail example.org",
]


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_mail_server_ends_the_start(url: str) -> None:
    """With the remedy, and without the password."""
    with pytest.raises(ValueError, match="smtp://USER:PASSWORD@HOST:587"):
        mail_server(url)


def test_mail_needs_a_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two settings go together, and a sender is one plain address."""
    for sender in ("", "nobody", "a@b\r\nBcc: c@d", "a@b, c@d"):
        with pytest.raises(ValueError, match="mail_from"):
            Settings(smtp_url="smtp://mail.example.org", mail_from=sender, _env_file=None)  # type: ignore[call-arg]
