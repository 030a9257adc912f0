"""A form that is posted twice at once, as by a double-click, is answered once: both get the same answer.

Browsers show the answer to the second post, which would tell that a link is used up and bring no cookie.
What makes two posts the same is a random word in the page, which stands in no address, and every field:
whoever else has the link has neither, so that a used link stays dead for them (T37). Each process
remembers for itself: where several run, the second post may reach one that knows of no first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy

from starlette.requests import Request
from starlette.responses import Response

from app.access import posted, return_address, tokens
from components.forms import ONCE

REMEMBERED = 10.0
"""Seconds for which an answer that was given is given again; each page has a word of its own."""
AT_MOST = 1_000
"""Answers that are remembered; for one more the oldest is forgotten."""

Answer = Callable[[Request], Awaitable[Response]]


def once(answer: Answer) -> Answer:
    """*answer*, for forms whose pages need a cookie to go on.

    A browser that has kept none of the page's own is told so, before anything is done.
    """
    answers: dict[str, asyncio.Task[Response]] = {}

    async def answered(request: Request) -> Response:
        form = await posted.form(request)
        if not tokens.TOKEN.fullmatch(posted.text(form, ONCE, 100)):
            return await answer(request)
        if not request.cookies:
            wanted = return_address.safe(request.app, posted.text(form, "next", return_address.LONGEST))
            return posted.redirect("/sign-in", problem="cookies", next=wanted)
        key = tokens.hashed(repr((request.url.path, sorted(form.multi_items(), key=repr))))
        if (task := answers.get(key)) is None:
            if len(answers) >= AT_MOST:
                answers.pop(next(iter(answers)))
            # A task: the browser hangs up the first of the two, and the second wants what comes of it.
            task = answers[key] = asyncio.ensure_future(answer(request))

            def done(task: asyncio.Task[Response]) -> None:
                if task.cancelled() or task.exception() is not None:
                    answers.pop(key, None)  # a failure is not kept, nor what its traceback holds
                else:
                    asyncio.get_running_loop().call_later(REMEMBERED, answers.pop, key, None)

            task.add_done_callback(done)
        return _again(await asyncio.shield(task))

    return answered


def _again(response: Response) -> Response:
    """The same answer to be sent once more: what is on the way out adds headers to it."""
    again = copy(response)
    again.raw_headers = list(response.raw_headers)
    return again
