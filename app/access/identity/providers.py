"""The file that names the identity providers (`POLARIS_IDENTITY_PROVIDERS`): one TOML table each."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from app.settings import WrongSettings

KEY = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
"""Of a table: it is part of the callback address."""
TOKEN_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
PLACEHOLDERS = re.compile(
    r"(my|your|the|top|super|client|oidc|a)*(secret|key|password|passwort)(here)?|change(me|it)|replace(me|it)"
    r"|admin|example|test|testing|default|placeholder|todo|none|null"
)
"""Secrets that nobody chose (T62), compared without case and punctuation."""


class WrongProviders(WrongSettings):
    """The providers' file can't be used; the text names file, provider, key and remedy."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One identity provider, as its table says."""

    key: str
    """The table's name; part of addresses and of rows, so it stays."""
    label: str
    """For people."""
    issuer: str
    """Exactly as the provider writes it (T11)."""
    client_id: str
    client_secret: str | None = field(repr=False)
    """``None`` for a public client, which only PKCE protects."""
    token_auth_method: str | None
    """How the secret is shown; ``None``: as the provider's discovery document says."""
    scopes: str
    operator_claim: str | None
    """Claim that tells operators: a name, or dotted into nested ones."""
    operator_value: str | bool | None
    """What that claim is, or holds, for an operator."""
    unknown_drivers: bool
    """Whether an unknown person may come in as a driver."""
    link_by_email: bool
    """Whether a verified e-mail address leads to the account that has it (T12)."""
    hosts: frozenset[str]
    """Hosts as `place` writes them, beside the issuer's, that its documents may name (T48)."""


def load(path: Path) -> dict[str, Provider]:
    """The providers of the file *path*, by key and in its order. Raises `WrongProviders`."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise WrongProviders(
            f"POLARIS_IDENTITY_PROVIDERS={path}: the file can't be read ({error.strerror}); "
            "name one that exists, or take the setting away"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongProviders(f"{path}: this is not TOML ({error}); write one table a provider") from error
    found: dict[str, Provider] = {}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise WrongProviders(f"{path}: {key} stands outside of a table; write [name] before it")
        if not KEY.fullmatch(key):
            raise WrongProviders(
                f"{path}: [{key}] is part of an address; name it with up to 40 of a-z, 0-9 and -"
            )
        if "client_secret" in table:
            _refuse_open(path, mode, f"{path}: [{key}] client_secret")
        found[key] = _Table(path, key, table).provider()
    issuers: dict[tuple[str, str], str] = {}
    for one in found.values():
        other = issuers.setdefault((one.issuer, one.client_id), one.key)
        if other != one.key:
            raise WrongProviders(f"{path}: [{one.key}] is the same client as [{other}]; take one away")
    return found


def place(address: str) -> str:
    """``host:port`` of *address*, lower case; without a port the scheme's. Raises `ValueError`."""
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError("no host")
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.hostname.lower()}:{port}"


def is_loopback(host: str | None) -> bool:
    """True if *host*, of an address, is this machine."""
    if host is None:
        return False
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refused(address: str) -> str | None:
    """Why *address* is none that a provider may have, or ``None`` if it is well (T48)."""
    if any(character <= " " or character == "\\" or character >= "\x7f" for character in address):
        return "it holds characters that no address has"
    try:
        parts = urlsplit(address)
        place(address)
    except ValueError:
        return "it is no address"
    if _is_unsafe(parts):
        return "it is not https"
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return "it holds a user name"
    if "#" in address:
        return "it holds a fragment"
    return None


def _is_unsafe(parts: SplitResult) -> bool:
    return parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))


def _refuse_open(path: Path, mode: int, where: str) -> None:
    """A secret that others on this machine can read, or write, is none (T62)."""
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise WrongProviders(
            f"{where}: others on this machine may open {path} (mode {stat.S_IMODE(mode):04o}); "
            f"run: chmod 600 {path}"
        )


