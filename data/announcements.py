"""What a change tells the rest of the program, after it is committed and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson


class Topic(StrEnum):
    """What an announcement is about; ``Announcement.about`` says of whom."""

    READING = "reading"
    """A session in progress has a new reading; about its account, values as in `data.live.Reading`."""
    SESSIONS = "sessions"
    """A session began, ended, was finalized or changed hands; about its account."""
    RESERVATIONS = "reservations"
    """A reservation came, went, began or ended; about its account."""
    CHARGERS = "chargers"
    """A charger's status, or what a driver can see of it, changed; about the charger."""
    PLAN = "plan"
    """A subscription or its plan changed; about the account."""
    COMMANDS = "commands"
    """A request to a charger was made or went on; about the charger."""
    TAGS = "tags"
    """A charger reported an id tag, or what is known of tags changed; about nobody; values: ``id_tag``."""
    SITES = "sites"
    """A site, a group or a charger was added or changed by an operator; about nobody."""
    PLANS = "plans"
    """A plan was added or versioned; about nobody."""
    ATTENTION = "attention"
    """There is more or less for an operator to see to (quarantine, flags, settlement); about nobody."""
    DISPLAYS = "displays"
    """A display was paired, changed or revoked; about the display. ``values``: what happened, see
    `app.access.displays`."""
    REFUSED = "refused"
    """A charger's connection was refused; about nobody. Never crosses processes."""
    PEOPLE = "people"
    """An account, its mappings or its sign-ins changed; about the account."""
    MINUTE = "minute"
    """A minute went by: what is told relative to now is to be told anew. Never crosses processes."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing that changed. ``values`` is JSON: it may cross to other processes."""

    topic: Topic
    about: int | None = None
    values: dict[str, Any] | None = None

    def dump(self) -> bytes:
        """As JSON; moments become ISO text."""
        return orjson.dumps([self.topic, self.about, self.values])

    @classmethod
    def load(cls, text: str | bytes) -> Announcement:
        """The reverse of `dump`. Raises ``ValueError`` for anything else."""
        topic, about, values = orjson.loads(text)
        return cls(Topic(topic), about, values)


Listener = Callable[[Announcement], None]


class Announcer:
    """Hands each announcement to those who asked for its topic and subject.

    Subscribers are found by key, so that a reading costs nothing to the pages of other drivers.
    """

    def __init__(self) -> None:
        self._listeners: dict[tuple[Topic, int | None], dict[object, Listener]] = {}
        self.failed: Callable[[Exception], None] | None = None
        """Called with what a listener raised; the other listeners are told all the same."""

    def listen(self, topic: Topic, listener: Listener, *, about: int | None = None) -> Callable[[], None]:
        """Call *listener* for each announcement of *topic* about *about* (``None``: about anybody).

        Returns the function that ends it; calling that twice is harmless.
        """
        key, token = (topic, about), object()
        self._listeners.setdefault(key, {})[token] = listener

        def stop() -> None:
            of_key = self._listeners.get(key, {})
            of_key.pop(token, None)
            if not of_key:
                self._listeners.pop(key, None)

        return stop

    def announce(self, announcements: Iterable[Announcement]) -> None:
        """Tell *announcements* to their listeners, in order. Call it on the event loop only."""
        for announcement in announcements:
            keys = [(announcement.topic, announcement.about)]
            if announcement.about is not None:
                keys.append((announcement.topic, None))
            for key in keys:
                for listener in list(self._listeners.get(key, {}).values()):
                    try:
                        listener(announcement)
                    except Exception as error:
                        if self.failed is None:
                            raise
                        self.failed(error)

    def __len__(self) -> int:
        """How many listeners there are; a leak shows here."""
        return sum(len(listeners) for listeners in self._listeners.values())


def moment(value: datetime | str | None) -> datetime | None:
    """A moment out of an announcement's values, whether it crossed a process or not."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
