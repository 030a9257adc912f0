"""An identity provider that is honest until it is told to lie: a real HTTP server on a free port."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import httpx
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

CLIENT = "polaris"
CLIENT_SECRET = "p4ssed by hand: +/%&"
"""With characters that RFC 6749 §2.3.1 wants encoded."""
DISCOVERY = "/.well-known/openid-configuration"

Sign = Callable[[dict[str, Any], dict[str, Any]], str]


def key_pair(algorithm: str = "RS256", number: int = 1) -> Key:
    """A private key for *algorithm*; the same one each time."""
    return _made(algorithm, number)


@functools.cache
def _made(algorithm: str, number: int) -> Key:
    parameters: Any = {"kid": f"{algorithm}-{number}"}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters)
    if algorithm in ("EdDSA", "Ed25519"):
        return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


def segment(value: object) -> str:
    """A part of a token."""
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token that says that it needs no signature."""
    return f"{segment({**header, 'alg': 'none'})}.{segment(claims)}."


def confused(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token whose HMAC key is the text of the public key, which everybody has."""
    text = f"{segment({**header, 'alg': 'HS256'})}.{segment(claims)}"
    digest = hmac.digest(key_pair().as_pem(private=False), text.encode(), hashlib.sha256)
    return f"{text}.{_encoded(digest)}"


def signed_by(algorithm: str, number: int = 1, **header: Any) -> Sign:
    """A signer with another key, or other words in the header (``None`` leaves one out)."""

    def sign(usual: dict[str, Any], claims: dict[str, Any]) -> str:
        key = key_pair(algorithm, number)
        told = _merged({**usual, "alg": algorithm, "kid": key.kid}, header)
        if isinstance(key, OKPKey):  # joserfc warns that EdDSA has a new name
            text = f"{segment(told)}.{segment(claims)}"
            return f"{text}.{_encoded(key.get_op_key('sign').sign(text.encode()))}"
        return jwt.encode(told, claims, key, [algorithm], default_type=None)

    return sign


@functools.cache
def weak() -> tuple[str, Sign]:
    """The modulus of an RSA key of 1024 bits, and a signer with it."""
    key = rsa.generate_private_key(65537, 1024)

    def sign(header: dict[str, Any], claims: dict[str, Any]) -> str:
        text = f"{segment({'alg': 'RS256', 'kid': key_pair().kid})}.{segment(claims)}"
        return f"{text}.{_encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    return _encoded(key.public_key().public_numbers().n.to_bytes(128)), sign


@dataclass
class Lies:
    """What is not as it should be. A value of ``None`` takes the thing away."""

    discovery: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    """Of the token endpoint."""
    userinfo: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    """Of each published key."""
    sign: Sign = field(default_factory=lambda: signed_by("RS256"))
    pages: dict[str, str] = field(default_factory=dict)
    """For each path one of: huge, zipped, drip, stall, redirect, not json, list, 500, 404, 429."""


def _merged(true: dict[str, Any], lies: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**true, **lies}.items() if value is not None}


class Hostile:
    """The provider. Change `lies`, `person` and `published` between requests."""

    def __init__(self) -> None:
        self.lies = Lies()
        self.person: dict[str, Any] = {
            "sub": "person-1",
            "email": "Ada@Example.org",
            "email_verified": True,
            "name": "Ada",
            "locale": "de-CH",
            "zoneinfo": "Europe/Zurich",
            "sid": "session-1",
        }
        self.published: list[Key] = [key_pair()]
        self.asked: list[str] = []
        """Paths of the requests."""
        self.callback_issuer = True
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self.issuer = ""

    def starlette(self) -> Starlette:
        routes = {
            DISCOVERY: self._discovery,
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
            "/keys": self._keys,
        }
        return Starlette(
            routes=[
                Route(path, self._page(path, answer), methods=["GET", "POST"])
                for path, answer in routes.items()
            ]
        )

    async def visit(self, address: str) -> QueryParams:
        """What a browser that follows *address* brings back to the callback address."""
        assert address.startswith(f"{self.issuer}/authorize?"), address
        async with httpx.AsyncClient(verify=False) as client:  # http: spares loading certificates
            answer = await client.get(address)
        assert answer.status_code == 303, answer.text
        return QueryParams(urlsplit(answer.headers["location"]).query)

    def logout_token(self, **claims: Any) -> str:
        """A logout token, honest but for *claims*."""
        now = int(time.time())
        told = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "sub": "person-1",
            "sid": "session-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return self.lies.sign({"typ": "logout+jwt"}, _merged(told, claims))

    def _page(self, path: str, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def page(request: Request) -> Response:
            self.asked.append(path)
            lie = self.lies.pages.get(path)
            if lie is None:
                return await answer(request)
            if lie == "stall":
                await asyncio.sleep(20)
            pages = {
                "huge": Response(b'{"issuer": "' + b"x" * 400_000 + b'"}'),
                "zipped": Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
                "drip": StreamingResponse(_dripping()),
                "redirect": RedirectResponse(f"{self.issuer}/keys"),
                "not json": PlainTextResponse("<html>"),
                "deep": PlainTextResponse('{"a":' * 20_000),
                "list": JSONResponse([]),
            }
            return pages[lie] if lie in pages else PlainTextResponse("no", int(lie))

        return page

    async def _discovery(self, request: Request) -> Response:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(_merged(told, self.lies.discovery))

    async def _keys(self, request: Request) -> Response:
        keys = [_merged(key.as_dict(private=False), self.lies.keys) for key in self.published]
        return JSONResponse({"keys": keys})

    async def _authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT
        assert given["code_challenge_method"] == "S256"
        assert "openid" in given["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = given
        told = {"code": code, "state": given["state"], "iss": self.issuer}
        query = urlencode(_merged(told, self.lies.callback))
        return RedirectResponse(f"{given['redirect_uri']}?{query}", 303)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        known = [unquote_plus(one) for one in base64.b64decode(pair).decode().split(":")]
        if scheme != "Basic" or known != [CLIENT, CLIENT_SECRET]:
            return JSONResponse({"error": "invalid_client"}, 401)
        begun = self._codes.pop(form["code"], None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            begun is None
            or begun["redirect_uri"] != form["redirect_uri"]
            or begun["code_challenge"] != _encoded(challenge)
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now, access_token = int(time.time()), secrets.token_urlsafe(16)
        self._tokens.add(access_token)
        claims = {
            **self.person,
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": begun.get("nonce"),
            "auth_time": now if begun.get("prompt") == "login" else now - 3600,
        }
        id_token = self.lies.sign({}, _merged(claims, self.lies.claims))
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": id_token,
        }
        return JSONResponse(_merged(answer, self.lies.answer))

    async def _userinfo(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return PlainTextResponse("no", 401)
        return JSONResponse(_merged(self.person, self.lies.userinfo))


async def _dripping() -> AsyncIterator[bytes]:
    yield b"{"
    for _ in range(400):
        await asyncio.sleep(0.05)
        yield b" "


@contextmanager
def running() -> Iterator[Hostile]:
    """The provider, answering at `issuer` on this machine."""
    provider = Hostile()
    config = uvicorn.Config(provider.starlette(), port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="hostile identity provider")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider
    finally:
        server.should_exit = True
        thread.join()
