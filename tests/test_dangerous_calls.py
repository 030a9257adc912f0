"""T42, T43: what NiceGUI and Vue would run or follow is a literal of ours, or stands in the list below.

Read from the code. Whatever is new at one of these places turns this red until somebody has looked at
where its value comes from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RUNS = frozenset(
    {
        *("add_body_html", "add_css", "add_head_html", "add_sass", "add_scss", "add_slot", "classes"),
        *("default_classes", "default_props", "default_style", "props", "query", "style"),
    }
)
"""Calls whose text becomes part of the page: literals only."""
NEVER = frozenset(
    {
        *("aggrid", "altair", "anywidget", "audio", "chat_message", "code", "codemirror", "echart", "editor"),
        *("highchart", "html", "image", "interactive_image", "json_editor", "leaflet", "log", "markdown"),
        *("mermaid", "restructured_text", "run_javascript", "scene", "upload", "video", "xterm"),
    }
)
"""Elements of `ui` that take markup, options that can hold code, or files; none is needed here."""
LEADS = frozenset({"action", "data", "formaction", "href", "poster", "src", "srcdoc", "to", "xlink:href"})
"""Properties that a browser follows."""
BOUND = re.compile(
    r"""(?::|v-bind:)(?:href|src|srcdoc|to|action|formaction|style|data)=(?:"[^"]*"|'[^']*')"""
)