class _Table:
    """One provider's table; each method raises `WrongProviders`."""

    def __init__(self, path: Path, key: str, table: dict[str, Any]) -> None:
        self._path = path
        self._key = key
        self._table = table

    def provider(self) -> Provider:
        self._refuse_unknown()
        claim, value = self._text("operator_claim", None), self._operator_value()
        if (claim is None) != (value is None):
            missing = "operator_value" if value is None else "operator_claim"
            raise self._wrong(missing, "give operator_claim and operator_value, or neither")
        method = self._text("token_auth_method", None)
        if method is not None and method not in TOKEN_AUTH_METHODS:
            raise self._wrong("token_auth_method", f"give one of {', '.join(TOKEN_AUTH_METHODS)}")
        secret = self._secret()
        if (secret is None and method in TOKEN_AUTH_METHODS[:2]) or (secret is not None and method == "none"):
            raise self._wrong("token_auth_method", f"{method} does not go with the client's secret")
        return Provider(
            key=self._key,
            label=self._text("label", self._key) or self._key,
            issuer=self._issuer(),
            client_id=self._wanted("client_id"),
            client_secret=secret,
            token_auth_method=method,
            scopes=self._scopes(),
            operator_claim=claim,
            operator_value=value,
            unknown_drivers=self._flag("unknown_drivers"),
            link_by_email=self._flag("link_by_email"),
            hosts=self._hosts(),
        )

    def _refuse_unknown(self) -> None:
        known = {one.name for one in fields(Provider)} - {"key"} | {"client_secret_file"}
        for name in self._table:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                raise self._wrong(
                    name, "there is no such key" + (f"; is {close[0]} meant?" if close else "; take it away")
                )

    def _issuer(self) -> str:
        issuer = self._wanted("issuer")
        if why := refused(issuer):
            raise self._wrong("issuer", f"{why}; give its https address, such as https://login.example.org")
        if "?" in issuer or len(issuer) > 255:
            raise self._wrong("issuer", "an issuer has no query and at most 255 characters")
        if issuer.endswith("/.well-known/openid-configuration"):
            raise self._wrong("issuer", "leave out /.well-known/openid-configuration")
        return issuer

    def _secret(self) -> str | None:
        name = "client_secret"
        secret = self._text(name, None)
        if (file := self._text("client_secret_file", None)) is not None:
            if secret is not None:
                raise self._wrong("client_secret_file", "give it or client_secret, not both")
            name, path = "client_secret_file", self._path.parent / file
            try:
                _refuse_open(path, path.stat().st_mode, f"{self._path}: [{self._key}] {name}")
                secret = path.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise self._wrong(name, f"{path} can't be read ({error}); name a text file") from error
            if not secret:
                raise self._wrong(name, f"{path} is empty; write the secret into it")
        if secret is not None and _is_placeholder(secret):
            raise self._wrong(name, "this is a placeholder; give the secret that the provider made")
        return secret

    def _scopes(self) -> str:
        scopes = self._text("scopes", "openid email profile") or ""
        if "openid" not in scopes.split():
            raise self._wrong("scopes", "openid has to be among them, or nobody is told apart")
        return " ".join(scopes.split())

    def _operator_value(self) -> str | bool | None:
        value = self._table.get("operator_value")
        return value if isinstance(value, bool) else self._text("operator_value", None)

    def _hosts(self) -> frozenset[str]:
        hosts = self._table.get("hosts", [])
        remedy = 'give a list of hosts, such as ["keys.example.org", "login.example.org:8443"]'
        if not isinstance(hosts, list):
            raise self._wrong("hosts", remedy)
        places = set()
        for host in hosts:
            if not isinstance(host, str) or not re.fullmatch(
                r"[\w.-]+(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?", host
            ):
                raise self._wrong("hosts", remedy)
            try:
                places.add(place(f"https://{host}"))
            except ValueError as error:
                raise self._wrong("hosts", remedy) from error
        return frozenset(places)

    def _flag(self, name: str) -> bool:
        value = self._table.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "give true or false")
        return value

    def _wanted(self, name: str) -> str:
        value = self._text(name, None)
        if value is None:
            raise self._wrong(name, f'it is missing; write {name} = "…"')
        return value

    def _text(self, name: str, default: str | None) -> str | None:
        value = self._table.get(name, default)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self._wrong(name, "give a text in quotes, on one line and not empty")
        return value.strip()

    def _wrong(self, name: str, remedy: str) -> WrongProviders:
        return WrongProviders(f"{self._path}: [{self._key}] {name}: {remedy}")


def _is_placeholder(secret: str) -> bool:
    plain = re.sub(r"[^a-z0-9]", "", secret.lower())
    return (
        PLACEHOLDERS.fullmatch(plain) is not None
        or secret.startswith("<")
        or "…" in secret
        or len(set(secret)) == 1
    )
