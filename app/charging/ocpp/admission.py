"""Who may connect to the OCPP endpoint: decided before the handshake completes (C2, T49, T50)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, func, insert, select

from app.charging.ocpp.line import Pace
from app.charging.ocpp.refusals import Refusals, Why
from app.settings import Settings
from data.database import Change, Database
from data.models import Charger, Site
from data.types import Admission

IDENTITY_LIMIT = 255
PENDING_IDENTITY_LIMIT = 48
"""Of a charger that we don't know: what OCPP allows."""
REMEMBERED_FAILURES = 1_000
FAILURES = 10
"""Wrong passwords that a charger's address may try at once; one more every six seconds (T19)."""
FAILURES_PER_SECOND = 10 / 60


class Denied(Exception):
    """The connection is refused with this HTTP status; the text is for the log, *why* for the operator."""

    def __init__(self, status: int, reason: str, why: Why = Why.UNKNOWN) -> None:
        super().__init__(reason)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Admitted:
    """A charger that may talk to us."""

    charger_id: int
    identity: str
    zone: str
    pending: bool
    password_hash: str | None
    """What its password was checked against."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the operator has decided about a charger."""

    admission: Admission
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    password_hash: str | None
    admission: Admission
    zone: str


class Gate:
    """Decides on connections. Secrets that were verified once are remembered as keyed hashes.

    Chargers reconnect in herds, and argon2 is meant to be slow: it runs in two threads, once for
    each pair of stored hash and secret, right or wrong.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._key = secrets.token_bytes(32)
        self._right: dict[int, tuple[str, bytes]] = {}
        self._wrong: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._running: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        self._paces: OrderedDict[tuple[int, str], Pace] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="verify")
        self.verifications = 0
        """How often argon2 was run."""
        self.refusals = Refusals()

    async def admit(self, identity: str, authorization: str | None, address: str = "") -> Admitted:
        """The charger *identity* with the header *authorization*, that connects from *address*.

        Raises `Denied` with 401, 403, 404 or 429.
        """
        try:
            return await self._admit(identity, authorization, address)
        except Denied as denied:
            self.refusals.note(identity, address, denied.why)
            raise

    async def _admit(self, identity: str, authorization: str | None, address: str) -> Admitted:
        if not 0 < len(identity) <= IDENTITY_LIMIT or not identity.isprintable():
            raise Denied(404, "no usable identity")
        known = await self._database.ask(_find, identity)
        if known is None:
            known = await self._let_in(identity)
        if known.admission is Admission.BLOCKED:
            raise Denied(403, "blocked by the operator", Why.BLOCKED)
        if known.password_hash is not None:
            secret = _secret(identity, authorization)
            if secret is None:
                raise Denied(401, "no usable credentials", Why.NO_PASSWORD)
            if not await self._verify(known.id, known.password_hash, secret, address):
                raise Denied(401, "wrong password", Why.WRONG_PASSWORD)
        return Admitted(
            known.id,
            identity,
            known.zone,
            known.admission is Admission.PENDING,
            known.password_hash,
        )

    async def decided(self, charger_id: int) -> Decided | None:
        """What is decided about *charger_id* right now; None if it is gone."""
        return await self._database.ask(_decided, charger_id)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _verify(self, charger_id: int, password_hash: str, secret: bytes, address: str) -> bool:
        digest = hmac.digest(self._key, hashlib.sha256(secret).digest(), "sha256")
        right = self._right.get(charger_id)
        if right is not None and right[0] == password_hash and hmac.compare_digest(right[1], digest):
            return True
        if (password_hash, digest) in self._wrong:
            return False
        running = self._running.get((password_hash, digest))
        if running is None:
            # Each wrong secret that is new costs an argon2: they are counted by charger and address,
            # so that nobody can keep the charger itself out; and before it is known that they are
            # wrong, for many could be tried at the same time.
            pace = self._paces.setdefault(
                (charger_id, _network(address)), Pace(FAILURES_PER_SECOND, FAILURES)
            )
            if pace.late:
                raise Denied(429, "too many wrong passwords", Why.TOO_MANY)
            pace.take()
            running = asyncio.create_task(self._hash(charger_id, password_hash, secret, digest))
            self._running[password_hash, digest] = running
        return await asyncio.shield(running)

    async def _hash(self, charger_id: int, password_hash: str, secret: bytes, digest: bytes) -> bool:
        self.verifications += 1
        loop = asyncio.get_running_loop()
        try:
            right = await loop.run_in_executor(self._threads, _matches, password_hash, secret)
        finally:
            del self._running[password_hash, digest]
        if right:
            self._right[charger_id] = (password_hash, digest)
            for key in [key for key in self._paces if key[0] == charger_id]:
                del self._paces[key]
        else:
            self._wrong[password_hash, digest] = None
        for remembered in (self._wrong, self._paces):
            while len(remembered) > REMEMBERED_FAILURES:
                remembered.popitem(last=False)
        return right

    async def _let_in(self, identity: str) -> _Known:
        if not self._settings.pending_chargers or len(identity) > PENDING_IDENTITY_LIMIT:
            raise Denied(404, "unknown")
        known = await self._database.change(
            _add_pending,
            identity,
            self._settings.pending_chargers_limit,
            self._settings.default_time_zone,
        )
        if known is None:
            raise Denied(404, "unknown, and no more pending chargers are taken")
        return known


def _find(db: Connection, identity: str) -> _Known | None:
    row = db.execute(
        select(Charger.id, Charger.password_hash, Charger.admission, Site.time_zone)
        .join(Site, Site.id == Charger.site_id)
        .where(Charger.identity == identity)
    ).one_or_none()
    return None if row is None else _Known(*row)


def _decided(db: Connection, charger_id: int) -> Decided | None:
    row = db.execute(
        select(Charger.admission, Charger.password_hash).where(Charger.id == charger_id)
    ).one_or_none()
    return None if row is None else Decided(*row)


def _add_pending(change: Change, identity: str, limit: int, zone: str) -> _Known | None:
    db = change.connection
    if (known := _find(db, identity)) is not None:
        return known
    if db.scalars(select(func.count()).where(Charger.admission == Admission.PENDING)).one() >= limit:
        return None
    site = db.execute(select(Site.id).order_by(Site.id).limit(1)).scalar()
    if site is None:
        key = change.execute(insert(Site).values(name="New site", time_zone=zone)).inserted_primary_key
        assert key is not None
        site = key[0]
    change.execute(
        insert(Charger).values(
            identity=identity,
            name=identity,
            site_id=site,
            admission=Admission.PENDING,
            visible_to_all=False,
        )
    )
    return _find(change.connection, identity)


def _secret(identity: str, authorization: str | None) -> bytes | None:
    """The password of Basic *authorization*, if its user name is *identity* (T50). Not always text."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    encoded = encoded.strip()
    try:
        credentials = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    user = identity.encode() + b":"
    # The identity may hold a colon itself: it is known, so nothing needs to be split.
    return credentials[len(user) :] if credentials.startswith(user) else None


def _network(address: str) -> str:
    """*address*, or of an IPv6 address its /64: one customer has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


def _matches(password_hash: str, secret: bytes) -> bool:
    try:
        return PasswordHasher().verify(password_hash, secret)
    except (VerificationError, InvalidHashError):
        return False
