"""What steps of the first run are drawn with: a step's card, what is there already, one of the drivers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nicegui import ui

from app.pages.console import Console
from components import forms
from components.drawn import Card, Drawn
from components.words import UNKNOWN
from data.queries.setup import DriverFacts, Step

FACTS = """
<dl class="p-person-facts">
  <div v-for="[name, value] in props.row.facts" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
</dl>
"""


@contextmanager
def card(console: Console, step: Step, *, done: bool = False) -> Iterator[None]:
    """The card of *step*, with its heading and what it is for."""
    reader = console.reader
    with Card("p-two-thirds p-fields p-setup-form", "step-title"):
        forms.text("h2", reader.text(f"setup.{step.value}")).props("id=step-title")
        forms.text("p", reader.text(f"setup.{step.value}.{'there' if done else 'text'}")).classes("p-muted")
        yield


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Pairs of a name and a value."""
    with Card("p-plain-card"):
        Drawn(FACTS, {"facts": [(name, value or UNKNOWN) for name, value in pairs]})


def driver_choice(label: str, drivers: Sequence[DriverFacts]) -> ui.select:
    """One of *drivers*: who came last, unless they have all they need already."""
    names = {one.id: f"{one.name} · {one.email}" for one in drivers}
    waits = next((one for one in drivers if not (one.has_card and one.has_plan)), drivers[0])
    choice = ui.select(names, value=waits.id, label=label, with_input=len(names) > 8)
    return choice.props("outlined options-dense behavior=menu")
