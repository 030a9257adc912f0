"""How the tiles of a board are laid out, and how large a text may be in them. Pure: no page, no words.

Lengths are in *u*: a hundredth of the board's shorter side, or less where its sides differ by little; the
style sheet makes it so that a board is at least 175 u by 100 u, lying or standing. The figures here are
those of `static/kiosk.css`; a browser measures that they agree.

A page of *n* bays has one grid for boards that lie and one for boards that stand. What stands in a tile is
sized in *t*: u times the grid's scale, which is `min(1, 2 / rows)` from two rows on (on a board that stands,
two rows are as high as one), and larger where a page has few tiles.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

LONG, SHORT = 175.0, 100.0
MARGIN, GAP = 2.2, 1.8
"""Around the board; between tiles."""
AROUND = {False: 37.6, True: 47.0}
"""What head, foot and the space between take of a board's height: one that lies, one that stands (True)."""
PADDING_X, PADDING_Y, BORDER = 2.2, 1.5, 0.35
"""Of a tile, in t."""
ICON = 8.4
"""The icon and the space beside it, in t."""
NAME = 9.8
"""Height that each name has at least, in t."""
WORD, DETAIL = 6.2, 3.75
"""Sizes of the status word and of the details, in t."""
WORD_LINE, DETAIL_LINE, NAME_LINE = 6.7, 4.3, 1.08
"""Heights of a line: of both in t, of a name as a multiple of its size."""
NAMES = (9.0, 8.2, 7.4, 6.6, 5.8, 5.2, 4.7, 4.2, 3.75, 3.4, 3.1)
"""Sizes of a bay's name in t, the first that fits."""
DETAIL_LINES = 2
REGULAR = 1.04
"""How many times as much of a text as of bold one has room in a line."""

