"""Every option, its default and its meaning: environment variables ``POLARIS_…`` or a file `.env`."""

from __future__ import annotations

import difflib
import ipaddress
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app import private_files
from app.mail_server import HOST_NAME, mail_server, sender

if TYPE_CHECKING:
    from data.database import Database

log = logging.getLogger("polaris")

PROGRAM = ".venv/bin/python main.py"
"""How the program is called: with the environment that the set-up made."""
PASSWORD = re.compile(r"(://[^:/@]*:).*@")
TOKEN = re.compile(r"[!-~]{16,}")


class WrongSettings(ValueError):
    """A setting can't be used; the text names it, its value and the remedy, a line each."""


class Settings(BaseSettings):
    """The settings of one process. Each field's description is what the README's table says."""

    model_config = SettingsConfigDict(
        env_prefix="POLARIS_", env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` for all of the machine.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; `0` takes a free one.")
    public_url: str | None = Field(
        None,
        description="The address that browsers use, such as `https://charge.example.org`. Without it: "
        "`http://HOST:PORT`. With `https` cookies are marked secure.",
    )
    extra_hosts: str = Field(
        "",
        description="Further host names under which requests are answered, separated by commas "
        "(chargers that use another name than drivers, for instance).",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks, separated by commas, whose `X-Forwarded-…` headers are believed.",
    )
    database_url: str = Field(
        "sqlite:///polaris-data/polaris.db",
        description="`sqlite:///FILE` (relative to the working folder; `sqlite:////…` is absolute) "
        "or `postgresql://USER:PASSWORD@HOST/NAME`.",
    )
    identity_providers: str = Field(
        "",
        description="TOML file with the OpenID Connect providers that people sign in by, a table each "
        "(see [identity providers](docs/identity-providers.md)).",
    )
    password_sign_in: str = Field(
        "auto",
        description="Whether people sign in with a password: `on`, `off`, or `auto` for off as soon as "
        "there are identity providers.",
    )
    smtp_url: str = Field(
        "",
        description="Mail server for invitations and new passwords, such as `smtp://USER:PASSWORD@HOST:587` "
        "(STARTTLS) or `smtps://USER:PASSWORD@HOST` (see [mail](docs/accounts.md#mail)). "
        "Without it operators pass links on themselves.",
    )
    mail_from: str = Field(
        "",
        validate_default=True,
        description="Sender of mails, such as `Polaris Express <charge@example.org>`; needed with "
        "`POLARIS_SMTP_URL`.",
    )
    machines: str = Field(
        "",
        description="Addresses or networks, separated by commas, that may ask for `/healthz` and `/metrics`. "
        "Without it: this machine alone, and nobody with `POLARIS_PUBLIC_URL` "
        "(see [operating](docs/operating.md#watching-it)).",
    )
    machines_token: str = Field(
        "",
        repr=False,
        description="Whoever sends it (`Authorization: Bearer …`) may ask for `/healthz` and `/metrics` from "
        "anywhere; at least 16 letters, digits and marks.",
    )
    backup_folder: str = Field(
        "",
        description="Where the console's button puts backups. Without it: the folder `backups` beside the "
        "SQLite file.",
    )
    log_level: str = Field("info", description="`debug`, `info`, `warning` or `error`.")
    default_time_zone: str = Field(
        "Europe/Berlin", description="IANA zone of a driver whose browser and account tell none."
    )
    pending_chargers: bool = Field(
        False, description="Let chargers with an unknown identity connect as pending, to be accepted later."
    )
    pending_chargers_limit: int = Field(
        50, ge=0, le=10_000, description="How many pending chargers are kept at most."
    )
    heartbeat_interval: int = Field(
        300, ge=10, le=86_400, description="Seconds between heartbeats that chargers are told to keep."
    )
    call_timeout: int = Field(
        30, ge=1, le=300, description="Seconds until a command to a charger counts as unanswered."
    )
    settle_after_minutes: int = Field(
        15,
        ge=1,
        le=10_080,
        description="Minutes for which nothing more has come about an ended session before it is billed.",
    )
    settle_incomplete_hours: int = Field(
        24,
        ge=1,
        le=2_160,
        description="Hours after which an ended session is billed, and flagged, although messages about it "
        "are missing.",
    )
    charger_frame_limit: int = Field(
        65_536, ge=4_096, le=1_048_576, description="Largest frame taken from a charger, in bytes."
    )
    sign_in_hours: int = Field(
        8,
        ge=1,
        le=24,
        description="Hours without use after which a driver's sign-in ends that is not remembered; "
        "a day after it began it ends in any case.",
    )
    sign_in_days: int = Field(
        30, ge=1, le=400, description="Days without use after which a driver's remembered sign-in ends."
    )
    sign_in_longest_days: int = Field(
        180, ge=1, le=400, description="Days after which a remembered sign-in ends in any case."
    )
    operator_idle_minutes: int = Field(
        30, ge=1, le=720, description="Minutes without use after which an operator's sign-in ends."
    )
    operator_hours: int = Field(
        12, ge=1, le=72, description="Hours after which an operator's sign-in ends in any case."
    )

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        remedy = "give scheme and host only, such as https://charge.example.org"
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError as error:
            raise ValueError(remedy) from error
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError(remedy)
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(remedy)
        return value.rstrip("/")

    @field_validator("extra_hosts")
    @classmethod
    def _extra_hosts(cls, value: str) -> str:
        for name in _listed(value):
            if not HOST_NAME.fullmatch(name):
                raise ValueError("give host names without scheme and port, such as ocpp.example.org")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        scheme, separator, rest = value.partition("://")
        if not separator or scheme.split("+", 1)[0] not in ("sqlite", "postgresql", "postgres"):
            raise ValueError("give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        if scheme == "sqlite" and (not rest.startswith("/") or not rest.strip("/") or ":memory:" in rest):
            raise ValueError("name a file after three slashes, such as sqlite:///polaris-data/polaris.db")
        if scheme != "sqlite":
            try:
                named = urlsplit(value).port != 0 and urlsplit(value).path.strip("/")
            except ValueError:
                named = ""
            if not named:
                raise ValueError("name host and database, such as postgresql://USER:PASSWORD@HOST/NAME")
        return value.replace("postgres://", "postgresql://", 1)

    @field_validator("password_sign_in")
    @classmethod
    def _password_sign_in(cls, value: str) -> str:
        if value.lower() not in ("auto", "on", "off"):
            raise ValueError("give auto, on or off")
        return value.lower()

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url(cls, value: str) -> str:
        if value:
            mail_server(value)
        return value

    @field_validator("mail_from")
    @classmethod
    def _mail_from(cls, value: str, info: ValidationInfo) -> str:
        if value or info.data.get("smtp_url"):
            sender(value)
        return value

    @field_validator("log_level")
    @classmethod
    def _log_level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("give debug, info, warning or error")
        return value.lower()

    @field_validator("default_time_zone")
    @classmethod
    def _default_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError("give an IANA name such as Europe/Berlin") from error
        return value

    @field_validator("trusted_proxies", "machines")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in _listed(value):
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError as error:
                raise ValueError("give addresses or networks such as 10.0.0.2 or 10.0.0.0/8") from error
        return value

    @field_validator("machines")
    @classmethod
    def _machines(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("public_url") and any(
            ipaddress.ip_network(part, strict=False).is_loopback for part in _listed(value)
        ):
            raise ValueError(
                "behind a proxy, which POLARIS_PUBLIC_URL says there is, everybody comes from this machine; "
                "give POLARIS_MACHINES_TOKEN instead"
            )
        return value

    @field_validator("machines_token")
    @classmethod
    def _machines_token(cls, value: str) -> str:
        if value and not TOKEN.fullmatch(value):
            raise ValueError(
                "give at least 16 letters, digits and marks, such as `openssl rand -hex 24` makes"
            )
        return value

    @property
    def secure(self) -> bool:
        """True if browsers reach the portal over TLS."""
        return self.public_url is not None and self.public_url.startswith("https:")

    @property
    def address(self) -> str:
        """Where browsers reach the portal, as far as the settings tell, without a slash at the end."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def public_host(self) -> str | None:
        """The host name that browsers use, where the settings tell it."""
        return urlsplit(self.public_url or "").hostname

    @property
    def hosts(self) -> frozenset[str]:
        """Host names under which requests are answered, without ports, lower case."""
        names = {self.host.lower(), "127.0.0.1", "localhost", "[::1]", "::1"}
        if self.public_url is not None:
            # Behind its public address the portal answers to that one alone, and to this machine.
            names.add((self.public_host or "").lower())
        names.update(name.lower() for name in _listed(self.extra_hosts))
        return frozenset(names)


def password_sign_in(settings: Settings) -> bool:
    """True if people may sign in with a password (T22).

    A link that a command on the server makes signs an operator in all the same.
    """
    said = settings.password_sign_in
    return said == "on" or (said == "auto" and not settings.identity_providers)


def _unknown() -> list[str]:
    """A line for each name that looks like a setting and is none: a slip would go unnoticed otherwise."""
    known = _names()
    named = {*os.environ, *(dotenv_values(".env") if Path(".env").is_file() else ())}
    lines = []
    for name in sorted(name for name in named if name.upper().startswith("POLARIS_")):
        if name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), known, 1)
            lines.append(f"{name}: there is no such setting" + (f"; is {close[0]} meant?" if close else ""))
    return lines


def _careless() -> list[str]:
    """A line for each secret that is none: others can read it, or it was copied from an example (T62)."""
    file = Path(".env")
    of_file = dotenv_values(file) if file.is_file() else {}
    ours = {name: value for name, value in {**of_file, **os.environ}.items() if name.upper() in _names()}
    return [*(private_files.complaints(file, of_file) if of_file else ()), *private_files.examples(ours)]


def _names() -> set[str]:
    return {f"POLARIS_{name.upper()}" for name in Settings.model_fields}


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def load(**overrides: Any) -> Settings:
    """The settings of the environment. Raises `WrongSettings`."""
    if wrong := [*_unknown(), *_careless()]:
        raise WrongSettings("\n".join(wrong))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            value = "***" if name.endswith("_token") else PASSWORD.sub(r"\1***@", str(problem["input"]))
            lines.append(f"POLARIS_{name.upper()}={value!r}: {message}")
        raise WrongSettings("\n".join(lines)) from None


def open_database(settings: Settings) -> Database:
    """The database of *settings*; makes a SQLite file, for this user alone. Raises `DatabaseUnavailable`."""
    # Imported here: a wrong setting is told before anything large is loaded.
    from data.database import Database
    from data.engines import DatabaseUnavailable

    prefix = "sqlite:///"
    if settings.database_url.startswith(prefix):
        path = Path(settings.database_url.removeprefix(prefix)).absolute()
        try:
            private_files.make(path)
        except OSError as error:
            raise DatabaseUnavailable(
                f"POLARIS_DATABASE_URL={settings.database_url}: the file {path} can't be made "
                f"({error.strerror}); name another file, or give its folder to this user"
            ) from error
        if private_files.is_open(path):
            log.warning("others on this machine can read the database %s; run: chmod 600 %s", path, path)
    return Database(settings.database_url)
