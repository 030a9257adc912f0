"""Acting as: an operator looks at the portal on a driver's behalf, and changes nothing (P23, P24).

The operator's own sign-in stays as it is beside (T27); what they see is an own sign-in of the driver's
account that names them as its actor, lasts 30 minutes, and ends with theirs (T28).
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.access import sign_in_rows, tokens
from app.access.account_rules import LONGEST_REASON as LONGEST_REASON
from app.access.account_rules import proper_reason
from app.access.lifetimes import is_fresh
from app.access.sign_ins import SignIns
from app.access.visitor import Visitor
from app.changing import changing
from data.caller import Caller
from data.database import Database
from data.queries import sign_ins as asked
from data.types import Role

log = logging.getLogger("polaris.access")


class NotFresh(Exception):
    """The operator has to prove again who they are: it is longer ago than 15 minutes (T24)."""


class NoReason(Exception):
    """Acting as somebody takes a reason, of 500 characters at most (P23)."""


class NobodyToActAs(Exception):
    """There is no driver with this id who could sign in themselves (T26)."""


class ActingAs:
    """Begins it and ends it."""

    def __init__(self, sign_ins: SignIns) -> None:
        self._sign_ins = sign_ins

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._sign_ins.database

    @changing("acting.begin", role=Role.OPERATOR)
    async def begin(
        self, caller: Caller, request: Request, response: Response, driver_id: int, reason: str
    ) -> None:
        """Make the driver current at the operator's browser; *response* brings its new token (T13).

        Raises `NoReason`, `NotFresh` or `NobodyToActAs`; `ReadOnly` for somebody who acts already (T26).
        """
        reason, now = proper_reason(reason), clock.now()
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise NoReason
        mine = await self.database.ask(asked.by_id, caller.actor_sign_in_id or 0, now)
        if mine is None or not is_fresh(mine.fresh_at, now):
            raise NotFresh
        token = tokens.new()
        begun = await self.database.change(
            sign_in_rows.begin_acting, caller, driver_id, reason, now, tokens.hashed(token)
        )
        if begun is None:
            raise NobodyToActAs
        log.info("acting as begins driver=%s", driver_id)
        await self._sign_ins.moved(response, token)

    async def end(self, visitor: Visitor, response: Response) -> None:
        """Back to the operator's own sign-in; the pages that showed the driver leave within 2 s (T28)."""
        if visitor.actor is None:
            return
        token = tokens.new()
        ended = await self.database.change(
            sign_in_rows.end_acting, visitor.sign_in_id, tokens.hashed(token), clock.now()
        )
        log.info("acting as ends driver=%s", visitor.id)
        if ended:
            await self._sign_ins.moved(response, token, ended)
