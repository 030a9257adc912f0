"""How pages look: the style sheet, the language of the page, light and dark."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import cast

import nicegui
from nicegui import ui
from nicegui.language import Language

from components.words import Reader
from data.types import Theme

PATH = "/look"
"""Where the style sheet is served; everybody may fetch it."""
FOLDER = Path(__file__).parent / "static"
REVALIDATE = 0
"""Seconds a browser may use the style sheet without asking; an unchanged one costs a 304."""

_DARK: dict[Theme, bool | None] = {Theme.SYSTEM: None, Theme.LIGHT: False, Theme.DARK: True}


def install() -> None:
    """Serve the style sheet; once, before the first page."""
    nicegui.app.add_static_files(PATH, FOLDER, max_cache_age=REVALIDATE)


def dress(reader: Reader, theme: Theme = Theme.SYSTEM) -> None:
    """Give the page that is being built its style sheet, its language and its colours.

    Call it first in a page's builder. Language and darkness belong to NiceGUI's page object, which all
    visitors of a route share: this visitor's client gets a copy (undocumented; a test holds it).
    """
    client = ui.context.client
    client.page = copy(client.page)
    client.page.language = cast(Language, reader.language.quasar)
    client.page.dark = _DARK[theme]
    ui.add_head_html('<link rel="stylesheet" href="/look/polaris.css">')
    # NiceGUI says in English alone that no scripts came: the style sheet puts these words in its place.
    sentence = reader.text("frame.no_scripts")
    ui.add_head_html('<style>:root { --no-scripts: "' + sentence + '"; }</style>')
