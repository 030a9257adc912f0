"""A place on the page where an answer is shown: drawn, shown anew, or replaced by a sentence (P5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from nicegui import ui
from nicegui.element import Element

from components.answers import Failed, report

T = TypeVar("T")
T2 = TypeVar("T2")


class AnswerPlace(Generic[T]):
    """One place on the page where an answer is shown, or the sentence that there is none.

    What is drawn is its own place if it is one element, as cards are: elements are what a page costs.
    """

    def __init__(
        self,
        draw: Callable[[T], Callable[[T], object]],
        sorry: Callable[[], object] | None,
        outdated: Callable[[T], T] | None,
    ) -> None:
        """*draw*, *sorry* and *outdated* as in `Bound.draw`; without *sorry* nothing is drawn instead."""
        self.element: Element
        self.failed = False
        self._outdated = outdated
        self.last: T | Failed = Failed(LookupError("nothing shown yet"))
        self._draw = draw
        self._sorry = sorry
        self._show: Callable[[T], object] | None = None
        self._placed = False

    def show(self, answer: T | Failed) -> None:
        """Show *answer*: on what is drawn already, unless this is the first or the last one failed."""
        if not isinstance(answer, Failed):
            self.last = answer
        elif self._outdated is not None and not isinstance(self.last, Failed):
            answer = self._outdated(self.last)
        if isinstance(answer, Failed):
            self._fail()
            return
        try:
            if self._show is not None:
                with self.element:
                    self._show(answer)
            else:
                self._show = self._put(lambda: self._draw(answer))
        except Exception as error:
            report(error, again=self.failed)
            self._fail()
        else:
            self.failed = False

    def _fail(self) -> None:
        if self.failed and self._show is None:
            return
        self.failed, self._show = True, None
        self._put(self._sorry or (lambda: None))

    def _put(self, draw: Callable[[], T2]) -> T2:
        """What *draw* returns; what it draws takes the place of what stood here, if it does not fail."""
        slot = self.element.parent_slot if self._placed else ui.context.slot
        assert slot is not None
        before = len(slot.children)
        try:
            with slot:
                result = draw()
        except Exception:
            for element in slot.children[before:]:
                element.delete()
            raise
        drawn = slot.children[before:]
        if len(drawn) == 1:
            (place,) = drawn
        else:
            with slot:
                place = Element("div").classes("p-slot")  # a wrapper that the layout does not see
            for element in drawn:
                element.move(place)
        if self._placed:
            place.move(target_index=slot.children.index(self.element))
            self.element.delete()
        self.element, self._placed = place, True
        return result
