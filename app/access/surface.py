"""What of the portal is open to the network: the door before it, and what is behind it."""

from __future__ import annotations

import nicegui
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access import nonce, posted
from app.access.by_provider import ByProvider
from app.access.cookies import RenewCookies
from app.access.door import SAFE, Door
from app.access.link_forms import LinkForms
from app.access.one_time_links import Links
from app.access.route_table import RouteTable
from app.access.shares import Shares
from app.access.sign_in import Forms
from app.access.sign_ins import SignIns
from app.access.sockets import Sockets
from app.access.visitor import Elsewhere, SignedOut
from app.settings import Settings


def install(
    app: FastAPI, settings: Settings, sign_ins: SignIns, by_provider: ByProvider, links: Links
) -> None:
    """Put the door before *app*, the forms of `/auth/…` behind it, and guard NiceGUI's sockets."""
    app.state.sign_ins = sign_ins
    app.state.routes = RouteTable()
    app.state.shares = Shares(sign_ins)
    nonce.install()
    app.state.shares.install()
    Sockets(sign_ins).install()
    Forms(sign_ins, by_provider, links.passwords).install(app)
    LinkForms(sign_ins, links).install(app)
    by_provider.install(app)

    async def signed_out(request: Request, error: Exception) -> Response:
        assert isinstance(error, SignedOut)
        # A form that comes too late leads to sign-in alone: its address is no page to come back to.
        wanted = error.wanted if request.method in SAFE else None
        known = await sign_ins.at_browser(request)
        # A browser that still has its cookie has not signed out itself.
        ended = sign_ins.token(request) is not None and not known
        response = posted.redirect("/sign-in", next=wanted, problem="ended" if ended else None)
        if ended:  # other accounts may be signed in at a browser where one is not
            sign_ins.browser_cookie.take(response)
        return response

    async def elsewhere(request: Request, error: Exception) -> Response:
        assert isinstance(error, Elsewhere)
        return RedirectResponse(error.path, 303, headers={"Cache-Control": "no-store"})

    app.add_exception_handler(SignedOut, signed_out)
    app.add_exception_handler(Elsewhere, elsewhere)
    door: object = Door
    app.add_middleware(RenewCookies, cookie=sign_ins.browser_cookie)
    app.add_middleware(
        Door,
        settings=settings,
        routes=app.state.routes,
        shares=app.state.shares,
        form_targets=by_provider.origins,
    )

    def put_door_outside() -> None:
        # ui.run adds layers of its own outside of ours; one of them believes X-Forwarded-Prefix.
        app.user_middleware.sort(key=lambda layer: layer.cls is not door)
        app.middleware_stack = app.build_middleware_stack()

    nicegui.app.on_startup(put_door_outside)
