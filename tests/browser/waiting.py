"""Waiting for a page that may be loaded anew at any moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    JavascriptException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")
PASSING = (NoSuchElementException, StaleElementReferenceException, JavascriptException)
"""What a browser answers while it leaves one page for the next."""


PATIENCE = 40.0
"""Seconds after which what was to be seen is called lost, on a busy machine too. What a rule says of time is
measured with a clock.
"""


def waiting(
    browser: webdriver.Chrome, seconds: float = PATIENCE, poll: float = 0.1
) -> WebDriverWait[webdriver.Chrome]:
    """Wait up to *seconds*; a look into a page that is just being left counts as "not yet"."""
    return WebDriverWait(browser, seconds, poll, PASSING)


def until(is_so: Callable[[], T], seconds: float = PATIENCE) -> T:
    """What *is_so* gives as soon as that is something; where it looks into a page that is just being left,
    that is "not yet". Raises ``AssertionError``.
    """
    ends = time.monotonic() + seconds
    while True:
        with contextlib.suppress(*PASSING):
            if found := is_so():
                return found
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.1)


def connected(browser: webdriver.Chrome) -> None:
    """Wait until the page that is shown has its socket."""
    waiting(browser).until(lambda b: b.execute_script("return !!window.socket?.connected"))


def body(browser: webdriver.Chrome) -> str:
    """The text of the page, as it is seen."""
    return browser.find_element(By.TAG_NAME, "body").text
