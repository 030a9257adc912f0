"""A real mail server of a test's own, and certificates for it: trusted ones, and ones that nobody trusts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.waiting import until

USER, PASSWORD = "polaris", "pass/word @ mail"


@dataclass
class Mailbox:
    """What has arrived, and how it came."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refuse: str = ""
    """What RCPT is answered with instead of 250."""

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take, or refuse, a recipient."""
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.envelopes.append((str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos))))
        assert server.transport is not None
        self.over_tls.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Let the one user in."""
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        good = data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=good)

    async def letter(self, number: int = 1) -> EmailMessage:
        """The *number*th letter, as soon as it is there."""
        await until(lambda: len(self.letters) >= number)
        return self.letters[number - 1]


@asynccontextmanager
async def mailbox(
    certificate: Path | None = None, *, tls: bool = False, **options: Any
) -> AsyncIterator[Mailbox]:
    """The server, on a port of its own; with *certificate* it offers STARTTLS, or speaks *tls* at once."""
    box = Mailbox()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()

    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(
            made := SMTP(
                box,
                hostname="localhost",
                enable_SMTPUTF8=True,
                tls_context=None if tls else context,
                require_starttls=context is not None and not tls,
                authenticator=box.authenticate,
                auth_require_tls=not tls,
                loop=loop,
                **options,
            )
        )
        return made

    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if tls else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for one in sessions:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()
        await asyncio.sleep(0.02)  # until the transports have told so


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate for *name* with its key, and the authority that signed it, as files."""
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("authority", name)]
    files = []
    for own, text, is_authority in ((0, "authority", True), (1, name, False)):
        built = (
            x509.CertificateBuilder()
            .subject_name(names[own])
            .issuer_name(names[0])
            .public_key(keys[own].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(text.replace(" ", "-"))]), critical=False
            )
            .sign(keys[0], hashes.SHA256())
        )
        private = keys[own].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = folder / f"{text}.pem"
        path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
        files.append(path)
    return files[1], files[0]
