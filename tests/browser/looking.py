"""A browser before a board that is told what to show, and measures it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from selenium import webdriver

from tests.browser.waiting import waiting

ROOT = Path(__file__).resolve().parents[2]
START = 60.0
"""Seconds that a start may take on a busy machine."""
MEASURE = """
const [clock, done] = arguments;
const problems = [];
const box = e => e.getBoundingClientRect();
const within = (inner, outer, by) => inner.left >= outer.left - by && inner.right <= outer.right + by
  && inner.top >= outer.top - by && inner.bottom <= outer.bottom + by;
const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
function texts(root) {
  // What each text covers on the screen: its lines, less what a font keeps free above and below its letters.
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.textContent.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const above = .1, below = .05;
    const left = root.closest('.is-left'), right = root.closest('.is-right');
    for (const r of range.getClientRects()) {
      const line = left || right ? r.width : r.height;
      found.push({ of: node.parentElement, text: node.textContent,
        left: r.left + line * (left ? below : right ? above : 0),
        right: r.right - line * (left ? above : right ? below : 0),
        top: r.top + line * (left || right ? 0 : above),
        bottom: r.bottom - line * (left || right ? 0 : below) });
    }
  }
  return found;
}
function measure() {
  const root = document.documentElement, screen = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) problems.push('the page scrolls');
  const board = document.querySelector('.k-board');
  const tiles = [...document.querySelectorAll('.k-bay')];
  const head = box(document.querySelector('.k-head')), foot = box(document.querySelector('.k-foot'));
  for (const part of [head, foot, ...tiles.map(box)])
    if (!within(part, screen, 0)) problems.push('a part is outside of the screen');
  const found = texts(board);
  for (const text of found) {
    const tile = text.of.closest('.k-bay');
    const outer = tile ? box(tile) : text.of.closest('.k-head') ? head : text.of.closest('.k-foot') ? foot
      : box(document.querySelector('.k-empty'));
    if (!within(text, outer, 1)) problems.push('outside: ' + text.text);
  }
  const drawn = [...document.querySelectorAll('.k-board :is(.p-icon, img, button)')].map(e => {
    const { left, right, top, bottom } = box(e);
    return { of: e, text: e.className || 'a dot', left, right, top, bottom };
  });
  const boxes = [...found, ...drawn];
  // The sign of trouble stands in the place of the dots, which go then.
  const either = e => e.closest('.k-trouble, .k-dots');
  for (let i = 0; i < boxes.length; i++)
    for (let j = i + 1; j < boxes.length; j++)
      if (boxes[i].of !== boxes[j].of && over(boxes[i], boxes[j]))
        if (!either(boxes[i].of) || !either(boxes[j].of))
          problems.push(boxes[i].text + ' is over ' + boxes[j].text);
  for (const tile of tiles)
    for (const part of [tile, ...tile.children])
      if (part.scrollWidth > part.clientWidth + 1 && part.clientWidth)
        problems.push('clipped: ' + part.textContent);
  const stale = document.querySelector('.k-stale');
  if (!within(box(stale), screen, 0)) problems.push('the stale mark is outside of the screen');
  for (const text of texts(stale)) if (!within(text, box(stale), 0)) problems.push('outside: ' + text.text);
  const all = selector => [...document.querySelectorAll(selector)];
  const sizes = selector => all(selector).map(e => parseFloat(getComputedStyle(e).fontSize));
  const place = e => { const b = box(e); return [b.left, b.top, b.width, b.height].map(Math.round); };
  const places = selector => all(selector).map(place);
  return {
    problems, words: sizes('.k-word'), details: sizes('.k-details'), names: sizes('.k-name'),
    tiles: places('.k-bay'), heads: places('.k-head'), feet: places('.k-foot'), codes: places('.k-foot img'),
    tops: all('.k-word').map(e => Math.round(box(e).top)), dots: all('.k-dots button').length,
    stale: sizes('.k-stale :is(h2, p)'),
  };
}
(function wait() {
  const shown = document.querySelector('.k-clock');
  if (shown && shown.textContent === clock && document.fonts.status === 'loaded') done(measure());
  else requestAnimationFrame(wait);
})();
"""


@dataclass
class Looking:
    """A browser before a board that is told what to show."""

    browser: webdriver.Chrome
    url: str
    client: httpx.Client
    minute: int = 0

    def open(self, **options: Any) -> None:
        """Load the page."""
        self.browser.get(str(httpx.URL(self.url, params=options)))
        waiting(self.browser, 30).until(
            lambda b: b.execute_script("return !!document.querySelector('.k-clock')")
        )

    def screen(self, width: int, height: int) -> None:
        """Be a screen of this size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def tell(self, **told: Any) -> dict[str, Any]:
        """Change what is shown; what came back from the page until now."""
        answer: dict[str, Any] = self.client.post(self.url + "/show", json=told).json()
        return answer

    def show(self, **face: Any) -> dict[str, Any]:
        """Show a face and measure it once the browser has it: its minute, on the clock, tells."""
        self.minute += 1
        usual = {"kind": "plain", "start": 0, "language": "en", "page": 0, "night": False, "place": 0}
        self.tell(**{**usual, "failing": False, **face, "minute": self.minute})
        hours, minutes = divmod(13 * 60 + self.minute, 60)
        clock = f"{hours % 24:02}:{minutes:02}"
        measured: dict[str, Any] = self.browser.execute_async_script(MEASURE, clock)
        return measured

    def style(self, selector: str, name: str) -> str:
        """What *name* has come to be in the style of what *selector* finds."""
        script = (
            "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])"
        )
        return str(self.browser.execute_script(script, selector, name))


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """Run `tests.board_process`, which prints into *log*; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = [name for name in os.environ if not name.startswith(("NICEGUI_", "PYTEST_"))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.board_process", str(port)],
            cwd=ROOT,
            env={name: os.environ[name] for name in names},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START
    try:
        while True:
            try:
                httpx.get(url + "/look/kiosk.css").raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the board's process did not start"
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)
