"""`scripts/set-up`: each failure is one sentence that says what to do; a second call takes no time."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "dirname", "mkdir", "cksum", "tr", "touch", "rm", "ls", "env", "cat")
BROWSER = ("chromium", "chromedriver", "Xvfb", "xdotool", "curl", "ip", "ss")
"""What `scripts/set-up browser` looks for."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but the script and the lock files, and a PATH with nothing but basic tools."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "set-up", tmp_path / "scripts" / "set-up")
    for lock in ROOT.glob("*.lock"):
        shutil.copy(lock, tmp_path / lock.name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def program(path: Path, script: str) -> None:
    """A program of a strange machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def set_up(checkout: Path, what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "scripts" / "set-up"), what],
        env={"PATH": str(checkout / "bin"), "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a failure."""
    assert done.returncode != 0
    (said,) = done.stderr.strip().splitlines()
    return said


def test_without_python(checkout: Path) -> None:
    assert "install Python 3.11" in sentence(set_up(checkout, "run"))


def test_with_an_old_python(checkout: Path) -> None:
    program(checkout / "bin" / "python3", 'case "$1" in -V) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    said = sentence(set_up(checkout, "run"))
    assert "needs Python 3.11" in said
    assert "3.9.2" in said


def test_without_venv_and_pip(checkout: Path) -> None:
    program(checkout / "bin" / "python3", 'case "$1" in -c) exit 0 ;; *) exit 1 ;; esac')
    assert "python3-venv" in sentence(set_up(checkout, "run"))


def test_without_a_network(checkout: Path) -> None:
    program(checkout / "bin" / "python3", "exit 0")
    program(checkout / ".venv" / "bin" / "python", 'case "$3" in --version) exit 0 ;; *) exit 1 ;; esac')
    said = sentence(set_up(checkout, "run"))
    assert "connection to the package index" in said
    assert ".state/set-up.log" in said


@pytest.mark.alone
def test_a_second_call_installs_nothing(checkout: Path) -> None:
    program(checkout / "bin" / "python3", "exit 0")
    program(checkout / ".venv" / "bin" / "python", "echo $* >>installed; exit 0")
    assert set_up(checkout, "dev").returncode == 0
    before = (checkout / "installed").read_text()
    assert "--require-hashes" in before
    started = time.monotonic()
    for what in ("dev", "run"):  # the development packages serve for running, too
        assert set_up(checkout, what).returncode == 0
    assert time.monotonic() - started < 2
    assert (checkout / "installed").read_text() == before


@pytest.mark.parametrize("what", ["browser"])
def test_without_rights_for_apt(checkout: Path, what: str) -> None:
    program(checkout / "bin" / "apt-get", "exit 100")
    program(checkout / "bin" / "id", "echo 1000")
    said = sentence(set_up(checkout, what))
    assert "needs root" in said
    assert "apt-get install chromium" in said


def test_without_a_package_archive(checkout: Path) -> None:
    program(checkout / "bin" / "apt-get", "exit 100")
    program(checkout / "bin" / "id", "echo 0")
    assert "connection to the package archive" in sentence(set_up(checkout, "browser"))


def test_without_a_virtual_screen(checkout: Path) -> None:
    """Its tests are skipped here, and not in CI."""
    for name in ("chromium", "chromedriver"):
        program(checkout / "bin" / name, "exit 0")
    program(checkout / "bin" / "apt-get", "exit 100")
    program(checkout / "bin" / "id", "echo 0")
    done = set_up(checkout, "browser", CI="")
    assert done.returncode == 0
    assert "virtual screen will be skipped" in done.stdout
    assert "connection to the package archive" in sentence(set_up(checkout, "browser", CI="yes"))


@pytest.mark.parametrize("missing", ["Xvfb", "xdotool", "curl", "ip", "ss"])
def test_without_one_program_of_the_virtual_screen(checkout: Path, missing: str) -> None:
    """Each run of the tests in CI has them all."""
    for name in BROWSER:
        if name != missing:
            program(checkout / "bin" / name, "exit 0")
    program(checkout / "bin" / "apt-get", f"echo $* >>{checkout}/asked")
    program(checkout / "bin" / "id", "echo 0")
    assert set_up(checkout, "browser", TESTS_NEED_SCREEN="1").returncode == 0
    assert "install" in (checkout / "asked").read_text()
    program(checkout / "bin" / "apt-get", "exit 100")
    assert "connection to the package archive" in sentence(
        set_up(checkout, "browser", CI="", TESTS_NEED_SCREEN="1")
    )


def test_with_a_browser_nothing_is_installed(checkout: Path) -> None:
    for name in BROWSER:
        program(checkout / "bin" / name, "exit 0")
    assert set_up(checkout, "browser").stdout == ""
