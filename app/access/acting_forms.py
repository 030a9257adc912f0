"""`/auth/acting/…`: an operator begins to act as a driver, and returns. Plain forms (P23, T37)."""

from __future__ import annotations

from urllib.parse import quote, unquote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.access import open_pages, posted
from app.access.acting import LONGEST_REASON, ActingAs, NobodyToActAs, NoReason, NotFresh
from app.access.once import once
from app.access.sign_ins import SignIns
from app.access.visitor import home, not_found
from data.caller import NotAllowed

REASON = "polaris-reason"
"""Cookie that carries a typed reason back to its form, over a fresh proof of who one is, for ten minutes."""
LARGEST = 3_000
"""Characters of it; browsers take 4,096 with its name, and may drop all that is longer."""


class ActingForms:
    """The two forms."""

    def __init__(self, sign_ins: SignIns, acting_as: ActingAs) -> None:
        self._sign_ins = sign_ins
        self._acting_as = acting_as

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_route("/auth/acting/begin", once(self.begin), methods=["POST"], include_in_schema=False)
        app.add_route("/auth/acting/end", self.end, methods=["POST"], include_in_schema=False)

    async def begin(self, request: Request) -> Response:
        """From the driver's page: to what they see. Raises `ReadOnly` for who acts as somebody (T26).

        Without a reason back to that page, without a fresh proof by way of `/confirm` (T24).
        """
        visitor, form = await posted.by_visitor(request, self._sign_ins, "/")
        driver_id = posted.number(form, "driver_id") or 0  # nobody; who may ask at all is told first
        reason = posted.text(form, "reason", LONGEST_REASON)
        page = f"/admin/drivers/{driver_id}"
        response = posted.redirect("/")
        try:
            await self._acting_as.begin(visitor.caller, request, response, driver_id, reason)
        except NoReason:
            if driver_id == 0:
                raise not_found() from None
            return posted.redirect(page, problem="reason")
        except NotFresh:
            return self._with_reason(posted.redirect("/confirm", next=page), page, reason)
        except (NobodyToActAs, NotAllowed):
            raise not_found() from None  # a driver learns nothing about what operators can do (P2)
        return self._with_reason(response, page, "")

    async def end(self, request: Request) -> Response:
        """From the banner: back to the console (T28). It may have ended by itself a moment ago."""
        visitor, form = await posted.by_visitor(request, self._sign_ins, "/")
        if visitor.actor is None:
            return posted.redirect(home(visitor.role))
        response = posted.redirect("/admin")
        here = await self._sign_ins.at_browser(request)
        open_pages.answers(posted.text(form, "page", 64), {one.browser_id for one in here})
        await self._acting_as.end(visitor, response)
        return response

    def _with_reason(self, response: Response, page: str, reason: str) -> Response:
        kept = quote(reason)
        secure = self._sign_ins.secure
        if reason and len(kept) <= LARGEST:
            response.set_cookie(REASON, kept, 600, path=page, secure=secure, httponly=True, samesite="strict")
        else:
            response.delete_cookie(REASON, path=page, secure=secure, httponly=True, samesite="strict")
        return response


def typed_reason(request: Request) -> str:
    """The reason that was typed into the form of this page before; "" if none was."""
    return unquote(request.cookies.get(REASON, ""))[:LONGEST_REASON]
