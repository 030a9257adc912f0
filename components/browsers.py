"""The names of browsers, as they were stored at sign-in, in the reader's words."""

from __future__ import annotations

from components.words import Reader


def browser_name(name: str, reader: Reader) -> str:
    """The stored name, `Firefox on Linux`, in the reader's words."""
    browser, between, system = name.rpartition(" on ")
    if between:
        return reader.text("account.browser_on", browser=browser, system=system)
    return name or reader.text("account.browser_unknown")
