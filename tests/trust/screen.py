"""The screen: Chromium with the switches of docs/kiosk, so that nothing differs from a real one.

WebDriver is attached for a moment to read what the page shows, and lets go again.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psutil
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

from tests.browser.flags import take_the_driver_of_this_machine

START = 60.0
"""Seconds that Chromium may take."""
LAUNCHER = Path(__file__).resolve().parents[2] / "docs" / "kiosk" / "polaris-kiosk.sh"
HERE = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--window-size=1920,1080",
)
"""What a machine without a screen needs, and whoever wants to look at the page."""
VOID = frozenset({"img", "br", "meta", "link", "input", "hr", "base", "source"})


@dataclass(frozen=True, slots=True)
class Tile:
    """One bay as the page shows it."""

    name: str
    word: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows at a moment. Empty texts: it is no board."""

    language: str = ""
    count: str = ""
    clock: str = ""
    updated: str = ""
    tiles: tuple[Tile, ...] = ()
    in_trouble: bool = False
    """The small sign can be seen."""
    stale: bool = False
    """The large one."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a browser holds."""

    total: int
    of_files: int
    """Of the program itself, which all its processes share: counted once, and whoever else runs it."""
    own: tuple[tuple[str, int], ...]
    """Each process's kind, and what is its own or its share of what only they share."""

    def __str__(self) -> str:
        each = ", ".join(f"{kind} {bytes_ / 1e6:.0f}" for kind, bytes_ in self.own)
        return f"{self.total / 1e6:.0f} MB (program {self.of_files / 1e6:.0f}, {each})"


class Screen:
    """One browser with a profile of its own in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "profile"
        self._log = folder / "chromium.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str) -> None:
        """Open *address*. Raises ``RuntimeError`` if the browser does not start."""
        chromium = shutil.which("chromium")
        if chromium is None:
            raise RuntimeError("Chromium is missing: scripts/set-up browser installs it")
        take_the_driver_of_this_machine()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    chromium,
                    *switches(LAUNCHER.read_text()),
                    *HERE,
                    f"--user-data-dir={self._profile}",
                    address,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        port_file = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + START
        while not (port_file.exists() and port_file.read_text().strip()):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"Chromium did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.1)
        self._port = int(port_file.read_text().split()[0])

    def memory(self) -> Memory:
        """What all its processes hold together: the median of some looks."""
        looks = []
        for _ in range(5):
            own: list[tuple[str, int]] = []
            of_files = 0
            for process in self._processes():
                try:
                    kinds = [word[7:] for word in process.cmdline() if word.startswith("--type=")]
                    own.append((kinds[0] if kinds else "browser", _own(process.pid)))
                    of_files = max(of_files, process.memory_info().shared)
                except (psutil.Error, OSError):
                    continue  # it has just ended
            looks.append(Memory(of_files + sum(bytes_ for _, bytes_ in own), of_files, tuple(sorted(own))))
            time.sleep(1)
        return sorted(looks, key=lambda look: look.total)[len(looks) // 2]

    @contextmanager
    def looked_at(self) -> Iterator[Look]:
        """Attach; the browser stays as it is afterwards."""
        options = webdriver.ChromeOptions()
        options.debugger_address = f"127.0.0.1:{self._port}"
        options.page_load_strategy = "none"  # a page that is just being loaded is to be seen as it is
        driver = webdriver.Chrome(options=options)
        try:
            yield Look(driver)
        finally:
            driver.quit()

    def close(self) -> None:
        """End it, and what it started."""
        if self._process is None:
            return
        processes = self._processes()
        for process in processes:
            try:
                process.terminate()
            except psutil.Error:
                continue
        _, alive = psutil.wait_procs(processes, 5)
        for process in alive:
            try:
                process.kill()
            except psutil.Error:
                continue
        self._process.wait()

    def _processes(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.Error:
            return []


class Look:
    """Reads the page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def see(self) -> Shown:
        """The page now; an empty one if it can't be read just now."""
        try:
            text = self._driver.page_source
            stale, trouble = (
                any(element.is_displayed() for element in self._driver.find_elements(By.CSS_SELECTOR, which))
                for which in (".k-stale", ".k-trouble")
            )
        except WebDriverException:
            return Shown()
        return read(text, stale=stale, in_trouble=trouble)

    def where(self) -> str:
        """Its address and the beginning of its text, for a report of what went wrong."""
        try:
            body = self._driver.find_element(By.TAG_NAME, "body").text
            return f"{self._driver.current_url}: {body[:300]!r}"
        except WebDriverException as error:
            return f"can't be read: {str(error)[:200]}"

    def picture(self, file: Path) -> None:
        """Keep what it shows."""
        try:
            self._driver.save_screenshot(str(file))
        except WebDriverException:
            return


def switches(launcher: str) -> list[str]:
    """The browser's switches in the text of a *launcher*; not those that it fills in."""
    command = launcher.split("\nchromium ")[1].split("&\n")[0]
    return [word for word in command.split() if word.startswith("--") and "$" not in word]


def _own(pid: int) -> int:
    """Bytes of a process that are no file's. Raises ``OSError`` if it is not there any more.

    Pages of the program are left out: how they are shared out depends on what else runs on the machine.
    """
    kilobytes = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("Pss_Anon", "Pss_Shmem"):
            kilobytes += int(value.split()[0])
    return kilobytes * 1024


def read(html: str, *, stale: bool = False, in_trouble: bool = False) -> Shown:
    """The board in *html*."""
    parser = _Parser()
    parser.feed(html)
    found = parser.found
    tiles = tuple(Tile(tile["k-name"], tile["k-word"], tuple(tile["details"])) for tile in parser.tiles)
    return Shown(
        language=parser.language,
        count=found.get("k-count", ""),
        clock=found.get("k-clock", ""),
        updated=found.get("k-updated", ""),
        tiles=tiles,
        in_trouble=in_trouble,
        stale=stale,
    )


@dataclass
class _Parser(HTMLParser):
    """Gathers the text of the elements that a board is made of."""

    language: str = ""
    found: dict[str, str] = field(default_factory=dict)
    tiles: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[set[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        values = dict(attrs)
        classes = set((values.get("class") or "").split())
        self._open.append(classes)
        if "k-head" in classes:
            self.language = values.get("lang") or ""
        if "k-bay" in classes:
            self.tiles.append({"k-name": "", "k-word": "", "details": []})
        if self._inside("k-details") and tag == "span":
            self.tiles[-1]["details"].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._inside("p-icon"):
            return
        for one in ("k-count", "k-clock", "k-updated"):
            if self._inside(one):
                self.found[one] = (self.found.get(one, "") + data).strip()
        for one in ("k-name", "k-word"):
            if self._inside(one) and self.tiles:
                self.tiles[-1][one] = (self.tiles[-1][one] + data).strip()
        if self._inside("k-details") and data.strip():
            self.tiles[-1]["details"][-1] += data.strip()

    def _inside(self, one: str) -> bool:
        return any(one in classes for classes in self._open)
