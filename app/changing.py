"""What every service that changes something does first: it refuses by itself (T4, T25)."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from app import clock
from data import audit
from data.caller import Caller, NotAllowed, ReadOnly
from data.database import Change, Database
from data.types import Role

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("polaris.access")


class Service(Protocol):
    """Whatever owns changing methods."""

    @property
    def database(self) -> Database:
        """Where refusals are written down."""


S = TypeVar("S", bound=Service)
Method = Callable[Concatenate[S, Caller, P], Awaitable[T]]

CHANGING: dict[str, str] = {}
"""Each action and the method that does it, for the test that tries them all while acting (T25)."""


def changing(action: str, *, role: Role | None = None) -> Callable[[Method[S, P, T]], Method[S, P, T]]:
    """Mark an async method ``(self, caller, …)`` as one that changes something, called *action*.

    Before it runs, it raises `ReadOnly` for an operator who acts as a driver, after writing the attempt
    into the audit log (P24), and `NotAllowed` for a caller without *role*, if one is given.
    """

    def decorate(method: Method[S, P, T]) -> Method[S, P, T]:
        CHANGING[action] = f"{method.__module__}.{method.__qualname__}"

        @functools.wraps(method)
        async def guarded(self: S, caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if caller.is_acting:
                log.warning("refused while acting as action=%s", action)
                await self.database.change(_refused, caller, action)
                raise ReadOnly(action)
            if role is not None and caller.role is not role:
                log.warning("not allowed action=%s", action)
                raise NotAllowed(action)
            return await method(self, caller, *args, **kwargs)

        return guarded

    return decorate


def _refused(change: Change, caller: Caller, action: str) -> None:
    audit.record(change, caller, f"{action}.refused", clock.now(), reason="acting as")