_LYING = {
    1: (1, 1, 2.0),
    2: (2, 1, 1.9),
    3: (3, 1, 1.45),
    4: (2, 2, 1.0),
    5: (3, 2, 1.0),
    6: (3, 2, 1.0),
    7: (4, 2, 1.0),
    8: (4, 2, 1.0),
    9: (3, 3, 2 / 3),
}
_STANDING = {
    1: (1, 1, 2.4),
    2: (1, 2, 2.0),
    3: (1, 3, 1.35),
    4: (1, 4, 1.0),
    5: (2, 3, 1.15),
    6: (2, 3, 1.15),
    7: (2, 4, 1.0),
    8: (2, 4, 1.0),
    9: (2, 5, 0.8),
    10: (2, 5, 0.8),
}


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the tiles of a page stand, and the room that one of them has."""

    columns: int
    rows: int
    scale: float
    """How many u a t is."""
    width: float
    """Inside of a tile, in t."""
    height: float

    @property
    def name_width(self) -> float:
        """In t, beside the icon."""
        return self.width - ICON

    @property
    def name_height(self) -> float:
        """In t: the same in all tiles, so that their words stand in line, unless there is room to spare."""
        spare = self.height - WORD_LINE - DETAIL_LINES * DETAIL_LINE - 0.8
        return spare if spare > 1.4 * NAME else NAME


@cache
def grid(bays: int, standing: bool) -> Grid:
    """The grid of a page of *bays* tiles (0 counts as 1), on a board that lies or that is *standing*."""
    columns, rows, scale = (_STANDING if standing else _LYING).get(max(bays, 1)) or (
        (2, -(-bays // 2), 4 / -(-bays // 2)) if standing else (4, -(-bays // 4), 2 / -(-bays // 4))
    )
    across, down = (SHORT, LONG) if standing else (LONG, SHORT)
    width = (across - 2 * MARGIN - (columns - 1) * GAP) / columns
    height = (down - AROUND[standing] - (rows - 1) * GAP) / rows
    return Grid(
        columns,
        rows,
        scale,
        width / scale - 2 * (PADDING_X + BORDER),
        height / scale - 2 * (PADDING_Y + BORDER),
    )


def pages(bays: int, per_page: int) -> int:
    """How many pages *bays* take at *per_page*: at least one."""
    return max(1, -(-bays // per_page))


def page_of(bays: int, per_page: int, page: int) -> slice:
    """The bays on *page*, counted from 0: as many on each page as on the others, or one more."""
    count = pages(bays, per_page)
    page = page % count
    each, more = divmod(bays, count)
    start = page * each + min(page, more)
    return slice(start, start + each + (page < more))


@lru_cache(maxsize=4096)
def fitted(
    text: str, width: float, height: float, sizes: tuple[float, ...], line: float = NAME_LINE
) -> tuple[str, float]:
    """*text* and the first of *sizes* (the largest comes first) in which it fits a box.

    A word is broken only where no size spares that; what fits in no size ends with an ellipsis.
    """
    for broken in (False, True):
        for size in sizes:
            lines = _lines(text, width / size, broken)
            if lines is not None and lines * size * line <= height + 1e-6:
                return text, size
    size = sizes[-1]
    most = max(1, int(height / (size * line) + 1e-6))
    parts = list(_clusters(text))
    low, high = 0, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        lines = _lines("".join(parts[:middle]).rstrip() + "…", width / size, True) or 1
        low, high = (middle, high) if lines <= most else (low, middle - 1)
    return "".join(parts[:low]).rstrip(" ,;:·-–(") + "…", size


def lines(text: str, width: float, size: float) -> int:
    """How many lines *text* takes in *width*, at *size*."""
    return _lines(text, width / size, True) or 1


def _lines(text: str, width: float, broken: bool) -> int | None:
    """Lines of *text* in a width in em; ``None`` if a word does not fit and may not be *broken*."""
    count, filled = 1, 0.0
    for word in text.split():
        wide = _width(word)
        if filled and filled + _width(" ") + wide <= width:
            filled += _width(" ") + wide
            continue
        if filled:
            count, filled = count + 1, 0.0
        if wide <= width:
            filled = wide
        elif not broken:
            return None
        else:
            for part in _clusters(word):
                wide = _width(part)
                if filled and filled + wide > width:
                    count, filled = count + 1, 0.0
                filled += wide
    return count


_HUNDREDTHS = {
    16: "'",
    23: "’",
    27: " ,|;ijl!:.I",
    34: '·"`{}t()',
    39: "f/r-°“”",
    43: "\\^_*ª«»",
    51: "?y<svxzcz",
    53: ">kß",
    57: "+LaeFEJbdhnopqug$0123456789=~€",
    62: "#ZSTYP",
    66: "XBKRCDVU&A–",
    71: "GOQHN",
    75: "w%…—",
    92: "mMW@ÆŒæœФ",
    101: "ЖЫ→",
    114: "ШЩЮ",
}
"""How wide letters are in Roboto's bold, in hundredths of an em; its other letters are like these."""
_WIDTHS = {char: width / 100 for width, chars in _HUNDREDTHS.items() for char in chars}
_SPARE = 1.03
"""Letters of other fonts, and rounding."""


@lru_cache(maxsize=8192)
def _width(text: str) -> float:
    """About how wide *text* is in em of Roboto's bold, rather too wide than too narrow."""
    return _SPARE * sum(_wide(char) for char in text)


def _wide(char: str) -> float:
    if (known := _WIDTHS.get(char)) is not None:
        return known
    if unicodedata.east_asian_width(char) in "WF":
        # What is one picture to some fonts (a person, a colour, a tool) is several to others.
        return 1.36 if unicodedata.category(char) in ("So", "Sk") else 1.04
    if _joins(char):
        return 0.0
    base = unicodedata.normalize("NFD", char)[0]
    if base in _WIDTHS:
        return _WIDTHS[base]
    return 0.7 if unicodedata.category(char) == "Ll" else 0.88


def _joins(char: str) -> bool:
    """Belongs to what stands before it."""
    return unicodedata.combining(char) > 0 or unicodedata.category(char) in ("Mn", "Me", "Cf", "Sk")


def _clusters(text: str) -> Iterator[str]:
    """*text* in what is seen as one letter each: an accent or half of an emoji never stands alone."""
    cluster = ""
    for char in text:
        if cluster and not (_joins(char) and char != " ") and not cluster.endswith("\u200d"):
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster
