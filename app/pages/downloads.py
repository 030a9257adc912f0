"""Files for whoever is signed in: kept by whoever asked, and by nobody on the way."""

from __future__ import annotations

from collections.abc import AsyncIterable

from starlette.responses import StreamingResponse

CSV = "text/csv; header=present"
JSON = "application/json"


def download(pieces: AsyncIterable[str | bytes], name: str, media_type: str) -> StreamingResponse:
    """*pieces* as the file *name*, which is ours: nothing of a request gets in."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, headers=headers, media_type=media_type)
