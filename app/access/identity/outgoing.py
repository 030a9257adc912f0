"""Requests to an identity provider: only where the settings allow, short and small (T48)."""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]

from app.access.identity.problems import ProviderDown, Untrusted
from app.access.identity.providers import Provider, place, refused

LARGEST = 256 * 1024
"""Bytes of an answer; the largest that was seen (keys with certificates) has 20 kB."""


class _TooLarge(Exception):
    """The answer has more than `LARGEST` bytes, or is compressed and could have any number."""


class _Elsewhere(Exception):
    """The address is none of this provider's, or the answer sends us to another one."""


class Outgoing:
    """Speaks with one provider. Whatever it raises is `ProviderDown` or `Untrusted`."""

    def __init__(self, provider: Provider, patience: float) -> None:
        """Allow *patience* seconds a whole request: httpx counts from byte to byte only."""
        self._provider = provider
        self._patience = patience
        self._places = {place(provider.issuer), *provider.hosts}

    def refused(self, address: object) -> str | None:
        """Why *address*, named by one of the provider's documents, is not used; ``None`` if it is."""
        if not isinstance(address, str):
            return "it is no text"
        if why := refused(address):
            return why
        if place(address) not in self._places:
            return f"{place(address)[:100]} is neither the issuer's host nor in hosts"
        return None

    async def document(self, address: str, bearer: str | None = None) -> dict[str, Any]:
        """The JSON object at *address*; *bearer* is an access token to show."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        async with self.bounded(address), httpx2.AsyncClient(**self._options()) as client:
            answer = await client.get(address, headers=headers)
            if answer.status_code >= 500 or answer.status_code == 429:
                raise ProviderDown(self._provider, f"{address} answered {answer.status_code}")
            if answer.status_code != 200:
                raise Untrusted(self._provider, f"{address} answered {answer.status_code}")
            try:
                told = json.loads(answer.content)
            except (ValueError, RecursionError):
                told = None
            if not isinstance(told, dict):
                raise Untrusted(self._provider, f"{address} answered no JSON object")
            return told

    def client(self, **options: Any) -> AsyncOAuth2Client:
        """Authlib's client for this provider, bound by the same rules; use it inside `bounded`."""
        return AsyncOAuth2Client(
            self._provider.client_id,
            self._provider.client_secret,
            headers={"Accept-Encoding": "identity"},
            **self._options(),
            **options,
        )

    @asynccontextmanager
    async def bounded(self, address: str) -> AsyncIterator[None]:
        """Bound what is inside in time, and say what went wrong in our words; *address* is for the log."""
        try:
            async with asyncio.timeout(self._patience):
                yield
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise ProviderDown(self._provider, f"{address} took too long") from error
        except _Elsewhere as error:
            raise Untrusted(self._provider, f"{address}: {error}") from error
        except _TooLarge as error:
            raise Untrusted(self._provider, f"{address} answered too much") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ProviderDown(self._provider, f"{address}: {type(error).__name__} {error}") from error

    def _options(self) -> dict[str, Any]:
        # Proxies of the environment are not asked: they are elsewhere.
        return {
            "transport": _Guarded(self),
            "follow_redirects": False,
            "trust_env": False,
            "timeout": self._patience,
        }


@functools.cache
def _tls() -> ssl.SSLContext:
    """Certificates are always verified, by SSL_CERT_FILE where a company has its own; loading takes 20 ms."""
    return httpx2.create_ssl_context()


class _Guarded(httpx2.AsyncBaseTransport):
    """The last door out: looks at each request and each answer, whoever makes it."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if why := self._outgoing.refused(str(request.url)):
            raise _Elsewhere(why)
        answer = await self._inner.handle_async_request(request)
        try:
            if answer.is_redirect:
                raise _Elsewhere("it answered with a redirect")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise _TooLarge
        except Exception:
            await answer.aclose()
            raise
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        answer.stream = _Bounded(answer.stream)
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > LARGEST:
                raise _TooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
