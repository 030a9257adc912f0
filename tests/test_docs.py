"""The documentation is tested: what it lists exists, and what exists is listed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from app.commands.settings_table import rows
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_each_setting_is_in_the_table_with_its_default_and_meaning() -> None:
    listed = dict(re.findall(r"^\| `(POLARIS_\w+)` \| (.+) \|$", README, re.MULTILINE))
    expected = {}
    for name, field in Settings.model_fields.items():
        value = str(field.default).lower() if isinstance(field.default, bool) else field.default
        default = "–" if value in (None, "") else f"`{value}`"
        expected[f"POLARIS_{name.upper()}"] = f"{default} | {field.description}"
    assert listed == expected


def test_the_help_tells_settings_in_plain_text() -> None:
    told = dict(rows())
    assert "(see docs/accounts.md)" in told["POLARIS_SMTP_URL"]
    assert not [meaning for meaning in told.values() if "](" in meaning or "`" in meaning]


def test_each_make_target_is_told() -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [target for target in targets if target != "help" and f"`make {target}`" not in README] == []


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_lock_files_carry_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^([a-z0-9][\w.-]*(?:\[[\w,]+\])?)==", text, re.MULTILINE | re.IGNORECASE)
        assert len(pinned) > 40
        assert text.count("\n    --hash=sha256:") >= len(pinned)


def test_each_dependency_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    project = tomllib.loads("\n".join(lines))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for dependency in wanted:
        (line,) = [line for line in lines if f'"{dependency}"' in line]
        assert re.search(r'",\s+# \w+', line), dependency
