"""What names, addresses and reasons may be made of: one rule for whoever types them (T41)."""

from __future__ import annotations

import pytest

from app.access.account_rules import Refused, proper_email, proper_name, proper_reason

UNSEEN = (
    "\u200b",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\u00ad",
    "\x00",
    "\x07",
    "\x1b",
    "\ud800",
    "\ufffd",
)
BLANK = ("", " \n ", "\u3164", "\u2800 \u115f", "\u0301", "\u200d\u200c")


@pytest.mark.parametrize("name", [*BLANK, *(f"An{one}na" for one in UNSEEN), "x" * 201])
def test_t41_a_name_can_be_seen(name: str) -> None:
    """Nothing that hides, turns around, or that a database does not take."""
    with pytest.raises(Refused, match="name"):
        proper_name(name)


@pytest.mark.parametrize("sign", [*UNSEEN, " ", "\x85", "@"])
def test_t41_an_address_can_be_seen(sign: str) -> None:
    """The same of an e-mail address."""
    with pytest.raises(Refused, match="e-mail"):
        proper_email(f"an{sign}na@example.org")


@pytest.mark.parametrize(
    "name", ["Zoë O’Neil", "李", "علی\u200cرضا", "Ann 👩\u200d🔧", "<b>x</b>", "クリス・ﾘ", "𠮷"]
)
def test_t41_names_of_all_scripts_are_names(name: str) -> None:
    """Also those that are written with joiners."""
    assert proper_name(f"  {name}\n") == name


def test_t41_a_reason_is_a_line_that_can_be_read() -> None:
    """P23: what can't be seen is left away, and nothing that can is none."""
    assert proper_reason(" a\x00b\u202e\n Ticket\ud800 7 ") == "a b Ticket 7"
    assert [proper_reason(one) for one in (*BLANK, *UNSEEN[:-1])] == [""] * (len(BLANK) + len(UNSEEN) - 1)
