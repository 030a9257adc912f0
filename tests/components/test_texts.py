"""P26: English and German are complete, and a new language is one file."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path

import pytest
from babel import Locale

from app.changing import CHANGING
from components import words
from components.texts import languages

ROOT = Path(__file__).parents[2]
ENGLISH = languages()["en"].texts


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def forms(text: str | Mapping[str, str]) -> dict[str, str]:
    return {"": text} if isinstance(text, str) else dict(text)


def test_p26_english_and_german_are_there() -> None:
    names = {code: language.name for code, language in languages().items()}
    assert (names["en"], names["de"]) == ("English", "Deutsch")


@pytest.mark.parametrize("code", sorted(languages()))
def test_p26_a_language_is_complete(code: str) -> None:
    """The same keys as English, the same values to fill in, and all plural forms the language has."""
    language = languages()[code]
    assert set(language.texts) == set(ENGLISH)
    for key, text in language.texts.items():
        english = forms(ENGLISH[key])
        assert isinstance(text, str) == isinstance(ENGLISH[key], str), key
        for form in forms(text).values():
            assert form == form.strip(), key
            assert form, key
            assert fields(form) == fields(next(iter(english.values()))), key
        if not isinstance(text, str):
            plural = Locale.parse(language.locale).plural_form
            assert {plural(number) for number in range(200)} <= set(text), key


def test_p26_each_text_that_is_asked_for_exists() -> None:
    """Whatever the code asks for by a literal key is there, in the right kind."""
    asked = re.compile(r"reader\.(text|count)\(\s*\"([^\"]+)\"\s*[,)]")
    found = 0
    for folder in ("components", "app"):
        for file in (ROOT / folder).rglob("*.py"):
            for kind, key in asked.findall(file.read_text()):
                assert key in ENGLISH, f"{file.name} asks for {key!r}"
                assert isinstance(ENGLISH[key], str) == (kind == "text"), f"{file.name} asks for {key!r}"
                found += 1
    assert found > 50


@pytest.mark.parametrize("code", sorted(languages()))
def test_t43_the_sentence_in_a_style_can_not_leave_it(code: str) -> None:
    """T43: `components.theme` writes it between quotation marks in CSS."""
    assert not set(str(languages()[code].texts["frame.no_scripts"])) & set('"\\<\n')


def test_p26_plural_forms_are_chosen_and_filled() -> None:
    english, german = words.reader("en", None), words.reader("de", None)
    assert [english.count("duration.days", n) for n in (1, 2, 1_000)] == ["1 day", "2 days", "1,000 days"]
    assert [german.count("duration.days_ago", n) for n in (1, 2)] == ["vor 1 Tag", "vor 2 Tagen"]
    assert english.count("chargers.free", 2, free=1) == "1 of 2 connectors free"
    # Of three there may be one, whatever the number of all of them says to the verb.
    assert german.count("displays.told", 3, seen=1) == "3 Displays, davon melden sich jetzt: 1"
    assert german.count("overview.displays.seen", 3, seen=1) == "Jetzt melden sich: 1 von 3"
    assert english.count("overview.displays.seen", 3, seen=1) == "1 of 3 seen now"


def test_p26_an_unknown_key_or_the_wrong_kind_is_an_error() -> None:
    reader = words.reader("en", None)
    for ask in (
        lambda: reader.text("no.such.text"),
        lambda: reader.text("duration.days"),
        lambda: reader.count("brand", 2),
    ):
        with pytest.raises(KeyError):
            ask()
    assert not reader.knows("no.such.text")


def actions() -> set[str]:
    """What the program writes into the audit, by all that looks like it in its text."""
    # The word stands behind whoever does it: in a tuple, or in the arguments of what records it.
    told = re.compile(
        r"(?:(?:record|told|offer|_offer|_noted)\([^()]*?|\((?:caller|who|COMMAND_LINE), )"
        r'"([a-z_]+(?:\.[a-z_]+)+)"'
    )
    found = {"own_account.email", "card.link", "card.move"}  # named by constants and choices
    for folder in ("app", "data"):
        for file in (ROOT / folder).rglob("*.py"):
            found |= set(told.findall(file.read_text()))
    return found | set(CHANGING)


def test_t30_each_action_of_the_audit_has_words() -> None:
    """T30, P26: the history shows words in each language, never the name that a program gave to it."""
    found = actions()
    assert {"person.join", "acting.page", "person.first_operator", "subscription.begin"} <= found
    for code, language in languages().items():
        missing = {one for one in found if f"people.did.{one}" not in language.texts}
        assert not missing, code
