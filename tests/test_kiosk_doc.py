"""What docs/kiosk.md quotes is in the files that it tells to install, and those do what it says."""

from __future__ import annotations

import configparser
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from components.texts.en import TEXTS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "kiosk.md").read_text()
FILES = DOCS / "kiosk"


def quoted(beginning: str) -> str:
    """The one block of the page that begins so."""
    (block,) = [
        block for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if block.startswith(beginning)
    ]
    return str(block)


@pytest.mark.parametrize(
    ("beginning", "file"),
    [
        ("ExecStart=", "polaris-kiosk.service"),
        ("chromium ", "polaris-kiosk.sh"),
        ("net.ipv4", "90-polaris-kiosk.conf"),
    ],
)
def test_what_is_quoted_is_in_the_file(beginning: str, file: str) -> None:
    assert quoted(beginning) in (FILES / file).read_text()


def test_each_file_is_told_to_be_installed() -> None:
    assert [file.name for file in FILES.iterdir() if file.name not in quoted("apt update")] == []


def test_the_address_is_written_as_the_settings_have_it_before_the_service_starts() -> None:
    (setting,) = [line for line in (FILES / "settings").read_text().splitlines() if not line.startswith("#")]
    steps = quoted("apt update").splitlines()
    assert steps.index(f"echo {setting} >/etc/polaris-kiosk/settings") < len(steps) - 1
    assert steps[-1] == "systemctl enable --now polaris-kiosk"


def test_the_launcher_is_a_program_of_any_shell() -> None:
    launcher = FILES / "polaris-kiosk.sh"
    assert launcher.stat().st_mode & stat.S_IXUSR
    shell = shutil.which("dash") or "/bin/sh"
    assert subprocess.run([shell, "-n", str(launcher)], check=False).returncode == 0


def test_the_service_starts_again_for_ever() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string((FILES / "polaris-kiosk.service").read_text())
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["User"] == "kiosk"
    assert unit["Service"]["EnvironmentFile"] == "/etc/polaris-kiosk/settings"
    assert "/usr/local/bin/polaris-kiosk" in unit["Service"]["ExecStart"]


OF_OTHERS = {"Overlay File System"}
"""Words of Raspberry Pi's own settings."""


def test_what_is_said_to_stand_in_the_console_stands_there() -> None:
    said = set(re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", PAGE)) - OF_OTHERS
    assert "How the screen hangs" in said
    texts = [text for text in TEXTS.values() if isinstance(text, str)]
    for one in said:
        words = " ".join(one.split())
        assert any(
            text in (words, f"{words}:")
            or text.startswith(f"{words}: ")
            or text.endswith(words.removeprefix("…"))
            for text in texts
        ), words


def test_nothing_is_written_in_javascript() -> None:
    assert [file for file in FILES.iterdir() if re.search(r"<script|javascript:", file.read_text())] == []
