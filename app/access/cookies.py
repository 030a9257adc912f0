"""The cookies of a browser and of a kiosk's screen: how they are given, taken, and renewed (T14, K3)."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings

RENEWED = "polaris.cookie"
"""Where a request's scope says what cookie its answer is to bring: (token, remembered)."""

ASKED = "polaris.cookie_asked"
"""Where a request's scope says that its page needs a browser that keeps cookies: its answer brings one."""
KEPT = "polaris-kept"
"""The name of that one, which says nothing: that it comes back is all (`app.access.once`)."""
BROUGHT = "polaris.cookies_brought"
"""Where a request's scope lists other cookies that its answer brings, each as its header says it."""
FOR_DISPLAYS = 400 * 86_400
"""Seconds that a screen's cookie lasts from each load of its page on: as long as browsers allow (K3)."""


class Cookie:
    """The cookie that carries a browser's token and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.secure = settings.secure
        """True if browsers reach the portal over TLS."""
        # A __Host- cookie is refused by browsers without TLS, loopback included.
        self.name = "__Host-polaris" if settings.secure else "polaris"
        self._lasts = settings.sign_in_days * 86_400

    def token(self, connection: HTTPConnection) -> str | None:
        """The token that *connection* brought along, or was given since."""
        renewed = connection.scope.get(RENEWED)
        return renewed[0] if renewed else connection.cookies.get(self.name) or None

    def give(self, response: Response, token: str, *, remember: bool) -> None:
        """Put it on *response*; without *remember* it ends with the browser."""
        response.set_cookie(
            self.name,
            token,
            max_age=self._lasts if remember else None,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def take(self, response: Response) -> None:
        """Take it away."""
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="lax")


class DisplayCookie:
    """The cookie that carries the token of a kiosk's screen and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.secure
        self.name = "__Host-polaris-display" if settings.secure else "polaris-display"

    def given(self, token: str) -> str:
        """The header that gives it, or gives it anew.

        Not `strict`: a launcher may lead to the portal from a page of its own, and a screen that then came
        without its token would be given another one. It opens nothing that could be changed.
        """
        carrier = Response()
        carrier.set_cookie(
            self.name,
            token,
            max_age=FOR_DISPLAYS,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return carrier.headers["set-cookie"]


def bring(request: HTTPConnection, header: str) -> None:
    """Have the answer to *request* bring a cookie, whoever answers."""
    request.scope.setdefault(BROUGHT, []).append(header)


class RenewCookies:
    """Puts the cookie that a request was to get on its answer, whoever answers."""

    def __init__(self, inner: ASGIApp, *, cookie: Cookie) -> None:
        self._inner = inner
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; only the start of an answer is touched."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def send_renewed(message: Message) -> None:
            if message["type"] == "http.response.start" and ASKED in scope:
                carrier = Response()
                secure = self._cookie.secure
                carrier.set_cookie(KEPT, "yes", path="/", secure=secure, httponly=True, samesite="lax")
                MutableHeaders(scope=message).append("set-cookie", carrier.headers["set-cookie"])
            if message["type"] == "http.response.start" and RENEWED in scope:
                headers = MutableHeaders(scope=message)
                mine = f"{self._cookie.name}="
                if not any(value.startswith(mine) for value in headers.getlist("set-cookie")):
                    token, remember = scope[RENEWED]
                    carrier = Response()
                    self._cookie.give(carrier, token, remember=remember)
                    headers.append("set-cookie", carrier.headers["set-cookie"])
            if message["type"] == "http.response.start":
                for header in scope.get(BROUGHT, ()):
                    MutableHeaders(scope=message).append("set-cookie", header)
            await send(message)

        await self._inner(scope, receive, send_renewed)
