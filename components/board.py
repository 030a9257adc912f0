"""The board of a site, as a display shows it: free or not, seen from 3 to 5 m (K9–K11, K14, K16–K18, K20).

A few elements: the head, the tiles and the words of the foot are one each, and send something only when
what they show has changed. The layout is the style sheet's (`static/kiosk.css`, sizes of `board_layout`):
it follows the shape of the screen by itself, and no word of any language moves it.

The page heals by what the server does not do: each beat lets two animations of the style sheet start
again, and the signs that the connection is gone are what they come to if no beat does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from components import board_layout as layout
from components import board_words
from components.board_dots import Dots
from components.board_layout import pages
from components.drawn import Drawn
from components.qr import qr_code
from components.words import Reader, reader
from data.queries.site_board import SiteBoard
from data.types import Orientation

__all__ = ["Board", "Face", "pages"]

HEAD = """
<header class="k-head" :lang="props.row.lang">
  <h1 class="k-site" lang="" dir="auto" :style="props.row.site.sizes">{{ props.row.site.text }}</h1>
  <p class="k-count" :class="{ 'is-free': props.row.is_free }">{{ props.row.count }}</p>
  <time class="k-clock">{{ props.row.clock }}</time>
</header>
"""
TILES = """
<div v-if="props.row.empty" class="k-empty" :lang="props.row.lang">
  <i class="p-icon p-i-ev_station" aria-hidden="true"></i>
  <p>{{ props.row.empty }}</p>
</div>
<ul v-else class="k-tiles" :lang="props.row.lang" :style="props.row.grid">
  <li v-for="(bay, at) in props.row.bays" :key="at" class="k-bay" :class="'is-' + bay.status">
    <p class="k-name" lang="" dir="auto" :style="bay.sizes">{{ bay.name }}</p>
    <i class="p-icon" :class="'p-i-' + bay.icon" aria-hidden="true"></i>
    <p class="k-word">{{ bay.word }}</p>
    <p class="k-details"><span v-for="detail in bay.details" :key="detail">{{ detail }}</span></p>
  </li>
</ul>
"""
FOOT = """
<div class="k-invitation" :lang="props.row.lang">
  <p class="k-invite">{{ props.row.invite }}</p>
  <p class="k-address" lang="" dir="ltr" :style="props.row.address.sizes">{{ props.row.address.text }}</p>
</div>
<div class="k-state" :lang="props.row.lang">
  <p class="k-trouble" role="status"><i class="p-icon p-i-cloud_off" aria-hidden="true"></i>
    <span>{{ props.row.trouble }}</span></p>
  <p v-if="props.row.is_failing" class="k-updated is-failing" role="status">
    <i class="p-icon p-i-hourglass_top" aria-hidden="true"></i><span>{{ props.row.updated }}</span></p>
  <p v-else class="k-updated"><span>{{ props.row.updated }}</span></p>
</div>
"""
STALE = """
<div class="k-stale" role="alert">
  <i class="p-icon p-i-cloud_off" aria-hidden="true"></i>
  <div v-for="one in props.row.words" :key="one.lang" :lang="one.lang">
    <h2>{{ one.title }}</h2><p class="k-news">{{ one.news }}</p><p>{{ one.text }}</p>
  </div>
</div>
"""
SITE_SIZES = (4.8, 4.2, 3.6, 3.0)
ADDRESS_SIZES = (3.4, 3.0, 2.7, 2.5, 2.2)
SITE_BOX = (130.0, 5.8), (66.0, 8.4)
ADDRESS_BOX = (62.0, 6.0), (74.0, 6.0)
"""Width and height in u that a text has on a board that lies, and on one that stands."""
FARTHEST = 8
"""Pixels that the board is shifted by at most: less than its margin on the smallest screen."""
ANSWERED = 3
"""Each so many beats the screen answers that it is alive."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a board shows at a moment."""

    board: SiteBoard
    language: str
    """Code of the language whose turn it is (K16)."""
    now: datetime
    as_of: datetime
    """When `board` was read; UTC, as `now`."""
    page: int
    """Counted from 0; one that does not exist (any more) is taken from the start again."""
    is_night: bool
    place: int
    """Pixels that the whole board is shifted by against burn-in, -8 to 8 (K14)."""
    is_failing: bool
    """The server can't read the database now: `board` is what it last read."""


