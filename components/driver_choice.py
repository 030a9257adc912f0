"""A driver to choose, by a search among all: only what was found travels to the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.words import Reader
from data.queries.accounts import Choice

Find = Callable[[str], Awaitable[Sequence[Choice]]]


class DriverChoice(ui.select):
    """A box to type a name or an e-mail into, and the drivers that *find* finds; ``value`` is an id.

    Give *found* what is found with nothing typed.
    """

    def __init__(self, reader: Reader, find: Find, found: Sequence[Choice], *, label: str) -> None:
        super().__init__(_names(found), label=label, with_input=True)
        self.classes("p-card-choice").props("outlined options-dense behavior=menu input-debounce=250")
        self.props["hint"] = reader.text("cards.driver.hint")
        self._find = find
        self._known = _names(found)
        self._typed = ""
        self.on("input-value", self._search)

    @property
    def name(self) -> str:
        """The name of whoever is chosen."""
        return self._known.get(self.value, "").rpartition(" · ")[0]

    def _event_args_to_value(self, e: GenericEventArguments) -> int | None:
        # By the words and not by the place in the list, as NiceGUI does: the list may have changed since.
        label = e.args.get("label") if isinstance(e.args, dict) else None
        chosen = next((one for one, words in self._known.items() if words == label), None)
        if chosen is not None and chosen not in self.options:  # what no list has is none of NiceGUI's values
            self.options[chosen] = self._known[chosen]
            self._update_values_and_labels()
        return chosen

    async def _search(self, event: object) -> None:
        typed = getattr(event, "args", "")
        if not isinstance(typed, str) or typed == self._typed:
            return
        self._typed = typed
        if typed in self._known.values():  # the box shows who was chosen: nobody is looked for
            return
        found = await self._find(typed)
        if self._typed != typed or self.is_deleted:
            return  # more has been typed since
        names = _names(found)
        self._known |= names
        if self.value in self._known:  # what is chosen stays so
            names.setdefault(self.value, self._known[self.value])
        self.set_options(names)


def _names(found: Sequence[Choice]) -> dict[int, str]:
    return {one.id: f"{one.name} · {one.email}" for one in found}
