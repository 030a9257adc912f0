"""T4, T25: what writes to the database on behalf of people goes through `@changing`, or stands in the list.

Read from the code. A new write turns this red until somebody has looked at who may cause it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WHERE = ("app/access", "app/pages", "app/billing", "app/charging", "app/operating")
CHANGES = frozenset({"change", "change_now"})

REVIEWED = {
    # Coming, going and switching: each acts on the browser whose token the request brings.
    "app.access.sign_ins.SignIns._arrive": "whoever has just proved who they are",
    "app.access.sign_ins.SignIns.switch": "a sign-in of the same browser",
    "app.access.sign_ins.SignIns.leave": "a sign-in of the same browser",
    "app.access.sign_ins.SignIns.prove": "their own sign-in, after a proof",
    "app.access.sign_ins.SignIns._end": "each caller is guarded, or the provider itself",
    "app.access.sign_ins.SignIns.used": "when somebody was last here",
    "app.access.sign_ins.SignIns._back_from_acting": "what is over by time",
    "app.access.sign_ins.SignIns._renew": "their own browser's token",
    "app.access.displays.Displays.code": "whoever waits: it opens nothing until an operator confirms it",
    "app.access.acting.ActingAs.end": "an operator leaves their own acting as",
    "app.access.known_browsers.KnownBrowsers.remember": "their own browser, after a proof",
    "app.access.time_zone.guess": "only where none is known, after a proof",
    "app.access.visitor._note": "the audit log of acting as",
    "app.operating.restoring._prepare": "whoever can run commands on the server",
    "app.pages.plan_editor.Editor.save": "`Plans.change`, which refuses by itself",
    # A link or an identity is the proof, and names the account.
    "app.access.first_operator.FirstOperator.offer": "start-up alone",
    "app.access.first_operator.FirstOperator.welcome": "whoever has the link",
    "app.access.one_time_links.Links.forgot": "whoever asks: it goes to the account's own mail",
    "app.access.one_time_links.Links.join": "whoever has the link",
    "app.access.one_time_links.Links.renew_password": "whoever has the link",
    "app.access.one_time_links.Links.enter": "whoever has the link",
    "app.access.identities.Identities.admit": "whom a provider has vouched for",
    "app.access.identities.Identities.accept": "whom a provider has vouched for, with the link",
    "app.access.identity.code_flow.Providers.logged_out": "what must not be used twice",
    "app.access.identity.code_flow.Providers._finished": "what must not be used twice",
    "app.access.own_password.Passwords._rehash": "the same password, just found right",
    "app.charging.commands.Commands.tick": "what has happened, or is over by time",
    "app.charging.commands.Commands._carry_out": "sends what a guarded method has written",
    "app.charging.commands.Commands._answered": "what a charger answered",
    "app.charging.reservations.Reservations.tick": "what begins by time",
}
"""Who may cause what none of the guarded methods does."""
CHARGERS = frozenset(
    {"events", "late", "ledger", "memory", "ocpp", "presence", "sessions", "settling", "sightings"}
)
"""Modules of `app.charging` that write what chargers report, or bill it, and nothing that people ask for."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """The code that serves people."""
    for top in WHERE:
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            parts = name.split(".")
            if not (parts[:2] == ["app", "charging"] and len(parts) > 2 and parts[2] in CHARGERS):
                yield name, ast.parse(path.read_text())


def unguarded(name: str, tree: ast.Module) -> set[str]:
    """Functions and methods of *tree* that write, and are neither guarded nor only called by such."""
    made = dict(_functions(tree, name))
    guarded = {one for one, node in made.items() if any(_is_guard(d) for d in node.decorator_list)}
    asked = {one: _called(node) for one, node in made.items()}
    found = {one for one, node in made.items() if one not in guarded and _writes(node)}
    found |= {f"{name} itself" for node in tree.body if not _defines(node) and _writes(node)}
    return {one for one in found if not _only_by(one, guarded, asked)}


def _functions(node: ast.AST, name: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{name}.{child.name}")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name}.{child.name}", child  # with what it has inside


def _defines(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _is_guard(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "changing"


def _writes(node: ast.AST) -> bool:
    """Also where the method is not called at once, but handed on."""
    return any(
        isinstance(inner, ast.Attribute) and inner.attr in CHANGES and isinstance(inner.ctx, ast.Load)
        for inner in ast.walk(node)
    )


def _called(node: ast.AST) -> set[str]:
    """The private names that *node* mentions."""
    names = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    return names | {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _only_by(one: str, guarded: set[str], asked: dict[str, set[str]]) -> bool:
    last = one.rpartition(".")[2]
    callers = {caller for caller, names in asked.items() if last in names}
    return last.startswith("_") and bool(callers) and callers <= guarded


def test_t25_whoever_writes_is_guarded_or_was_looked_at() -> None:
    """T4, T25: and the list holds nothing that has gone."""
    found = {one for name, tree in modules() for one in unguarded(name, tree)}
    assert sorted(found - set(REVIEWED)) == [], "put @changing before it, or look who may cause it"
    assert sorted(set(REVIEWED) - found) == [], "this is gone from the code"


@pytest.mark.parametrize(
    "code",
    [
        "class A:\n    async def a(self, caller):\n        await self.database.change(work)",
        "async def a(database):\n    await database.change(work)",
        "def a(portal):\n    async def click():\n        await portal.database.change(work)",
        "def a(database):\n    database.change_now(work)",
        "def a(database):\n    later(database.change, work)",
        "database.change_now(work)",
        "class A:\n    @other('x')\n    async def a(self, caller):\n        await self.database.change(work)",
        "class A:\n    @changing('x')\n    async def a(self):\n        await self._b()\n"
        "    async def c(self):\n        await self._b()\n"
        "    async def _b(self):\n        await self.database.change(work)",
    ],
)
def test_each_unguarded_write_is_found(code: str) -> None:
    """T25: so that the silence above means something."""
    assert len(unguarded("x", ast.parse(code))) == 1


def test_guarded_writes_are_not() -> None:
    """T25: by the method itself, or by all that call a private one."""
    code = (
        "class A:\n    @changing('x')\n    async def a(self, caller):\n        await self._b()\n"
        "    async def _b(self):\n        await self.database.change(work)"
    )
    assert unguarded("x", ast.parse(code)) == set()
