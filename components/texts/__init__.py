"""The texts of the pages: one file a language, found by itself (P26).

A file is named as its language (`en.py`, `de.py`, a new one `fr.py`) and holds

``NAME``
    the language's name in itself, as the settings offer it;
``LOCALE``
    the CLDR locale that Babel formats numbers, money and dates with;
``QUASAR``
    the language pack of Quasar and NiceGUI, which is the ``lang`` attribute of the pages too;
``TEXTS``
    each text by its key. A text with a number in it may be a mapping of CLDR plural forms
    (``one``, ``few``, ``other`` …). ``{names}`` are filled in by `components.words`.

English is complete by definition; a test holds every other file against it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

FALLBACK = "en"
"""The language of those whose own is not among the files."""


@dataclass(frozen=True, slots=True)
class Language:
    """One file of this folder."""

    code: str
    name: str
    locale: str
    quasar: str
    texts: Mapping[str, str | Mapping[str, str]]


@cache
def languages() -> dict[str, Language]:
    """All languages by code, sorted by code."""
    found = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        file = import_module(f"{__name__}.{module.name}")
        code = module.name.replace("_", "-")
        found[code] = Language(code, file.NAME, file.LOCALE, file.QUASAR, file.TEXTS)
    return found
