"""The searched choice of a driver: what was chosen stays, however late it comes and whatever is listed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from components import words
from components.driver_choice import DriverChoice
from data.queries.accounts import Choice
from tests.components.conftest import Paper

EN = words.reader("en", "Europe/Berlin")
DRIVERS = [Choice(n, f"Driver {n}", f"driver{n}@example.org") for n in range(1, 4)]
ZOE = Choice(9, "Zoe Last", "zoe@example.org")


class Search:
    """Finds nobody until it is let go on, as a server that is busy."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[asyncio.Future[Sequence[Choice]]] = []

    async def find(self, typed: str) -> Sequence[Choice]:
        """As `components.driver_choice.Find`."""
        self.asked.append(typed)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


async def tell(choice: DriverChoice, kind: str, args: object) -> None:
    """As the browser does."""
    listener = next(one for one in choice._event_listeners.values() if one.type == kind)
    choice._handle_event({"listener_id": listener.id, "args": args})
    for _ in range(3):
        await asyncio.sleep(0)


async def drawn(paper: Paper, search: Search) -> DriverChoice:
    made: list[DriverChoice] = []
    await paper.draw(lambda: made.append(DriverChoice(EN, search.find, DRIVERS, label="Driver")))
    return made[0]


async def answer(search: Search, *found: Choice) -> None:
    """Let the last search go on."""
    search.answers[-1].set_result(found)
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_was_chosen_stays_when_its_list_is_drawn_anew_meanwhile(paper: Paper) -> None:
    """The click is on its way while the answer to what was typed takes the chosen one off the list."""
    search = Search()
    choice = await drawn(paper, search)
    await tell(choice, "inputValue", "zoe")
    await answer(search, ZOE)
    await tell(choice, "inputValue", "driver")
    await answer(search, *DRIVERS[1:])
    await tell(choice, "update:modelValue", {"value": 0, "label": "Zoe Last · zoe@example.org"})
    assert (choice.value, choice.name) == (9, "Zoe Last")
    assert choice.props["model-value"]["label"] == "Zoe Last · zoe@example.org"
    await tell(choice, "inputValue", "nobody of this name")
    await answer(search)
    assert (choice.value, choice.name) == (9, "Zoe Last")
    await tell(choice, "update:modelValue", {"value": 0, "label": "Somebody else"})
    assert choice.value is None


async def test_the_name_of_who_was_chosen_is_not_looked_for(paper: Paper) -> None:
    """The box shows it and tells so: the list that it was chosen from stays; an earlier search comes late."""
    search = Search()
    choice = await drawn(paper, search)
    await tell(choice, "inputValue", "driver 2")
    label = "Driver 2 · driver2@example.org"
    await tell(choice, "update:modelValue", {"value": 1, "label": label})
    await tell(choice, "inputValue", label)
    await answer(search)
    assert (search.asked, choice.value) == (["driver 2"], 2)
    assert set(choice.options) == {1, 2, 3}
