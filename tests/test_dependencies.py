"""What we build on: locked with hashes, not below its floor, and listed in the bill of materials (T64)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
FLOORS = {
    "nicegui": "3.18",
    "starlette": "0.49.1",
    "python-socketio": "5.14",
    "h11": "0.16",
    "jinja2": "3.1.6",
    "aiohttp": "3.12.14",
    "authlib": "1.6.6",
    "cryptography": "44.0.1",
    "python-multipart": "0.0.18",
    "orjson": "3.9.15",
    "certifi": "2024.7.4",
}
"""Versions that mended weaknesses which were published: none below them is ever locked."""


def locked(name: str) -> dict[str, Version]:
    """Each package of the lock file *name* with its version."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_is_locked_below_its_floor(lock: str) -> None:
    """T64."""
    versions = locked(lock)
    assert {
        name for name, floor in FLOORS.items() if versions.get(name, Version("999")) < Version(floor)
    } == set()
    assert {"nicegui", "starlette", "authlib", "cryptography"} <= versions.keys()


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """T64: nobody runs what was never resolved together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = locked("requirements.lock")
    for line in project["dependencies"]:
        wanted = Requirement(line)
        assert versions[canonicalize_name(wanted.name)] in wanted.specifier, line


def test_the_bill_of_materials_names_each_package(tmp_path: Path) -> None:
    """T64: what `make sbom` writes is CycloneDX and complete."""
    told = tmp_path / "sbom.json"
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "requirements.lock", "--of", "JSON"]
    subprocess.run([*command, "-o", str(told)], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads(told.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(one["name"]): one["version"] for one in bill["components"]}
    assert listed == {name: str(version) for name, version in locked("requirements.lock").items()}
