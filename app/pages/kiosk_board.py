"""The board of a site on a display: left alone for years (K4–K20)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nicegui import Client, ui
from starlette.requests import Request

from app.access.browser_names import browser_name
from app.access.own_address import own_address
from app.boards.rhythm import Turn
from app.boards.sites import Seen
from components import theme, words
from components.board import Board, Face, pages
from data.queries.site_board import SiteBoard
from data.types import Theme

if TYPE_CHECKING:
    from app.portal import Portal
    from data.queries.displays import KnownDisplay


async def board(portal: Portal, request: Request, display: KnownDisplay) -> None:
    """Draw the board of *display* and let it beat.

    Raises what the database raises: the page of errors tries again.
    """
    page = BoardPage(ui.context.client, display)
    screen = await portal.screens.open(display, page, browser_name(request.headers.get("user-agent")))
    page.client.on_delete(lambda: portal.screens.close(screen))
    theme.dress(words.reader(display.languages[0], None), Theme.DARK)
    ui.add_head_html('<link rel="stylesheet" href="/look/kiosk.css">')
    page.client.title = display.name
    page.drawn = Board(
        display.orientation,
        display.bays_per_page,
        own_address(portal.settings, request),
        display.languages,
        on_alive=screen.answered,
        on_size=screen.sized,
        on_turn=screen.turned,
    )
    screen.begin()
    page.client.on_connect(screen.connected)


class BoardPage:
    """One open page of a display, as `app.boards.screens` sees it."""

    def __init__(self, client: Client, display: KnownDisplay) -> None:
        self.client = client
        self.drawn: Board
        self._display = display
        self._shown: Face | None = None

    @property
    def is_there(self) -> bool:
        """Whether a browser is connected."""
        return self.client.has_socket_connection and not self.client.is_deleted

    def pages(self, board: SiteBoard) -> int:
        """How many pages of bays *board* has."""
        return pages(len(board.bays), self._display.bays_per_page)

    def show(self, seen: Seen, turn: Turn) -> None:
        """Show it; what does not differ from before sends nothing, and mostly is not even put into words."""
        face = Face(
            board=seen.board,
            language=self._display.languages[turn.language],
            now=_minute(turn.now),
            as_of=_minute(seen.as_of),
            page=turn.page,
            is_night=turn.is_night,
            place=turn.place,
            is_failing=seen.is_failing,
        )
        if face != self._shown:
            self.drawn.show(face)
            self._shown = face

    def beat(self, number: int) -> None:
        """Say that the server is there."""
        self.drawn.beat(number)

    def reload(self) -> None:
        """Load the whole page anew."""
        self.client.open("/kiosk")


def _minute(moment: datetime) -> datetime:
    """*moment* as exactly as a board tells it."""
    return moment.replace(second=0, microsecond=0)
