"""A test that proves a rule is not skipped unnoticed: what is missing in CI fails there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import virtual_screen
from tests.browser.cable import NoNetworks, run

ROOT = Path(__file__).resolve().parent.parent
ENTER = """
import ctypes, os
from tests.browser.cable import Namespace, NoNetworks
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1)  # or it may not even look at itself
try:
    with Namespace():
        print("has one")
except NoNetworks as why:
    print(why)
"""
"""What somebody who may not have networks is told."""


@pytest.mark.parametrize("needed", ["", "CI", "TESTS_NEED_SCREEN"])
def test_a_missing_program_is_no_reason_in_ci(
    needed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "TESTS_NEED_SCREEN"):
        monkeypatch.setenv(name, "true" if name == needed else "")
    for name in virtual_screen.PROGRAMS:
        (tmp_path / name).touch(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    virtual_screen.require()
    (tmp_path / "ss").unlink()
    failed, skipped = pytest.fail.Exception, pytest.skip.Exception
    with pytest.raises((failed, skipped), match="needs ss: scripts/set-up browser") as raised:
        virtual_screen.require()
    assert raised.type is (failed if needed else skipped)


def test_who_may_not_have_networks_is_no_fault() -> None:
    done = subprocess.run([sys.executable, "-c", ENTER], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "no network namespace: Operation not permitted"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("echo RTNETLINK answers: Operation not permitted >&2; exit 2", NoNetworks),
        ("echo Cannot find device >&2; exit 1", RuntimeError),
    ],
)
def test_only_a_refusal_is_a_reason(words: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        run("sh", "-c", words)
    assert raised.type is error


def test_ip_is_no_reason_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        run("ip", "link")


def test_ci_tells_why_it_skipped() -> None:
    """And names what failed; it needs all that may be missing elsewhere."""
    told = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pytest -n logical --dist worksteal -rsfE" in told
    assert "TESTS_NEED_SCREEN=1" in (ROOT / ".ci" / "run").read_text()