REVIEWED = {
    # A parameter that each caller gives a literal, or a literal made smaller.
    ("components.drawn", "classes(classes)"),
    ("components.facts", "classes(classes)"),
    ("components.card_table", "classes(classes)"),
    ("components.listing", "classes(classes)"),
    ("components.drawn", "add_slot(_compact(template))"),
    ("app.pages.confirm", "classes(style)"),
    ("app.pages.sign_in", "classes(style)"),
    # Paths of ours, or what `return_address.safe` has let through; a provider's key is quoted.
    ("app.pages.account", "to(f'/account?said={PREFERENCES_SAVED}#preferences-title')"),
    ("app.pages.admin_person", "link(PATHS[self.role][:-1])"),
    ("app.pages.confirm", "href = target"),
    ("app.pages.admin_sessions", "href = target"),
    ("app.pages.admin_sessions", "link(drop)"),
    ("app.pages.admin_sessions", "to(self.asked.address())"),
    ("app.pages.dashboard", "to(f'/?period={period.value}#{USAGE}')"),
    ("app.pages.errors", "href = target"),
    ("app.pages.links", "href = f'/auth/provider/{one.key}?{query}'"),
    ("app.pages.links", "href = target"),
    ("app.pages.admin_audit", "href = answer.asked.address(CSV)"),
    ("app.pages.admin_plan", "to(f'/admin/plans/{self.id}/edit')"),
    ("app.pages.plan_editor", "to(f'{PLANS}/{plan_id}')"),
    ("app.pages.plan_editor", "link(self.back)"),
    ("app.pages.driver_parts", "link(f'/admin/reservations?driver={self.id}')"),
    ("app.pages.driver_reservations", "link(f'/admin/drivers/{self.driver_id}')"),
    ("app.pages.driver_parts", "link(f'/admin/sessions?driver={self.id}')"),
    ("app.pages.people_dialogs", "link(f'{PATHS[role]}{link.account_id}')"),
    ("app.pages.people_dialogs", "to(f'{PATHS[facts.role]}{facts.id}')"),
    ("app.pages.people_dialogs", "to(f'{PATHS[role]}{facts.id}')"),
    ("app.pages.preferences", "to(here(request))"),
    ("app.pages.refusals", "href = back"),
    ("app.pages.sign_in", "href = target"),
    ("app.pages.admin_sites", "to(f'/admin/sites/{self.id}')"),
    ("app.pages.admin_sites", "to(f'/admin/sites?group={group_id}#group-title')"),
    ("app.pages.admin_sites", "link(add)"),
    ("app.pages.admin_display", "link(LIST)"),
    ("app.pages.admin_display", "to(LIST)"),
    ("app.pages.new_display", "link(way_back)"),
    ("app.pages.new_display", "to(f'/admin/displays/{display_id:d}')"),
    ("app.pages.setup", "link(displays.LIST)"),
    ("app.pages.setup", "link(path(earlier))"),
    ("app.pages.setup", "link(path(following))"),
    ("app.pages.setup", "link(path(step) if is_open else PLACES[step])"),
    ("app.pages.setup_steps", "to(self.on)"),
    ("components.forms", "action = action"),
    # A sentence of ours in a style: `components.texts` has no quotation mark in it (tested there).
    ("components.theme", "add_head_html('<style>:root { --no-scripts: \"' + sentence + '\"; }</style>')"),
    # In literal templates: paths that the page makes of constants and ids, and one number.
    ("components.account_access", ':action="props.row.action"'),
    ("components.account_access", ':href="path"'),
    ("components.account_data", ':action="props.row.action"'),
    ("components.account_data", ':href="file.path"'),
    ("components.account_data", ':href="path"'),
    ("components.acting", ':action="props.row.path"'),
    ("components.card_facts", ':href="href"'),
    ("components.card_table", ':href="props.row.next"'),
    ("components.card_table", ':href="props.row.previous"'),
    ("components.card_table", ':href="cell.row[cell.col.name].href"'),
    ("components.facts", ':href="href"'),
    ("components.displays", ':href="props.row.list"'),
    ("components.listing", ':href="cell.href"'),
    ("components.listing", ':href="props.row.way_on"'),
    ("app.pages.quarantine", ':href="href"'),
    ("components.attention", ':href="line.href"'),
    ("components.overview", ':href="tile.href"'),
    ("components.listing", ':href="head.href"'),
    ("components.listing", ':href="props.row.next"'),
    ("components.listing", ':href="props.row.previous"'),
    ("components.people", ':href="props.row.path + id"'),
    ("components.steps", ':href="step.path"'),
    ("components.charger_connectors", "link(path)"),
    ("components.charger_requests", ':href="one.href"'),
    # A picture that is made here, of an address of ours.
    (
        "components.qr",
        "src = segno.make(text, error='m').svg_data_uri(scale=4, border=4, dark='#000', light='#fff')",
    ),
    ("components.plan", ":style=\"{ width: props.row.filled + '%' }\""),
    ("components.plan_preview", ":style=\"{ width: part.percent + '%' }\""),
    ("app.pages.admin_reservations", "to(self.path(day, None))"),
    ("app.pages.reservation_dialogs", ':href="href"'),
    *(
        ("components.reservation_calendar", f':href="{path}"')
        for path in (
            "block.path",
            "charger.path",
            "one.path",
            "site.path",
            "props.row.next[1]",
            "props.row.previous[1]",
            "props.row.today[1]",
        )
    ),
    # Numbers and percentages.
    ("components.board", ':style="props.row.site.sizes"'),
    ("components.board", ':style="props.row.address.sizes"'),
    ("components.board", ':style="props.row.grid"'),
    ("components.board", ':style="bay.sizes"'),
    ("components.reservation_calendar", ':style="block.style"'),
    ("components.reservation_calendar", ":style=\"{ '--lanes': charger.lanes }\""),
    ("components.reservation_calendar", ':style="{ left: left }"'),
    ("components.reservation_calendar", ':style="{ left: site.now[1] }"'),
    ("components.shell", ':action="props.row.end_path"'),
    ("components.shell", ':href="place.path"'),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """What can be seen is made in these."""
    for top in ("app", "components"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), ast.parse(path.read_text())


def findings(tree: ast.Module) -> Iterator[str]:
    """The places of *tree* that take something else than a literal."""
    constants = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, constants)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _of_property(target, node.value, constants)
        elif isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            yield from (f"the key {key!r}" for key in keys if isinstance(key, str) and key.startswith(":"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from BOUND.findall(node.value)
            yield from re.findall(r"v-html|innerHTML|v-bind=|srcdoc", node.value)


def _of_call(node: ast.Call, constants: set[str]) -> Iterator[str]:
    if any(keyword.arg == "sanitize" for keyword in node.keywords):
        yield "sanitize="
    if not isinstance(node.func, ast.Attribute):
        return
    name, of = node.func.attr, ast.unparse(node.func.value)
    if of == "ui" and name in NEVER:
        yield f"ui.{name}"
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if name in RUNS:
        yield from (f"{name}({ast.unparse(one)})" for one in given if not _literal(one, constants))
    elif (of, name) == ("ui", "link") or of.endswith("navigate") or (name == "open" and of == "client"):
        where = given[1:2] if name == "link" else given[:1]
        yield from (f"{name}({ast.unparse(one)})" for one in where if not _literal(one, constants))


def _of_property(target: ast.expr, value: ast.expr, constants: set[str]) -> Iterator[str]:
    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Attribute):
        return
    if target.value.attr not in ("props", "_props"):
        return
    key = ast.literal_eval(target.slice) if isinstance(target.slice, ast.Constant) else None
    if key is None and ast.unparse(target.slice) != "self.VALUE_PROP":
        yield f"the property {ast.unparse(target.slice)}"
    elif isinstance(key, str) and (key.startswith((":", "on")) or key.endswith("html")):
        yield f"the property {key!r}"
    elif key in LEADS and not _literal(value, constants):
        yield f"{key} = {ast.unparse(value)}"


def _literal(node: ast.expr, constants: set[str]) -> bool:
    if isinstance(node, ast.IfExp):
        return _literal(node.body, constants) and _literal(node.orelse, constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _literal(node.left, constants) and _literal(node.right, constants)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in constants)


def _constants(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            else:
                pairs = [(target, node.value)]
            found |= {n.id for n, value in pairs if isinstance(n, ast.Name) and _literal(value, found)}
    return found


def test_nothing_but_literals_reaches_what_runs_or_leads() -> None:
    """T43: and the list holds nothing that has gone."""
    found = {(name, finding) for name, tree in modules() for finding in findings(tree)}
    assert sorted(found - REVIEWED) == [], "look at where the value comes from"
    assert sorted(REVIEWED - found) == [], "this is gone from the code"


def test_few_files_draw_charts() -> None:
    """T42: a chart's texts can be links; all charts have times, numbers and fixed words, nothing stored."""
    charts = {"components.energy_bars", "components.meter_curve"}
    assert {name for name, tree in modules() if "plotly" in ast.unparse(tree).lower()} == charts


def test_cards_are_given_literals() -> None:
    """T43: what `Card` and `Drawn` hand on is a literal at each of their callers."""
    wrong = []
    for name, tree in modules():
        constants = _constants(tree) | _templates(tree)
        for node in ast.walk(tree):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("Card", "Drawn", "super().__init__") and isinstance(node, ast.Call) and node.args:
                if called.startswith("super") and not _is_card(tree, node):
                    continue
                if not _literal(node.args[0], constants):
                    wrong.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert wrong == []


def _templates(tree: ast.Module) -> set[str]:
    """Constants that are put together of constants by `+` or by ``replace`` with one."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }


def _is_card(tree: ast.Module, call: ast.Call) -> bool:
    return any(
        isinstance(node, ast.ClassDef)
        and {ast.unparse(base) for base in node.bases} & {"Card", "Drawn"}
        and any(inner is call for inner in ast.walk(node))
        for node in ast.walk(tree)
    )


@pytest.mark.parametrize(
    "code",
    [
        'ui.html("<b>x</b>")',
        "ui.markdown(text, sanitize=False)",
        'element.props(f"label={name}")',
        'element.classes(name + "x")',
        "element.add_slot('item', template.format(name))",
        "ui.add_head_html(head)",
        'ui.link("x", driver.name)',
        "ui.navigate.to(driver.name)",
        "client.open(address)",
        'link.props["href"] = driver.name',
        'link.props["onclick"] = "x"',
        'link.props[":label"] = "x"',
        "link.props[name] = 1",
        'columns = [{"name": "x", ":format": "y"}]',
        """TEMPLATE = '<p v-html="props.row.name"></p>'""",
        """TEMPLATE = '<a :href="props.row.name">x</a>'""",
        """TEMPLATE = '<p v-bind="props.row"></p>'""",
        "ui.upload()",
    ],
)
def test_each_dangerous_call_is_found(code: str) -> None:
    """T43: so that the silence above means something."""
    assert list(findings(ast.parse(code))) != []
