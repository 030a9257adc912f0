"""Who looked, what is stored, and how to leave: support visits (P24, T30), downloads, deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from components.drawn import Card, Drawn
from components.words import Reader
from data.queries.support_visits import SHOWN, SupportVisit
from data.types import Role

JSON, CSV = "/account/data.json", "/account/sessions.csv"
"""What the links lead to."""
DELETION = "/auth/account/deletion"
"""Where the forms are posted to."""
SIZES = {"json": (2_000, 330), "csv": (200, 190)}
"""About so many bytes, and so many more a session: people want to know whether it is kB or MB."""
MOST_MINUTES = 30
"""How long acting as somebody lasts if nobody ends it (P23)."""

VISITS = """
<h2 id="support">{{ props.row.title }}</h2>
<p class="p-muted p-small">{{ props.row.text }}</p>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else class="p-account-list">
  <li v-for="visit in props.row.visits" :key="visit.id">
    <div class="p-name p-parts"><span v-for="part in visit.when" :key="part">{{ part }}</span></div>
    <div class="p-meta">{{ visit.reason }}</div>
  </li>
</ul>
<p v-if="props.row.pages.length" class="p-account-action">
  <a v-for="[name, path] in props.row.pages" :key="path" class="p-act" :href="path">{{ name }}</a>
</p>
"""
DOWNLOADS = """
<h2 id="data-title">{{ props.row.title }}</h2>
<p v-if="props.row.all" class="p-account-action">
  <a class="p-act" href="/account/sessions">{{ props.row.all }}</a>
</p>
<p>{{ props.row.text }}</p>
<ul class="p-account-list p-downloads">
  <li v-for="file in props.row.files" :key="file.path">
    <div class="p-name">{{ file.name }}</div>
    <div class="p-meta">{{ file.about }}</div>
    <a v-if="!props.row.read_only" class="p-act" :href="file.path" :aria-label="file.label" download>
      {{ props.row.download }}
    </a>
    <span v-else class="p-act" role="link" aria-disabled="true">{{ props.row.download }}</span>
  </li>
</ul>
"""
LEAVING = """
<h2 id="leaving">{{ props.row.title }}</h2>
<p v-if="props.row.said" class="p-note" role="status">{{ props.row.said }}</p>
<p>{{ props.row.text }}</p>
<form v-if="props.row.asked" class="p-account-action" method="post" :action="props.row.action">
  <input type="hidden" name="drawn_for" :value="props.row.drawn_for">
  <input type="hidden" name="wanted" value="no">
  <button type="submit" class="p-act" :disabled="props.row.read_only">
    {{ props.row.withdraw }}
  </button>
</form>
<template v-else>
  <div class="p-account-action">
    <button type="button" class="p-act is-fault" popovertarget="deletion" aria-haspopup="dialog"
        :disabled="props.row.read_only">{{ props.row.ask }}</button>
  </div>
  <div id="deletion" class="p-ask" popover="auto" role="dialog" aria-labelledby="deletion-title">
    <h2 id="deletion-title">{{ props.row.ask }}</h2>
    <p v-for="line in props.row.lines" :key="line">{{ line }}</p>
    <form method="post" :action="props.row.action" class="p-actions">
      <input type="hidden" name="drawn_for" :value="props.row.drawn_for">
      <input type="hidden" name="wanted" value="yes">
      <button type="button" class="p-act" popovertarget="deletion" popovertargetaction="hide"
          autofocus>{{ props.row.cancel }}</button>
      <button type="submit" class="p-act is-main">{{ props.row.confirm }}</button>
    </form>
  </div>
</template>
"""


def draw_visits(reader: Reader, visits: Sequence[SupportVisit], now: datetime, *, newest: bool) -> Card:
    """When an operator looked, newest first; one more than are shown brings a way to the older ones.

    Unless they are the *newest* there is a way back to those.
    """
    shown, pages = visits[:SHOWN], []
    if not newest:
        pages.append((reader.text("account.visits.newest"), "/account#support"))
    if len(visits) > SHOWN:
        pages.append((reader.text("account.visits.older"), f"/account?before={shown[-1].id}#support"))
    with Card("p-visits", "support") as card:
        Drawn(
            VISITS,
            {
                "title": reader.text("account.visits"),
                "text": reader.text("account.visits.text"),
                "empty": "" if shown else reader.text("account.visits.empty"),
                "visits": [_visit(visit, reader, now) for visit in shown],
                "pages": tuple(pages),
            },
        )
    return card


def draw_downloads(reader: Reader, sessions: int, *, read_only: bool, drives: bool) -> Card:
    """The ways to all that is stored of the person, with how large it is; to the page of who *drives*."""
    files = []
    for path, key in ((JSON, "json"), (CSV, "csv")):
        name = reader.text("account.data." + key)
        fixed, each = SIZES[key]
        about = reader.count(
            f"account.data.{key}.about", sessions, size=reader.file_size(fixed + each * sessions)
        )
        label = reader.text("account.data.download.of", file=name)
        files.append({"path": path, "name": name, "about": about, "label": label})
    with Card("p-half", "data-title") as card:
        Drawn(
            DOWNLOADS,
            {
                "title": reader.text("account.data"),
                "text": reader.text("account.data.text"),
                "files": files,
                "download": reader.text("account.data.download"),
                "all": reader.text("own.all") if drives else "",
                "read_only": read_only,
            },
        )
    return card


def draw_leaving(
    reader: Reader, asked_at: datetime | None, drawn_for: int, *, read_only: bool, said: str = ""
) -> Card:
    """The request to be deleted, or, since *asked_at*, that there is one; on the page of *drawn_for*."""
    if asked_at is None:
        text = reader.text("account.leaving.text")
    else:
        text = reader.text("account.leaving.asked", date=reader.full_date(reader.local(asked_at).date()))
    with Card("p-half", "leaving") as card:
        Drawn(
            LEAVING,
            {
                "title": reader.text("account.leaving"),
                "said": said,
                "text": text,
                "asked": asked_at is not None,
                "withdraw": reader.text("account.leaving.withdraw"),
                "ask": reader.text("account.leaving.ask"),
                "lines": tuple(reader.text(f"account.leaving.{key}") for key in ("who", "kept", "back")),
                "cancel": reader.text("account.leaving.cancel"),
                "confirm": reader.text("account.leaving.confirm"),
                "action": DELETION,
                "drawn_for": str(drawn_for),
                "read_only": read_only,
            },
        )
    return card


def _visit(visit: SupportVisit, reader: Reader, now: datetime) -> dict[str, Any]:
    ended = visit.ended_at
    latest = visit.begun_at + timedelta(minutes=MOST_MINUTES)
    if ended is None and latest <= now:
        ended = latest  # it ran out, and nobody has come by since to write it down
    if ended is None:
        begun = reader.moment(visit.begun_at, now)
        when = [reader.text("account.visits.now"), reader.text("account.visits.since", moment=begun)]
    else:
        when = [reader.span(visit.begun_at, ended, now)]
    when.append(reader.text("account.visits.role." + (visit.role or Role.OPERATOR).value))
    return {"id": visit.id, "when": when, "reason": reader.text("account.visits.reason", reason=visit.reason)}
