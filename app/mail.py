"""Mail by SMTP, to the configured server and no other (T48).

The server's certificate is verified, and a mail takes 15 seconds at most, whatever the server does: it
is spoken to in a thread, whose connection is cut then. What strangers wrote can't become a header, nor
another recipient (T47).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import smtplib
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from app import clock
from app.mail_server import MAIL_ADDRESS, MailServer, mail_server, sender
from app.settings import Settings

log = logging.getLogger("polaris.mail")

DEADLINE = 15.0
"""Seconds that a mail takes at most, from the connection to the server's last word."""
AT_ONCE = 2
"""Mails spoken at the same time."""
WAITING = 100
"""Mails that wait at most; one more is not taken."""


class NotMailed(Exception):
    """The mail was not taken; the text says why, without what was in it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, in plain text."""

    to: str
    subject: str
    text: str


class Mail:
    """The way out for letters of this process."""

    def __init__(self, settings: Settings) -> None:
        self._server = mail_server(settings.smtp_url) if settings.smtp_url else None
        self._from = sender(settings.mail_from) if self._server is not None else ("", "")
        self._context = ssl.create_default_context() if self._server is not None else None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._threads = ThreadPoolExecutor(2 * AT_ONCE, thread_name_prefix="mail")
        self._waiting = 0

    @property
    def configured(self) -> bool:
        """True if there is a mail server."""
        return self._server is not None

    async def send(self, letter: Letter) -> None:
        """Hand *letter* to the mail server. Raises `NotMailed` within 15 s of its turn."""
        if self._server is None or self._context is None:
            raise NotMailed("there is no mail server (POLARIS_SMTP_URL)")
        if self._waiting >= WAITING:
            raise NotMailed(f"{WAITING} mails are waiting already")
        self._waiting += 1
        try:
            attempt = _Attempt(self._server, self._context, self._from[1], letter.to, self._written(letter))
            async with self._turns:
                await self._spoken(attempt)
        except NotMailed as error:
            log.warning("mail failed reason=%r", str(error))
            raise
        finally:
            self._waiting -= 1
        log.info("mail handed over")

    def close(self) -> None:
        """Wait for the conversations that go on; none takes longer than the deadline."""
        self._threads.shutdown()

    async def _spoken(self, attempt: _Attempt) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await asyncio.get_running_loop().run_in_executor(self._threads, attempt.run)
        except TimeoutError as error:
            raise NotMailed(f"the server took longer than {DEADLINE:.0f} s") from error
        except ssl.SSLCertVerificationError as error:
            raise NotMailed(f"the server's certificate is not trusted: {error.verify_message}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise NotMailed("the server does not offer what this takes: " + str(error)) from error
        except smtplib.SMTPRecipientsRefused as error:
            (code, _), *_ = error.recipients.values()
            raise NotMailed(f"the server refused the address with {code}") from error
        except smtplib.SMTPResponseException as error:
            raise NotMailed(f"the server answered {error.smtp_code}") from error
        except (OSError, smtplib.SMTPException, UnicodeError, ValueError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            raise NotMailed(told or f"the conversation failed ({type(error).__name__})") from error
        finally:
            attempt.give_up()

    def _written(self, letter: Letter) -> EmailMessage:
        """The message of *letter*: only its text is free, everything else is checked or ours."""
        if not MAIL_ADDRESS.fullmatch(letter.to):
            raise NotMailed("mail can't be sent to an address like this")
        name, address = self._from
        message = EmailMessage()
        message["From"] = Address(_one_line(name), addr_spec=address)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = _one_line(letter.subject)
        message["Date"] = format_datetime(clock.now())
        message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence note comes back
        message.set_content(letter.text)
        return message


class _Attempt:
    """One conversation with the mail server, in a thread; `give_up` ends it from another one."""

    def __init__(
        self, server: MailServer, context: ssl.SSLContext, source: str, to: str, message: EmailMessage
    ) -> None:
        self._server = server
        self._context = context
        self._source = source
        self._to = to
        self._message = message
        self._lock = threading.Lock()
        self._given_up = False
        self._wire: socket.socket | None = None

    def run(self) -> None:
        """Speak. Raises `OSError` or `smtplib.SMTPException`."""
        server = self._server
        line = _Line(self, server, self._context, self._source.rpartition("@")[2])
        try:
            code, said = line.connect(server.host, server.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, said)
            line.ehlo_or_helo_if_needed()
            if not server.tls and not _is_plain(server):
                line.starttls(context=self._context)
                line.ehlo_or_helo_if_needed()
            if server.user:
                line.login(server.user, server.password)
            line.send_message(self._message, self._source, [self._to])
            with contextlib.suppress(OSError, smtplib.SMTPException):  # the mail is theirs already
                line.quit()
        finally:
            line.close()
            self._drop()

    def hold(self, wire: socket.socket) -> None:
        """Remember the connection, to cut it; raises `OSError` if nobody waits for it any more."""
        with self._lock:
            if self._given_up:
                wire.close()
                raise ConnectionAbortedError("given up")
            # A second descriptor: TLS takes the first one over, and reads would go on.
            self._wire = wire.dup()

    def give_up(self) -> None:
        """Cut the connection, if it still is there."""
        with self._lock:
            self._given_up = True
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            wire, self._wire = self._wire, None
        if wire is not None:
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()


class _Line(smtplib.SMTP):
    """A connection that `_Attempt` can cut at any moment, the TLS handshake included."""

    def __init__(self, attempt: _Attempt, server: MailServer, context: ssl.SSLContext, name: str) -> None:
        self._attempt = attempt
        self._tls = context if server.tls else None
        super().__init__(local_hostname=name, timeout=DEADLINE)
        self._host = server.host  # what the certificate has to name

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        wire = socket.create_connection((host, port), timeout)
        self._attempt.hold(wire)
        return wire if self._tls is None else self._tls.wrap_socket(wire, server_hostname=host)


def _is_plain(server: MailServer) -> bool:
    """True for a server on this very machine that asks for no password: nobody listens in between."""
    if server.user:
        return False
    try:
        return server.host == "localhost" or ipaddress.ip_address(server.host).is_loopback
    except ValueError:
        return False


def _one_line(text: str) -> str:
    """*text* without what a header could end at: line breaks, control characters (T47).

    Nor does it hold the beginning of an encoded word (RFC 2047): Python reads one where it is given a
    header, and some versions (CVE-2024-6923) write the line breaks in it as such.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text.replace("=?", "= ?")[:200]
