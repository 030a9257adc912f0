"""Which page of a board is shown, and buttons that turn to the others, by a remote alone too (K11, K20)."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui
from nicegui.element import Element

from components.words import Reader

DOTS = 6
"""Pages that have a dot each; more are told in numbers, between two buttons that step."""


class Dots(Element, default_classes="k-dots"):
    """*on_turn* is called with the page, from 0, that somebody turned to. Nothing is drawn of one page."""

    def __init__(self, on_turn: Callable[[int], object]) -> None:
        super().__init__("nav")
        self._on_turn = on_turn
        self._count = self._page = 0
        self._buttons: list[Element] = []
        self._number: ui.label | None = None

    def show(self, count: int, page: int, told: Reader) -> None:
        """Say that *page*, from 0, of *count* is shown; the same as before sends nothing."""
        if count != self._count:
            self._draw(count)
        self._count, self._page = count, page
        if self.props.get("aria-label") != (pages := told.text("board.pages")):
            self.props["aria-label"] = pages
        if self._number is not None:
            self._number.text = f"{told.integer(page + 1)} / {told.integer(count)}"
            names = [told.text("board.page.previous"), told.text("board.page.next")]
        else:
            names = [told.text("board.page", n=n + 1, all=count) for n in range(count)]
        for at, (button, name) in enumerate(zip(self._buttons, names, strict=False)):
            current = "page" if at == page and self._number is None else None
            if (button.props.get("aria-label"), button.props.get("aria-current")) != (name, current):
                button.props["aria-label"], button.props["aria-current"] = name, current

    def _draw(self, count: int) -> None:
        self.clear()
        self._buttons, self._number = [], None
        with self:
            if count > DOTS:
                self._button(lambda: self._page - 1).classes("k-step")
                self._number = ui.label()
                self._button(lambda: self._page + 1).classes("k-step")
            elif count > 1:
                for page in range(count):
                    self._button(lambda page=page: page)  # type: ignore[misc]

    def _button(self, page: Callable[[], int]) -> Element:
        button = Element("button").props("type=button")
        button.on("click", lambda: self._on_turn(page() % self._count), args=[])
        self._buttons.append(button)
        return button
