"""What is written to people: their links, and that their password was changed."""

from __future__ import annotations

from datetime import datetime

from app.access.link_rows import Purpose
from app.mail import Letter
from components import words
from components.words import Reader
from data.queries.people import Recipient

KEYS = {Purpose.INVITATION: "invitation", Purpose.PASSWORD_RESET: "reset"}


def with_link(to: Recipient, purpose: Purpose, address: str, expires_at: datetime, zone: str) -> Letter:
    """The letter that brings the link *address*; *zone* is for those whose own is not known yet."""
    reader = words.reader(to.language, to.time_zone or zone)
    until = f"{reader.long_date(reader.local(expires_at).date())}, {reader.time(expires_at)}"
    key = KEYS[purpose]
    parts = (
        reader.text(f"mail.{key}.text", account=_account(reader, to)),
        address,
        reader.text("mail.until", moment=f"{until} ({to.time_zone or zone})"),
        reader.text(f"mail.{key}.ignore"),
    )
    return _letter(reader, to, reader.text(f"mail.{key}.subject", portal=reader.text("brand")), parts)


def password_changed(to: Recipient, zone: str) -> Letter:
    """The letter that tells of a new password, so that nobody changes one behind its owner's back."""
    reader = words.reader(to.language, to.time_zone or zone)
    parts = (
        reader.text("mail.changed.text", account=_account(reader, to)),
        reader.text("mail.changed.ignore"),
    )
    return _letter(reader, to, reader.text("mail.changed.subject", portal=reader.text("brand")), parts)


def taken_by_provider(to: Recipient, zone: str) -> Letter:
    """The letter that tells of an identity that an invitation has let in to an account that had an owner."""
    reader = words.reader(to.language, to.time_zone or zone)
    parts = reader.text("mail.taken.text", account=_account(reader, to)), reader.text("mail.changed.ignore")
    return _letter(reader, to, reader.text("mail.taken.subject", portal=reader.text("brand")), parts)


def _account(reader: Reader, to: Recipient) -> str:
    return reader.text(f"mail.account.{to.role}", portal=reader.text("brand"), email=to.email)


def _letter(reader: Reader, to: Recipient, subject: str, parts: tuple[str, ...]) -> Letter:
    # A name is a stranger's text: one line of it, and nothing in it that a mail program reads as more.
    name = " ".join("".join(c if c.isprintable() else " " for c in to.name).split())
    said = (reader.text("mail.hello", name=name), *parts, reader.text("brand"))
    return Letter(to.email, subject, "\n\n".join(said) + "\n")
