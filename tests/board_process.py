"""A board that tests tell what to show, and a page that pairs: ``python -m tests.board_process PORT``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import nicegui
from fastapi import Request
from nicegui import ui

from components import theme
from components.board import Board, Face
from components.pairing import Pairing
from components.texts import Language, languages
from components.words import reader
from data.types import Orientation, Theme
from tests import boards


@dataclass
class Shown:
    """What is on the page, and what came back from it."""

    board: Board | None = None
    face: dict[str, Any] = field(default_factory=dict)
    alive: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    turned: list[int] = field(default_factory=list)

    def show(self, face: dict[str, Any]) -> None:
        """Show *face* in place of the one before, or only what it names of it."""
        self.face = face = {**self.face, **face}
        now = boards.NOON + timedelta(minutes=face["minute"])
        assert self.board is not None
        self.board.show(
            Face(
                board=boards.board(face["count"], face["kind"], face["start"], now),
                language=face["language"],
                now=now,
                as_of=now - timedelta(hours=20 if face["failing"] else 0),
                page=face["page"],
                is_night=face["night"],
                place=face["place"],
                is_failing=face["failing"],
            )
        )

    def turn(self, page: int) -> None:
        """Somebody pressed a dot."""
        self.turned.append(page)
        self.show({"page": page})


NOTHING = {
    "count": 0,
    "kind": "plain",
    "start": 0,
    "language": "en",
    "minute": 0,
    "page": 0,
    "night": False,
    "place": 0,
    "failing": False,
}


LEFT = timedelta(minutes=10)
WORDY = "nl"
"""The code of a language that no file has: its words are longer than those of any that one has."""


def wordy() -> Language:
    """It: German at half its length more, for a display may have three languages and there are two (K16)."""
    texts = {
        key: text if isinstance(text, str) and "{" in text else _longer(text)
        for key, text in languages()["de"].texts.items()
    }
    texts["board.stale.news"] = "Laatste volledige bericht {moment}"
    return Language(WORDY, "Wordy", "de", WORDY, texts)


def _longer(text: str | Mapping[str, str]) -> str | Mapping[str, str]:
    if not isinstance(text, str):
        return text
    words = text.split()
    return " ".join([*words, *words[: -(-len(words) // 2)]])


def main(port: int) -> None:
    """Serve until the end."""
    shown = Shown(face=NOTHING)
    languages()[WORDY] = wordy()
    theme.install()

    @ui.page("/")
    def page(
        per_page: int = 8, orientation: str = "auto", address: str = boards.ADDRESS, told: str = "en,de"
    ) -> None:
        theme.dress(reader("en", None), Theme.DARK)
        ui.add_head_html('<link rel="stylesheet" href="/look/kiosk.css">')
        shown.board = Board(
            Orientation(orientation),
            per_page,
            address,
            told.split(","),
            on_alive=lambda: setattr(shown, "alive", shown.alive + 1),
            on_size=lambda width, height: shown.sizes.append((width, height)),
            on_turn=shown.turn,
        )
        shown.show({})

    @ui.page("/pairing")
    def pairing(address: str, first: str, full: bool = False) -> None:
        others = sorted(code for code in ("de", "en") if code != first)
        readers = [reader(code, None) for code in (first, *others)]
        theme.dress(readers[0], Theme.DARK)
        drawn = Pairing(readers, address + "/admin/displays/new", lambda: None)
        drawn.show("ABCD2345", LEFT, LEFT)
        if full:
            drawn.wait()

    @nicegui.app.post("/show")
    async def show(request: Request) -> dict[str, Any]:
        told = json.loads(await request.body())
        if "beat" in told:
            assert shown.board is not None
            shown.board.beat(told.pop("beat"))
        shown.show(told)
        state = asdict(Shown(None, {}, shown.alive, shown.sizes, shown.turned))
        return {name: state[name] for name in ("alive", "sizes", "turned")}

    ui.run(port=port, host="127.0.0.1", reload=False, show=False, tailwind=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
