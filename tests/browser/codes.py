"""QR codes, read from screenshots."""

from __future__ import annotations

import base64
import zlib

import zxingcpp
from selenium import webdriver


def read_code(browser: webdriver.Chrome, place: list[int]) -> str:
    """What a reader makes of the QR code in a screenshot of *place*: left, top, width, height."""
    grey, width, height = seen(browser, place)
    (found,) = zxingcpp.read_barcodes(memoryview(grey).cast("B", (height, width)))
    return str(found.text)


def quiet_zone(browser: webdriver.Chrome, place: list[int]) -> float:
    """How many modules wide the light margin of the QR code at *place* is, at its upper left corner."""
    grey, width, height = seen(browser, place)
    diagonal = [grey[at * width + at] < 128 for at in range(min(width, height))]
    inside = diagonal.index(False)  # its own corner may be round
    margin = diagonal.index(True, inside)
    row = [pixel < 128 for pixel in grey[(margin + 1) * width : (margin + 2) * width]]
    first = row.index(True)
    module = (row.index(False, first) - first) / 7  # the upper edge of the pattern that scanners find
    return margin / module


def seen(browser: webdriver.Chrome, place: list[int]) -> tuple[bytes, int, int]:
    """A screenshot of *place*, as `gray` gives it."""
    clip = dict(zip(("x", "y", "width", "height"), place, strict=True), scale=1)
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    return gray(base64.b64decode(shot["data"]))


def gray(png: bytes) -> tuple[bytes, int, int]:
    """The green of each pixel of *png*, 8 bits a channel; width; height."""
    width, height = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
    step = {2: 3, 6: 4}[png[25]]
    data, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    raw = zlib.decompress(data)
    stride, above, found = width * step, bytearray(width * step), bytearray()
    for row in range(height):
        start = row * (stride + 1)
        kind, line = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for i in range(stride):
            left = line[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            line[i] = (line[i] + _predicted(kind, left, above[i], corner)) & 255
        found += line[1::step]
        above = line
    return bytes(found), width, height


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    """PNG's filters."""
    if kind == 4:
        base = left + up - corner
        return min((abs(base - left), 0, left), (abs(base - up), 1, up), (abs(base - corner), 2, corner))[2]
    return (0, left, up, (left + up) // 2)[kind]
