"""`turn`: tests run beside each other, and those that measure time run alone, soon."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.alone import Room, turn
from tests.schedule import ordered


class Test:
    """A test of another worker; it runs until told to end."""

    __test__ = False

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(folder, alone), daemon=True)
        self._thread.start()

    def _run(self, folder: Path, alone: bool) -> None:
        with turn(folder, alone=alone):
            self.began.set()
            self.may_end.wait(10)

    def runs(self, within: float = 5) -> bool:
        return self.began.wait(within)

    def end(self) -> None:
        self.may_end.set()
        self._thread.join()


Begin = Callable[[bool], Test]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    return lambda alone: Test(tmp_path, alone=alone)


def wait_for_one_in_the_gate(folder: Path) -> None:
    with (folder / "gate").open("a") as gate:
        for _ in range(500):
            try:
                fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(gate, fcntl.LOCK_UN)
            time.sleep(0.01)
    raise AssertionError("nobody came")


def test_tests_run_beside_each_other(begin: Begin) -> None:
    tests = [begin(False), begin(False)]
    assert all(test.runs() for test in tests)
    for test in tests:
        test.end()


def test_one_that_is_alone_waits_for_those_that_run_and_not_for_those_that_come(
    begin: Begin, tmp_path: Path
) -> None:
    first = begin(False)
    assert first.runs()
    alone = begin(True)
    wait_for_one_in_the_gate(tmp_path)
    assert not alone.runs(0)
    late = begin(False)
    assert not late.runs(0.1)
    first.end()
    assert alone.runs()
    assert not late.runs(0.1)
    alone.end()
    assert late.runs()
    late.end()


def test_a_room_that_is_kept_is_given_back_once(begin: Begin, tmp_path: Path) -> None:
    room = Room()
    room.enter(tmp_path, alone=True)
    room.enter(tmp_path, alone=True)  # the next that is alone: it is ours already
    other = begin(False)
    assert not other.runs(0.1)
    room.leave()
    assert other.runs()
    room.leave()
    other.end()


def test_a_part_of_a_test_can_be_alone(begin: Begin, tmp_path: Path) -> None:
    room = Room()
    room.enter(tmp_path, alone=False)
    beside = begin(False)
    assert beside.runs()
    beside.end()
    with room.alone(tmp_path):
        late = begin(False)
        assert not late.runs(0.1)
    assert late.runs()
    late.end()
    another = begin(True)
    wait_for_one_in_the_gate(tmp_path)
    assert not another.runs(0.1), "the rest of the test is beside others again"
    room.leave()
    assert another.runs()
    another.end()


class Item:
    """What an order looks at."""

    def __init__(self, nodeid: str, *, alone: bool = False) -> None:
        self.nodeid, self.alone = nodeid, alone

    def get_closest_marker(self, name: str) -> bool | None:
        return self.alone or None


def test_the_first_worker_has_those_that_are_alone_and_two_have_the_dear_ones() -> None:
    cheap = [Item(f"tests/data/test_{number}.py") for number in range(30)]
    dear = [Item(f"tests/browser/test_{number // 2}.py::test_{number}") for number in range(8)]
    alone = [Item("tests/test_c.py", alone=True), Item("tests/browser/test_d.py", alone=True)]
    items: Any = [*cheap[:15], *dear, *cheap[15:], *alone]
    found = [item.nodeid for item in ordered(items, 4)]
    assert sorted(found) == sorted(item.nodeid for item in items)
    shares = [found[at : at + 10] for at in range(0, 40, 10)]
    assert shares[0][:6] == [one.nodeid for one in (*alone, *dear[2:4], *dear[6:])], "a file stays together"
    assert shares[1][:4] == [one.nodeid for one in (*dear[:2], *dear[4:6])]
    others = shares[0][6:], shares[1][4:], *shares[2:]
    assert not [name for share in others for name in share if "browser" in name]
    for workers in (1, 4, 100):
        assert len(ordered(items, workers)) == len(items)
