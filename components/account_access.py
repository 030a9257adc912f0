"""How one signs in, and where one is signed in: password, identities, sign-ins (T16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from components import forms
from components.browsers import browser_name
from components.drawn import Card, Drawn
from components.words import Reader
from data.queries.own_account import OwnIdentity
from data.queries.sign_ins import ListedSignIn
from data.types import HowSignedIn

PASSWORD = "/auth/account/password"  # noqa: S105 (an address, not one of anybody)
END, UNLINK = "/auth/account/end-sign-in", "/auth/account/unlink"
"""Where the forms are posted to."""
LINK = "/auth/provider/{key}?purpose=link&next=/account&drawn_for={drawn_for}"
SHOWN = 20
"""Sign-ins that are listed; "everywhere else" reaches the others too."""

# Forms may stand in these templates because nobody types into them: see `components.drawn`.
SIGN_INS = """
<h2 id="sign-ins-title">{{ props.row.title }}</h2>
<p v-if="props.row.said" class="p-note" role="status">{{ props.row.said }}</p>
<p v-if="props.row.acting" class="p-muted p-small">{{ props.row.acting }}</p>
<ul class="p-account-list">
  <li v-for="one in props.row.sign_ins" :key="one.id">
    <div class="p-name">{{ one.browser }}
      <span v-if="one.here" class="p-pill is-online">
        <i class="p-icon p-i-check_circle" aria-hidden="true"></i>{{ props.row.here }}
      </span>
    </div>
    <div class="p-meta p-parts"><span v-for="part in one.parts" :key="part">{{ part }}</span></div>
    <form v-if="!one.here" method="post" :action="props.row.action">
      <input type="hidden" name="drawn_for" :value="props.row.drawn_for">
      <input type="hidden" name="sign_in_id" :value="one.id">
      <button type="submit" class="p-act" :aria-label="one.label" :disabled="props.row.read_only">
        {{ props.row.end }}
      </button>
    </form>
  </li>
</ul>
<p v-if="props.row.more" class="p-muted p-small">{{ props.row.more }}</p>
<form v-if="props.row.others" class="p-account-action" method="post" :action="props.row.action">
  <input type="hidden" name="drawn_for" :value="props.row.drawn_for">
  <input type="hidden" name="others" value="yes">
  <button type="submit" class="p-act" :disabled="props.row.read_only">
    {{ props.row.others }}
  </button>
</form>
"""
IDENTITIES = """
<h2 id="identities-title">{{ props.row.title }}</h2>
<p v-if="props.row.problem" class="p-alert" role="alert">{{ props.row.problem }}</p>
<p v-if="props.row.said" class="p-note" role="status">{{ props.row.said }}</p>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else class="p-account-list">
  <li v-for="one in props.row.identities" :key="one.id">
    <div class="p-name">{{ one.name }}</div>
    <div class="p-meta p-parts"><span v-for="part in one.parts" :key="part">{{ part }}</span></div>
    <form v-if="props.row.can_unlink" method="post" :action="props.row.action">
      <input type="hidden" name="drawn_for" :value="props.row.drawn_for">
      <input type="hidden" name="identity_id" :value="one.id">
      <button type="submit" class="p-act" :aria-label="one.label" :disabled="props.row.read_only">
        {{ props.row.unlink }}
      </button>
    </form>
  </li>
</ul>
<p v-if="props.row.only" class="p-muted p-small">{{ props.row.only }}</p>
<div v-if="props.row.links.length" class="p-account-action">
  <a v-for="[name, path] in props.row.links" :key="path" class="p-act" :href="path">{{ name }}</a>
