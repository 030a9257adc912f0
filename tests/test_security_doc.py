"""docs/security.md lists each requirement with tests that there are, and that name it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = [*range(1, 49), 60, 61, 62, 63, 64]
ROW = re.compile(r"^\| T(\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"\bT(\d+)(?:\s*[–-]\s*T?(\d+))?")


@cache
def rows() -> dict[int, list[str]]:
    """The tests listed for each number."""
    found = ROW.findall((ROOT / "docs" / "security.md").read_text())
    return {int(number): re.findall(r"`([^`]+)`", tests) for number, _, tests in found}


@cache
def named_in(file: str) -> dict[str, set[int]]:
    """Each test of *file* with the numbers that its docstring names."""
    tree = ast.parse((ROOT / "tests" / file).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {node.name: numbers(ast.get_docstring(node) or "") for node in functions}


def numbers(text: str) -> set[int]:
    """The numbers that *text* names, those of ranges included."""
    return {
        number for first, last in NAMED.findall(text) for number in range(int(first), int(last or first) + 1)
    }


@pytest.mark.parametrize("number", NUMBERS)
def test_each_requirement_has_tests_that_name_it(number: int) -> None:
    listed = rows().get(number, [])
    assert listed, f"T{number} is not in docs/security.md"
    for test in listed:
        file, name = test.split("::")
        assert number in named_in(file).get(name, set()), f"{test} does not name T{number}"


def test_nothing_else_is_promised() -> None:
    assert sorted(rows()) == NUMBERS
