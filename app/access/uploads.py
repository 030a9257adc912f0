"""A file that a form of ours brings: read whole, into memory alone, and with an end to its size.

Nothing is written to the disk, not even for a moment: what somebody chose by mistake is nowhere left.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

LARGEST = 2_000_000
"""Bytes of a file, with what a browser wraps it in."""
STILL_READ = 8_000_000
"""Bytes that the door lets in: a file over the limit is read to its end, for only then do browsers show an
answer. What is longer gets 413."""
FIELD = "file"


class TooLarge(Exception):
    """The file has more than `LARGEST` bytes."""


class NoText(Exception):
    """The file is no text in UTF-8 or Windows-1252: a workbook, say, or a picture."""


async def form(request: Request) -> tuple[FormData, bytes]:
    """The fields of *request*, and what is in its file; b"" if none was chosen.

    Raises `TooLarge`, and `NoText` for a body that is not what browsers send.
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= LARGEST:
            pieces.append(piece)
        else:
            pieces.clear()
    if size > LARGEST:
        raise TooLarge
    if "charset" in request.headers["content-type"].casefold():
        raise NoText  # no browser says one; whoever does chooses how letters are made of bytes

    async def again() -> AsyncGenerator[bytes]:
        for piece in pieces:
            yield piece

    parser = MultiPartParser(request.headers, again(), max_files=1, max_fields=5, max_part_size=1_000)
    parser.spool_max_size = LARGEST + 1  # never a file on the disk
    try:
        fields = await parser.parse()
    except MultiPartException as error:
        raise NoText from error
    file = fields.get(FIELD)
    content = b"" if file is None or isinstance(file, str) else await file.read()
    await fields.close()
    return fields, content


def text(content: bytes) -> str:
    """The letters of *content*: UTF-8, with or without a mark, else Windows-1252 as spreadsheets write it.

    Raises `NoText`.
    """
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            decoded = content.decode("cp1252")
        except UnicodeDecodeError:
            raise NoText from None
    if any(letter < " " and letter not in "\t\r\n" for letter in decoded):
        raise NoText
    return decoded