</div>
"""


def draw_password(
    reader: Reader,
    email: str,
    shortest: int,
    drawn_for: int,
    *,
    read_only: bool,
    said: Callable[[], object],
) -> Card:
    """The form for another password; *shortest*: characters that it has at least."""
    with Card("p-half p-account-form", "password-title") as card:
        forms.text("h2", reader.text("account.password")).props("id=password-title")
        said()
        with forms.form(PASSWORD, drawn_for=drawn_for, read_only=read_only):
            # Not to be seen: it tells a password manager whose password this is.
            whose = forms.field(reader.text("account.email"), email)
            whose.props("type=email name=username autocomplete=username readonly tabindex=-1")
            assert whose.parent_slot is not None
            whose.parent_slot.parent.classes("p-hidden-text").props("aria-hidden=true")
            box = forms.field(reader.text("account.password.current"))
            box.props("type=password name=current autocomplete=current-password required maxlength=1000")
            box = forms.field(reader.text("account.password.new", n=shortest))
            box.props("type=password name=new autocomplete=new-password required maxlength=1000")
            box.props["minlength"] = shortest
            if not read_only:
                forms.once()
            forms.submit(reader.text("account.password.save"))
    return card


def draw_no_password(reader: Reader, providers: Sequence[str], *, switched_off: bool) -> Card:
    """The sentence for those who have no password to change: they sign in with *providers*.

    *switched_off*: there is one, and nobody signs in with it any more.
    """
    with Card("p-half p-account-form", "password-title") as card:
        forms.text("h2", reader.text("account.password")).props("id=password-title")
        if providers:
            told = reader.text("account.password.provider", provider=", ".join(providers))
        else:
            told = reader.text("account.password.off" if switched_off else "account.password.none")
        forms.text("p", told)
    return card


def draw_identities(
    reader: Reader,
    identities: Sequence[OwnIdentity],
    labels: Mapping[str, str],
    now: datetime,
    drawn_for: int,
    *,
    can_unlink: bool,
    read_only: bool,
    said: str = "",
    problem: str = "",
) -> Card:
    """The identities that sign in to the account, and the providers (*labels* by key) to link more of.

    Without *can_unlink* the last one is the only way in. *drawn_for* is the sign-in whose page it is.
    """
    linked = {one.provider for one in identities}
    # What is not an address does not lead anywhere: whoever acts as somebody links nothing.
    more = {} if read_only else {key: label for key, label in labels.items() if key not in linked}
    with Card("p-half", "identities-title") as card:
        Drawn(
            IDENTITIES,
            {
                "title": reader.text("account.identities"),
                "said": said,
                "problem": problem,
                "empty": "" if identities else reader.text("account.identities.empty"),
                "identities": [_identity(one, labels, reader, now) for one in identities],
                "can_unlink": can_unlink,
                "only": reader.text("account.identities.only") if identities and not can_unlink else "",
                "unlink": reader.text("account.unlink"),
                "action": UNLINK,
                "drawn_for": str(drawn_for),
                "links": tuple(
                    (reader.text("account.link", provider=label), LINK.format(key=key, drawn_for=drawn_for))
                    for key, label in more.items()
                ),
                "read_only": read_only,
            },
        )
    return card


def draw_sign_ins(
    reader: Reader,
    sign_ins: Sequence[ListedSignIn],
    here: int,
    now: datetime,
    *,
    read_only: bool,
    said: str = "",
) -> Card:
    """The browsers that are signed in, the last used first; *here* is the sign-in of this one."""
    others = [one for one in sign_ins if one.id != here]
    shown = [one for one in sign_ins if one.id == here] + others[:SHOWN]
    hidden = len(sign_ins) - len(shown)
    with Card("p-half", "sign-ins-title") as card:
        Drawn(
            SIGN_INS,
            {
                "title": reader.text("account.sign_ins"),
                "said": said,
                "acting": _of_the_driver(reader, bool(shown)) if read_only else "",
                "here": reader.text("account.sign_ins.here"),
                "sign_ins": [_sign_in(one, one.id == here, reader, now) for one in shown],
                "more": reader.count("account.sign_ins.more", hidden) if hidden else "",
                "end": reader.text("account.sign_ins.end"),
                "others": reader.text("account.sign_ins.others") if others else "",
                "action": END,
                "drawn_for": str(here),
                "read_only": read_only,
            },
        )
    return card


def _of_the_driver(reader: Reader, any_shown: bool) -> str:
    """What whoever acts as the driver is told, who is at none of these browsers."""
    told = reader.text("account.sign_ins.acting")
    return told if any_shown else f"{told} {reader.text('people.sign_ins.empty')}"


def _sign_in(one: ListedSignIn, here: bool, reader: Reader, now: datetime) -> dict[str, Any]:
    browser = browser_name(one.browser_name, reader)
    parts = [reader.text("account.how." + HowSignedIn(one.how).value)]
    if one.address:
        parts.append(one.address)
    parts.append(reader.text("account.since", moment=reader.moment(one.created_at, now)))
    if not here:
        parts.append(reader.text("account.last_used", ago=reader.ago(one.last_seen_at, now)))
    return {
        "id": one.id,
        "here": here,
        "browser": browser,
        "parts": parts,
        "label": reader.text("account.sign_ins.end.of", browser=browser),
    }


def _identity(one: OwnIdentity, labels: Mapping[str, str], reader: Reader, now: datetime) -> dict[str, Any]:
    name = labels.get(one.provider, one.provider)
    parts = [one.email] if one.email else []
    parts.append(reader.text("account.last_used", ago=reader.ago(one.last_used_at, now)))
    return {
        "id": one.id,
        "name": name,
        "parts": parts,
        "label": reader.text("account.unlink.of", provider=name),
    }
