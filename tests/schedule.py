"""How a run of the tests uses the machine: how many workers, what comes first, what a process starts with."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.alone import Room

DEAR = (
    "tests/browser/",
    "test_demo",
    "test_killed",
    "test_forms_fuzz",
    "test_identity_certified",
    "test_settling",
    "test_queries_session_list",
    "test_import",
    "test_route_table",
    "test_log_canaries",
    "test_backups",
)
"""Where tests take many seconds each; most of them wait for processes."""

room = Room()


def start_quickly() -> None:
    """What each process of this run, and there are 100 of them, would else do again."""
    # The tools of a release bring a package that jsonschema takes if it is there, and that takes a second to
    # import. The portal is installed without it, so its processes run without it here, too.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    ours = str(Path(__file__).parent / "without")
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([ours, *(one for one in others if one not in ("", ours))])
    # Bytecode is kept, whatever a container says by default: it is a quarter of a start.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first worker begins with the tests that are alone; it and the second then have the dear ones.

    Of what comes later the other workers take from them when they have nothing left to do: nobody meets a
    long test at the end, and nobody waits for a long one to end before one that is alone. Two workers wait
    with dear ones from the start while the others keep the cores busy.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if workers:
        items[:] = ordered(items, workers)


def ordered(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """*items* as pytest-xdist deals them out: to each of the *workers* as many, one after the other."""
    alone = [item for item in items if is_alone(item)]
    dear = [item for item in items if not is_alone(item) and any(part in item.nodeid for part in DEAR)]
    taken = {*alone, *dear}
    others = [item for item in items if item not in taken]
    # By files: the tests of one share servers and browsers.
    files = list(dict.fromkeys(file_of(item) for item in dear))
    first = [*alone, *(item for item in dear if file_of(item) in files[1::2])]
    second = [item for item in dear if file_of(item) in files[::2]]
    rest = max(0, len(items) // workers - len(first))
    return [*first, *others[:rest], *second, *others[rest:]]


def file_of(item: pytest.Item) -> str:
    """Where it is written."""
    return item.nodeid.partition("::")[0]


def is_alone(item: pytest.Item | None) -> bool:
    """Whether no other worker's test may run meanwhile."""
    return item is not None and item.get_closest_marker("alone") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, bool, bool]:
    """Tests that are alone and follow each other keep the room: others leave it for them once."""
    try:
        return (yield)
    finally:
        if not (is_alone(item) and is_alone(nextitem)):
            room.leave()
