"""What the settings say of the mail server, and which addresses mail is sent from and to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import getaddresses
from urllib.parse import SplitResult, unquote, urlsplit

HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""An address that mail is sent from or to: what HTML calls valid, none of which means anything to SMTP."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """What `POLARIS_SMTP_URL` says."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte (RFC 8314); else STARTTLS (RFC 3207)."""
    user: str
    password: str = field(repr=False)


def mail_server(url: str) -> MailServer:
    """The server of *url*. Raises `ValueError`, whose text is the remedy."""
    remedy = "give smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, escaped as in addresses"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(remedy) from error
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0:
        raise ValueError(remedy)
    if parts.path.strip("/") or parts.query or parts.fragment or not HOST_NAME.fullmatch(_host(parts)):
        raise ValueError(remedy)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password) or not (user + password).isprintable():
        raise ValueError(remedy)
    tls = parts.scheme == "smtps"
    return MailServer(parts.hostname, port or (465 if tls else 587), tls, user, password)


def sender(text: str) -> tuple[str, str]:
    """Name and address of *text*. Raises `ValueError`, whose text is the remedy."""
    (name, address), *more = getaddresses([text]) or [("", "")]
    if more or not MAIL_ADDRESS.fullmatch(address) or not text.isprintable():
        raise ValueError("give an address, with a name or without: Polaris Express <charge@example.org>")
    return name, address


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host