class Board(Element, default_classes="k-screen"):
    """One display's board. Drawn empty: `show` a face at once.

    *orientation*: which way the screen hangs; the layout follows the turned shape. *address*: where drivers
    sign in, with its scheme. *languages*: codes of those that take turns, for the words of the stale mark.
    *on_alive* is called when the screen has painted a beat that asks for an answer, *on_size* with its width
    and height in CSS pixels, *on_turn* with the page, from 0, that somebody turned to by its dot.
    """

    def __init__(
        self,
        orientation: Orientation,
        per_page: int,
        address: str,
        languages: Sequence[str],
        on_alive: Callable[[], object],
        on_size: Callable[[int, int], object],
        on_turn: Callable[[int], object],
    ) -> None:
        super().__init__("div")
        self._per_page = per_page
        self._languages = tuple(languages)
        self._address = address.split("://", 1)[-1].rstrip("/")
        self._is_night: bool | None = None
        self._place: int | None = None

        def sized(event: GenericEventArguments) -> None:
            size = event.args
            if isinstance(size, dict):
                width, height = size.get("width"), size.get("height")
                if isinstance(width, (int, float)) and isinstance(height, (int, float)):
                    on_size(round(width), round(height))

        with self:
            Element("q-resize-observer").on("resize", sized, args=["width", "height"])
            self._turned = Element("div").classes("k-turn")
            if orientation is Orientation.LEFT:
                self._turned.classes("is-left")
            elif orientation is Orientation.RIGHT:
                self._turned.classes("is-right")
            with self._turned:
                # As if it had beaten: a page whose connection is lost before its first beat shows that, too.
                self._beat = Element("div").classes("k-beat is-odd")
                self._beat.on("animationend", lambda: on_alive(), args=[])
                with Element("div").classes("k-board") as self._board:
                    self._head = Drawn(HEAD)
                    self._tiles = Drawn(TILES)
                    with Element("footer").classes("k-foot"):
                        qr_code(address, address)
                        self._foot = Drawn(FOOT)
                        self._dots = Dots(on_turn)
                self._stale = Drawn(STALE)

    def show(self, face: Face) -> None:
        """Show *face*; what does not differ from the last one sends nothing."""
        told = reader(face.language, face.board.time_zone)
        lang = told.language.quasar
        self._show_head(face, told, lang)
        self._show_tiles(face, told, lang)
        self._show_foot(face, told, lang)
        # Drawn beforehand: once it is seen, nothing comes any more.
        self._stale.show(
            {"words": [_stale(reader(code, face.board.time_zone), face) for code in self._languages]}
        )
        count = pages(len(face.board.bays), self._per_page)
        self._dots.show(count, face.page % count, told)
        if face.is_night is not self._is_night:
            self._is_night = face.is_night
            if face.is_night:
                self.classes("is-night")
            else:
                self.classes(remove="is-night")
        place = max(-FARTHEST, min(FARTHEST, face.place))
        if place != self._place:
            self._place = place
            self._board.style["--place"] = str(place)

    def beat(self, number: int) -> None:
        """Say that the server is there: each call with a *number* one higher than the last."""
        # One change of the classes: it is what an idle board costs.
        self._beat.classes(
            replace="k-beat "
            + ("is-odd" if number % 2 else "is-even")
            + ("" if number % ANSWERED else " is-asked")
        )

    def _show_head(self, face: Face, told: Reader, lang: str) -> None:
        count = board_words.count(face.board, told)
        self._head.show(
            {
                "lang": lang,
                "site": _sized(" ".join(face.board.name.split()), SITE_BOX, SITE_SIZES),
                "count": count.text,
                "is_free": count.is_free,
                "clock": told.time(face.now),
            }
        )

    def _show_tiles(self, face: Face, told: Reader, lang: str) -> None:
        bays = face.board.bays
        shown = bays[layout.page_of(len(bays), self._per_page, face.page)]
        grids = layout.grid(len(shown), standing=False), layout.grid(len(shown), standing=True)
        self._tiles.show(
            {
                "lang": lang,
                "empty": "" if shown else told.text("board.empty"),
                "grid": board_words.variables(
                    columns=[grid.columns for grid in grids],
                    rows=[grid.rows for grid in grids],
                    scale=[round(grid.scale, 4) for grid in grids],
                ),
                "bays": [board_words.tile(bay, face.board, told, face.now, *grids) for bay in shown],
            }
        )

    def _show_foot(self, face: Face, told: Reader, lang: str) -> None:
        key = "board.failing" if face.is_failing else "board.updated"
        self._foot.show(
            {
                "lang": lang,
                "invite": told.text("board.invite"),
                "address": _sized(self._address, ADDRESS_BOX, ADDRESS_SIZES),
                "trouble": told.text("board.trouble"),
                "is_failing": face.is_failing,
                "updated": told.text(key, moment=told.moment(face.as_of, face.now)),
            }
        )


def _sized(text: str, boxes: Sequence[tuple[float, float]], sizes: tuple[float, ...]) -> dict[str, Any]:
    """*text*, shortened to what fits into both *boxes*, and its sizes there as variables."""
    for width, height in boxes:
        text, _ = layout.fitted(text, width, height, sizes, 1.2)
    fitting = [layout.fitted(text, width, height, sizes, 1.2)[1] for width, height in boxes]
    return {"text": text, "sizes": board_words.variables(size=fitting)}


def _stale(told: Reader, face: Face) -> dict[str, Any]:
    return {
        "lang": told.language.quasar,
        "title": told.text("board.stale.title"),
        "news": told.text("board.stale.news", moment=told.moment(face.as_of, face.now)),
        "text": told.text("board.stale.text"),
    }
