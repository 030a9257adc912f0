"""Which request, and whose, the code that runs now works for: told by each line of the log (T23, T63).

A request id is made at the door and nowhere else, never taken from a header; each event of a page's
socket gets one of its own. It is what error pages call the reference, and what audit rows keep.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

BY_PROXY = "polaris.by_proxy"
"""Where a request's scope says that a proxy brought it: ``trusted``, or ``unknown`` for any other."""
REQUEST_ID = "polaris.request_id"
"""Where a request's scope holds its id."""
CALLER = "polaris.caller"
"""Where a request's scope says who asks, a `data.caller.Caller`, as soon as that is known."""

Scope = MutableMapping[str, Any]
_current: ContextVar[tuple[str, Scope] | None] = ContextVar("polaris_request", default=None)


def new_id() -> str:
    """Eight hex digits: with the time beside it, enough to find one request among years of them."""
    return secrets.token_hex(4).upper()


def begin(scope: Scope) -> str:
    """From here on, in this task and those it starts, work is done for the request of *scope*.

    Who asks is read out of the scope when a line is logged: it may become known only on the way.
    Returns the new id. For whatever ends with its task; see `within` for the rest.
    """
    request_id = new_id()
    _current.set((request_id, scope))
    return request_id


@contextmanager
def within(scope: Scope) -> Iterator[str]:
    """As `begin`, until the block ends."""
    request_id = new_id()
    before = _current.set((request_id, scope))
    try:
        yield request_id
    finally:
        _current.reset(before)


def request_id() -> str:
    """The id of the request that is worked for; empty outside of one."""
    current = _current.get()
    return "" if current is None else current[0]


def told() -> str:
    """``request=7F3A9C01 subject=12 actor=7``: what is known of it, empty outside of a request."""
    current = _current.get()
    if current is None:
        return ""
    request, scope = current
    caller = scope.get(CALLER)
    parts = [("request", request), ("subject", _of(caller, "subject_id")), ("actor", _of(caller, "actor_id"))]
    return " ".join(f"{name}={value}" for name, value in parts if value is not None)


def _of(caller: object, name: str) -> int | None:
    value = getattr(caller, name, None)
    return value if isinstance(value, int) else None
