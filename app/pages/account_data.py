"""`/account/data.json`, `/account/sessions.csv`: what is stored of whoever is signed in, as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nicegui
from starlette.responses import StreamingResponse

from app.access.visitor import Somebody
from app.pages import downloads
from components import account_data, words

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Install the downloads. Whoever acts as somebody is refused: `ReadOnly` (P24)."""

    @nicegui.app.get(account_data.JSON)
    async def data(somebody: Somebody) -> StreamingResponse:
        pieces = await portal.own_data.json(somebody.caller)
        return downloads.download(pieces, "polaris-express-data.json", downloads.JSON)

    @nicegui.app.get(account_data.CSV)
    async def sessions(somebody: Somebody) -> StreamingResponse:
        reader = words.reader(somebody.language, somebody.time_zone)
        pieces = await portal.own_data.csv(somebody.caller, reader)
        return downloads.download(pieces, "polaris-express-sessions.csv", downloads.CSV)
