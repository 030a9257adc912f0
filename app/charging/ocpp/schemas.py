"""The official JSON schemas of OCPP: what we send is checked against them (C6).

They are read from the installed `ocpp` package, whose message loop is not used, and compiled by
fastjsonschema on first use: compiling takes milliseconds, a check microseconds.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import fastjsonschema
import orjson

Version = Literal["ocpp1.6", "ocpp2.0.1"]
"""The subprotocols that we speak."""

_FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201"}


class AgainstSchema(ValueError):
    """What was to be sent is not as the standard says; the text names where."""


def check_request(version: Version, action: str, payload: dict[str, Any]) -> None:
    """Raise `AgainstSchema` unless *payload* is a valid request; ``LookupError`` for an unknown action."""
    _check(version, action if version == "ocpp1.6" else f"{action}Request", payload)


def check_answer(version: Version, action: str, payload: dict[str, Any]) -> None:
    """Raise `AgainstSchema` unless *payload* is a valid answer; ``LookupError`` for an unknown action."""
    _check(version, f"{action}Response", payload)


def _check(version: Version, name: str, payload: dict[str, Any]) -> None:
    try:
        _compiled(version, name)(payload)
    except fastjsonschema.JsonSchemaValueException as error:
        raise AgainstSchema(f"{name}: {error.message}") from error


@cache
def _compiled(version: Version, name: str) -> Callable[[dict[str, Any]], Any]:
    path = _folder(version) / f"{name}.json"
    if not path.is_file():
        raise LookupError(f"{version} has no {name}")
    schema = orjson.loads(path.read_text(encoding="utf-8-sig"))
    compiled: Callable[[dict[str, Any]], Any] = fastjsonschema.compile(schema, use_default=False)
    return compiled


@cache
def _folder(version: Version) -> Path:
    found = importlib.util.find_spec("ocpp")  # looks it up without importing its message loop
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the package `ocpp`, whose schemas are used, is not installed")
    return Path(found.submodule_search_locations[0]) / _FOLDERS[version] / "schemas"
