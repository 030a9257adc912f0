"""Rows of somebody else's session list: read, checked, and refused in words. Pure but for the hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from zoneinfo import ZoneInfo

KEYS = {
    "start": "when it began (needed)",
    "end": "when it ended (needed)",
    "energy": "how much energy it took (needed)",
    "charger": "the charger's identity (needed)",
    "connector": "the connector's number; 1 where it is missing",
    "driver": "the id tag or user that charged",
    "id": "the list's own number of the session; where it is missing, the whole row stands for it",
    "charger-name": "how to call a charger that is made",
    "site": "the site of a charger that is made",
    "name": "how to call a driver who is made",
    "email": "e-mail of a driver who is made, or of the one who gets the card",
}
"""What a row can tell, and the names by which columns are mapped."""
NEEDED = ("start", "end", "energy", "charger")


class Refused(StrEnum):
    """Why a row is not imported."""

    MALFORMED = "row with another number of columns than the header"
    NO_ID = "no id"
    NO_CHARGER = "no charger"
    BAD_CONNECTOR = "connector is no number"
    NO_START = "no start"
    BAD_START = "start can't be read"
    NO_END = "no end"
    BAD_END = "end can't be read"
    BACKWARDS = "ends before it starts"
    FUTURE = "lies in the future"
    NO_ENERGY = "no energy"
    BAD_ENERGY = "energy can't be read"
    NEGATIVE = "negative energy"
    TOO_MUCH = "more energy than --most-kwh allows"
    TOO_LONG = "id, charger or driver with too many characters"
    UNKNOWN_CHARGER = "unknown charger"
    UNKNOWN_DRIVER = "unknown driver"
    OTHER_CONTENT = "id is stored already, with another start or energy"
    TWICE = "id stands in the file twice, with another start or energy"


class Noted(StrEnum):
    """What is imported, and told nevertheless."""

    ZERO = "without energy (0 kWh)"
    NOBODY = "without a driver: belongs to nobody"
    UNMAPPED = "of an unknown card: belongs to nobody until the card is linked"
    NO_DURATION = "with energy but ends when it starts"
    TOO_FAST = "with more than 400 kW on average"


FLAGS = {Noted.NO_DURATION: "no_duration", Noted.TOO_FAST: "implausible"}
"""What an operator should look at later: words for the session's flags."""
FASTEST_W = 400_000


class WrongRow(Exception):
    """A row is refused."""

    def __init__(self, reason: Refused) -> None:
        super().__init__(reason.value)
        self.reason = reason


