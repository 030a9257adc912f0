"""Imports are a line, not a web: main → app → components → data; read from the code, not from memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("app", "components", "data", "main", "tests")
ALLOWED = {
    "data": {"data"},
    "components": {"components", "data"},
    "app.about": set(),
    "app.private_files": set(),
    "app.mail_server": set(),
    "app.settings": {"app.mail_server", "app.private_files", "data"},
    "app.alone": {"data"},
    "app.clock": set(),
    "app.changing": {"app.clock", "app.request_context", "data"},
    # Speaks with identity providers; knows nothing of accounts.
    "app.access.identity": {"app.access.identity", "app.clock", "app.logs", "app.settings", "data"},
    "app.pushes": set(),
    "app.request_context": set(),
    "app.logs": {"app.request_context"},
    "app.billing": {
        "app.access.account_rules",  # what a name has to be
        "app.billing",
        "app.changing",
        "app.clock",
        "app.request_context",
        "app.settings",
        "data",
    },
    "app.access": {
        "app.access",
        "app.changing",
        "app.clock",
        "app.logs",
        "app.mail",
        "app.request_context",
        "app.settings",
        "components",
        "data",
    },
    "app.mail": {"app.clock", "app.logs", "app.mail_server", "app.settings", "data"},
    # Pure: no database, no clock.
    "app.charging.metering": {"app.charging.metering", "app.charging.reports", "data"},
    # The wire tells the rest what it heard in reports, and is handed what it calls.
    "app.charging.ocpp": {
        "app.charging.metering.device_time",
        "app.charging.ocpp",
        "app.charging.reports",
        "app.clock",
        "app.logs",
        "app.settings",
        "data",
    },
    "app.charging": {
        "app.access.account_rules",  # what a reason has to be
        "app.billing",
        "app.changing",
        "app.charging",
        "app.clock",
        "app.logs",
        "app.request_context",
        "app.settings",
        "data",
    },
    # What an operator keeps in order: no page, no charger's words.
    "app.operating": {
        "app.about",
        "app.access",
        "app.alone",
        "app.billing",
        "app.changing",
        "app.charging",
        "app.clock",
        "app.logs",
        "app.operating",
        "app.private_files",
        "app.request_context",
        "app.settings",
        "data",
    },
    # The simulated site is outside of the portal: it knows how to fill a database and how chargers
    # talk, and nothing of how the portal answers.
    "app.simulation": {"app.simulation", "app.access", "app.charging", "app.clock", "app.settings", "data"},
    # The rhythm of boards: when they show what, and that screens answer. Draws nothing itself.
    "app.boards": {"app.about", "app.boards", "app.clock", "data"},
    "app.pages": {
        "app.about",
        "app.access",
        "app.billing",
        "app.boards",
        "app.charging",
        "app.clock",
        "app.logs",
        "app.operating",
        "app.pages",
        "app.portal",
        "app.request_context",
        "app.settings",
        "components",
        "data",
    },
    "app.portal": {
        "app.access",
        "app.alone",
        "app.billing",
        "app.boards",
        "app.mail",
        "app.charging",
        "app.clock",
        "app.logs",
        "app.operating",
        "app.pages",
        "app.pushes",
        "app.request_context",
        "app.settings",
        "data",
        "components",
    },
    "app.commands": {
        "app.access",
        "app.billing",
        "app.charging",
        "app.clock",
        "app.commands",
        "app.logs",
        "app.mail",
        "app.operating",
        "app.portal",
        "app.request_context",
        "app.settings",
        "app.simulation",
        "components.sessions_csv",  # files that no spreadsheet computes (T46)
        "data",
    },
    "app.serve": {"app.logs", "app.portal", "app.pushes", "app.server_options", "app.settings"},
    "app.server_options": {"app.settings"},
    "main": {"app", "components", "data"},
}
"""For each room the rooms that it may import from."""


def modules() -> Iterator[tuple[str, Path]]:
    """Each module of ours by its dotted name."""
    for top in ("app", "components", "data"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if "versions" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield name.removesuffix(".__init__"), path
    yield "main", ROOT / "main.py"


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each module that *path* imports, and whether only for its types."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield from ((f"{node.module}.{alias.name}", id(node) in typing_only) for alias in node.names)


def within(name: str, room: str) -> bool:
    """True if *name* is *room* or in it."""
    return name == room or name.startswith(room + ".")


@pytest.mark.parametrize(("name", "path"), [pytest.param(*module, id=module[0]) for module in modules()])
def test_imports_follow_the_line(name: str, path: Path) -> None:
    room = max((room for room in ALLOWED if within(name, room)), key=len, default=None)
    if room is None:
        assert name == "app", f"{name} has no room: say in ALLOWED what it may import"
        return
    for imported, typing_only in imports(path):
        if imported.split(".")[0] in OURS and not (typing_only and within(imported, "app.portal")):
            assert any(within(imported, allowed) for allowed in ALLOWED[room]), f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "path"), [pytest.param(*module, id=module[0]) for module in modules()])
def test_what_is_never_imported(name: str, path: Path) -> None:
    """`from nicegui import app` would hide our package; `data` draws nothing (house rules 2 and 4)."""
    for imported, _ in imports(path):
        assert imported != "nicegui.app", f"{name}: write nicegui.app, our package is called app"
        if within(name, "data"):
            assert not within(imported, "nicegui.ui"), f"{name} draws"


FORBIDDEN = (
    "run_javascript",
    "js_handler",
    "add_body_html",
    "<script",
    "javascript:",
    "$emit",
    '@click="',
    "Intl.",
)
ZONE_OF_THE_BROWSER = (
    "app.pages.doorway",
    '<input type="hidden" name="time_zone" :value="Intl.DateTimeFormat().resolvedOptions().timeZone">',
)
"""The one exception: no header, no field and no component of NiceGUI or Quasar tells the browser's zone,
which P25 wants for a first guess; the language's region is wrong for whoever's browser speaks en-US."""


@pytest.mark.parametrize(("name", "path"), [pytest.param(*module, id=module[0]) for module in modules()])
def test_no_handwritten_javascript(name: str, path: Path) -> None:
    """House rule 9, T43: nothing of ours is run by the browser but what NiceGUI makes."""
    text = path.read_text()
    if name == ZONE_OF_THE_BROWSER[0]:
        assert text.count(ZONE_OF_THE_BROWSER[1]) == 1, "the exception has moved: is it still needed?"
        text = text.replace(ZONE_OF_THE_BROWSER[1], "")
    assert [word for word in FORBIDDEN if word in text] == []
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("add_slot", "add_head_html", "props", "classes", "style", "add_css")
        ):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            dynamic = [argument for argument in given if isinstance(argument, ast.JoinedStr)]
            assert not dynamic, f"{name}:{node.lineno}: {node.func.attr} takes literals only"


def test_no_script_files() -> None:
    """House rule 9."""
    assert [
        path
        for ending in ("js", "mjs", "ts", "vue")
        for top in ("app", "components", "data", "tests")
        for path in (ROOT / top).rglob(f"*.{ending}")
    ] == []
