"""The accounts that are signed in on a browser, to pick one or to sign it out (P3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element

from components.drawn import Drawn
from components.words import Reader
from data.types import Role

# Each row is two forms that the browser itself posts.
PICKER = """
<ul class="p-accounts" :aria-label="props.row.label">
  <li v-for="one in props.row.accounts" :class="{'is-current': one.current}">
    <form method="post" action="/auth/switch">
      <input type="hidden" name="page" :value="props.row.page">
      <input type="hidden" name="sign_in_id" :value="one.id">
      <button type="submit" class="p-account" :aria-current="one.current ? 'true' : null">
        <i :class="'p-icon p-i-' + one.icon" aria-hidden="true"></i>
        <span class="p-account-who">
          <strong>{{ one.name }}</strong>
          <span>{{ one.email }}</span>
          <span class="p-account-role">
            <span>{{ one.role }}</span>
            <span v-if="one.mark" class="p-account-mark">
              <i :class="'p-icon p-i-' + one.mark_icon" aria-hidden="true"></i>{{ one.mark }}
            </span>
          </span>
        </span>
      </button>
    </form>
    <form method="post" action="/auth/sign-out">
      <input type="hidden" name="page" :value="props.row.page">
      <input type="hidden" name="sign_in_id" :value="one.id">
      <button type="submit" class="p-quiet" :aria-label="one.sign_out_of">{{ props.row.sign_out }}</button>
    </form>
  </li>
</ul>
<div class="p-picker-more">
  <a class="p-other" href="/sign-in?another=yes">
    <i class="p-icon p-i-person_add" aria-hidden="true"></i>{{ props.row.another }}
  </a>
  <form v-if="props.row.everybody" method="post" action="/auth/sign-out">
    <input type="hidden" name="page" :value="props.row.page">
    <input type="hidden" name="everybody" value="yes">
    <button type="submit" class="p-quiet">{{ props.row.everybody }}</button>
  </form>
</div>
"""


@dataclass(frozen=True, slots=True)
class SignedInHere:
    """One account of a browser."""

    sign_in_id: int
    name: str
    email: str
    role: Role
    current: bool = False
    acts_as: str = ""
    """The driver's name, if this is the operator who acts as one right now."""


def draw(reader: Reader, accounts: Sequence[SignedInHere]) -> Element:
    """Draw the list, and the ways to add an account and to leave with all."""
    return Drawn(
        PICKER,
        {
            "label": reader.text("switch.accounts"),
            "accounts": tuple(_row(reader, one) for one in accounts),
            "sign_out": reader.text("switch.sign_out"),
            "another": reader.text("switch.another"),
            "page": ui.context.client.id,
            "everybody": reader.text("switch.everybody") if len(accounts) > 1 else "",
        },
    )


def _row(reader: Reader, one: SignedInHere) -> dict[str, object]:
    role = reader.text(f"switch.role.{one.role.value}")
    mark = reader.text("switch.current") if one.current else ""
    if one.acts_as:
        mark = reader.text("switch.acting", name=one.acts_as)
    return {
        "id": one.sign_in_id,
        "name": one.name,
        "email": one.email,
        "role": role,
        "icon": "shield" if one.role is Role.OPERATOR else "account_circle",
        "current": one.current,
        "mark": mark,
        "mark_icon": "visibility" if one.acts_as else "check_circle",
        "sign_out_of": reader.text("switch.sign_out.of", name=one.name, role=role),
    }
