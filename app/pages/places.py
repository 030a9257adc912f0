"""Where a page of a list of sessions begins, as it stands in an address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from data.queries.session_list import Place, Sort

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def named(place: Place) -> str:
    """*place* for an address: what the list is sorted by, and the session's number."""
    key = place.key
    number = (key - _EPOCH) // _MICROSECOND if isinstance(key, datetime) else key
    return f"{number}.{place.id}"


def read(text: str, sort: Sort = Sort.START) -> Place | None:
    """The place that *text* names; ``None``, the beginning, if it is none of a list by *sort*."""
    key, _, id_ = text.partition(".")
    if not (key.isascii() and key.isdecimal() and id_.isascii() and id_.isdecimal()):
        return None
    if len(key) > 16 or len(id_) > 18:
        return None
    return Place(_EPOCH + int(key) * _MICROSECOND if sort is Sort.START else int(key), int(id_))
