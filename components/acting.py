"""The banner over each page that an operator sees while acting as a driver (P23, T29)."""

from __future__ import annotations

from datetime import timedelta

from nicegui import ui
from nicegui.element import Element

from components import words
from components.drawn import Drawn
from components.words import Reader

END = "/auth/acting/end"
"""Where the form is posted to that ends it."""

BANNER = """
<div class="p-acting-line">
  <i class="p-icon p-i-visibility" aria-hidden="true"></i>
  <p class="p-acting-who">
    <strong id="acting-title">{{ props.row.title }}</strong>
    <span class="p-acting-text">{{ props.row.text }}</span>
  </p>
  <p class="p-acting-left"><i class="p-icon p-i-schedule" aria-hidden="true"></i>{{ props.row.left }}</p>
  <form method="post" :action="props.row.path">
    <input type="hidden" name="page" :value="props.row.page">
    <button type="submit">{{ props.row.back }}</button>
  </form>
</div>
"""


class ActingBanner(Element):
    """Names whom the operator acts as, tells how long it lasts, and ends it. Nothing takes it away."""

    def __init__(self, reader: Reader, name: str, left: timedelta) -> None:
        super().__init__("q-card")
        self.classes("p-acting").props("tag=section flat aria-labelledby=acting-title")
        self.props["lang"] = reader.language.code
        self._reader = reader
        self._texts = {
            "title": reader.text("acting.title", name=name),
            "text": " " + reader.text("acting.text"),  # templates are drawn without space between
            "back": reader.text("acting.back"),
            "path": END,
            "page": self.client.id,
        }
        with self:
            self._drawn = Drawn(BANNER)
        self.tell(left)

    def tell(self, left: timedelta) -> None:
        """Show that it ends in *left*; minutes that have begun count."""
        minutes = max(0, -(-left // timedelta(minutes=1)))
        if minutes > 1:
            duration = self._reader.duration(timedelta(minutes=minutes))
            said = self._reader.text("acting.left", duration=duration)
        else:
            said = self._reader.text("acting.last_minute")
        self._drawn.show({**self._texts, "left": said})


def draw(reader: Reader, name: str, left: timedelta, language: str | None = None) -> ActingBanner:
    """Draw the banner at the top of the page that is being built, before its content.

    It is for the operator, in the *language* of theirs if they have chosen one; the page is the driver's.
    """
    if language is not None:
        reader = words.reader(language, reader.zone)
    with ui.context.client.layout:
        banner = ActingBanner(reader, name, left)
    banner.move(target_index=0)
    return banner