class WrongColumns(ValueError):
    """The columns asked for are not in the file; the text says which."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the list writes things."""

    date_format: str | None = None
    """As in ``strptime``; ``None`` for ISO 8601."""
    zone: str = "UTC"
    """IANA zone of times that tell none."""
    wh: bool = False
    """Energy is in Wh instead of kWh."""
    decimal_comma: bool = False
    most_wh: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One session of the list. Moments are UTC; texts are trimmed, empty where nothing was told."""

    line: int
    source_id: str
    charger: str
    connector: int
    id_tag: str
    """Upper case."""
    started_at: datetime
    ended_at: datetime
    energy_wh: int
    charger_name: str
    site: str
    driver_name: str
    email: str
    notes: tuple[Noted, ...]


class Reader:
    """Makes a `Row` of a record, by the header and the columns asked for. Raises `WrongColumns`."""

    def __init__(
        self, header: Sequence[str], columns: Mapping[str, str], written: Format, now: datetime
    ) -> None:
        self._width = len(header)
        self._format = written
        self._zone = ZoneInfo(written.zone)
        self._now = now
        found = {key: _places(header, key, columns.get(key)) for key in KEYS}
        missing = [key for key in NEEDED if not found[key]]
        if missing:
            raise WrongColumns(
                f"the file has no column for {', '.join(missing)}; say --column {missing[0]}=HEADER. "
                f"Its header: {', '.join(filter(None, header))}"
            )
        self._found = found

    def read(self, line: int, record: Sequence[str]) -> Row:
        """The session in *record*. Raises `WrongRow` with the first reason that applies."""
        if len(record) != self._width:
            raise WrongRow(Refused.MALFORMED)
        charger, tag = self._text(record, "charger"), self._text(record, "driver").upper()
        number = self._text(record, "id")
        if not number and self._found["id"]:
            raise WrongRow(Refused.NO_ID)
        if not charger:
            raise WrongRow(Refused.NO_CHARGER)
        if max(len(number) - 64, len(charger) - 255, len(tag) - 255) > 0:
            raise WrongRow(Refused.TOO_LONG)
        start = self._moment(record, "start", Refused.NO_START, Refused.BAD_START)
        end = self._moment(record, "end", Refused.NO_END, Refused.BAD_END)
        if end < start:
            # The clocks may have gone back in between: then the end is the later of two moments.
            end = self._moment(record, "end", Refused.NO_END, Refused.BAD_END, fold=1)
        if end < start:
            raise WrongRow(Refused.BACKWARDS)
        if end > self._now:
            raise WrongRow(Refused.FUTURE)
        energy = self._energy(record)
        return Row(
            line=line,
            source_id=number or self._fingerprint(record),
            charger=charger,
            connector=self._connector(record),
            id_tag=tag,
            started_at=start,
            ended_at=end,
            energy_wh=energy,
            charger_name=self._text(record, "charger-name")[:200],
            site=self._text(record, "site")[:200],
            driver_name=self._text(record, "name")[:200],
            email=self._text(record, "email").lower(),
            notes=_notes(energy, (end - start).total_seconds(), tag),
        )

    def _text(self, record: Sequence[str], key: str) -> str:
        places = self._found[key]
        if len(places) == 1:  # nearly always, and ten times a row
            return record[places[0]].strip()
        return " ".join(part for place in places if (part := record[place].strip()))

    def _moment(
        self, record: Sequence[str], key: str, missing: Refused, unreadable: Refused, fold: int = 0
    ) -> datetime:
        text = self._text(record, key)
        # Of a date and a time in two columns, one alone is as good as none.
        if not text or (len(self._found[key]) > 1 and not all(record[p].strip() for p in self._found[key])):
            raise WrongRow(missing)
        try:
            if self._format.date_format is None:
                moment = datetime.fromisoformat(text)
            else:
                moment = datetime.strptime(text, self._format.date_format)  # noqa: DTZ007
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone, fold=fold)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise WrongRow(unreadable) from None

    def _energy(self, record: Sequence[str]) -> int:
        text = self._text(record, "energy")
        if not text:
            raise WrongRow(Refused.NO_ENERGY)
        if self._format.decimal_comma:
            text = text.replace(".", "").replace(",", ".")
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise WrongRow(Refused.BAD_ENERGY) from None
        if not number.is_finite():
            raise WrongRow(Refused.BAD_ENERGY)
        if number < 0:
            raise WrongRow(Refused.NEGATIVE)
        if number > self._format.most_wh:  # before it is made an integer: 1e999999 would be a long one
            raise WrongRow(Refused.TOO_MUCH)
        energy = round(number if self._format.wh else number * 1000)
        if energy > self._format.most_wh:
            raise WrongRow(Refused.TOO_MUCH)
        return energy

    def _connector(self, record: Sequence[str]) -> int:
        text = self._text(record, "connector")
        if not text:
            return 1
        number = text.lstrip("0")
        if not (number.isascii() and number.isdigit() and len(number) <= 5):
            raise WrongRow(Refused.BAD_CONNECTOR)
        return int(number)

    def _fingerprint(self, record: Sequence[str]) -> str:
        """Stands for the row where the list has no id: the same row gives the same one."""
        told = "\x1f".join(self._text(record, key) for key in KEYS)
        return hashlib.sha256(told.encode()).hexdigest()


def _places(header: Sequence[str], key: str, wanted: str | None) -> tuple[int, ...]:
    """Where in a record *key* stands: several columns if *wanted* joins headers with ``+``."""
    known: dict[str, int] = {}
    for place, name in enumerate(header):
        known.setdefault(name.strip().casefold(), place)
    if wanted is None:
        return (known[key],) if key in known else ()
    names = [wanted] if wanted.strip().casefold() in known else wanted.split("+")
    missing = [name.strip() for name in names if name.strip().casefold() not in known]
    if missing:
        raise WrongColumns(
            f"the file has no column {missing[0]!r}; its header: {', '.join(filter(None, header))}"
        )
    return tuple(known[name.strip().casefold()] for name in names)


def _notes(energy_wh: int, seconds: float, tag: str) -> tuple[Noted, ...]:
    notes = []
    if energy_wh == 0:
        notes.append(Noted.ZERO)
    elif seconds == 0:
        notes.append(Noted.NO_DURATION)
    elif energy_wh * 3600 / seconds > FASTEST_W:
        notes.append(Noted.TOO_FAST)
    if not tag:
        notes.append(Noted.NOBODY)
    return tuple(notes)
