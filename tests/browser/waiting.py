"""Waiting for a page that may be loaded anew at any moment."""

from __future__ import annotations

from selenium import webdriver
from selenium.common.exceptions import (
    JavascriptException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PASSING = (NoSuchElementException, StaleElementReferenceException, JavascriptException)
"""What a browser answers while it leaves one page for the next."""


def waiting(browser: webdriver.Chrome, seconds: float, poll: float = 0.1) -> WebDriverWait[webdriver.Chrome]:
    """Wait up to *seconds*; a look into a page that is just being left counts as "not yet"."""
    return WebDriverWait(browser, seconds, poll, PASSING)


def body(browser: webdriver.Chrome) -> str:
    """The text of the page, as it is seen."""
    return browser.find_element(By.TAG_NAME, "body").text
