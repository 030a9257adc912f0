"""How far somebody has come in a few steps: a list of links, one element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.drawn import Card, Drawn
from components.words import Reader

STEPS = """
<nav :aria-label="props.row.label">
  <ol class="p-steps">
    <li v-for="step in props.row.steps" :key="step.path">
      <a :href="step.path" :aria-current="step.current ? 'step' : null" :class="{ 'is-done': step.done }">
        <span class="p-step-mark">
          <i v-if="step.done" class="p-icon p-i-check_circle" aria-hidden="true"></i>
          <template v-else>{{ step.number }}</template>
        </span>
        <span class="p-step-name">{{ step.name }}</span>
        <span v-if="step.done" class="p-hidden-text">{{ props.row.done }}</span>
      </a>
    </li>
  </ol>
</nav>
"""


@dataclass(frozen=True, slots=True)
class ListedStep:
    """One step."""

    name: str
    path: str
    """A path of ours."""
    done: bool
    current: bool


class Steps(Card):
    """The steps, with what is done marked by a sign and a word."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-setup-steps")
        self._reader = reader
        with self:
            self._drawn = Drawn(STEPS)

    def show(self, steps: Sequence[ListedStep]) -> None:
        """Show *steps*."""
        self._drawn.show(
            {
                "label": self._reader.text("setup.steps"),
                "done": self._reader.text("setup.done"),
                "steps": [
                    {
                        "number": self._reader.integer(number),
                        "name": one.name,
                        "path": one.path,
                        "done": one.done,
                        "current": one.current,
                    }
                    for number, one in enumerate(steps, 1)
                ],
            }
        )
