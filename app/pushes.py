"""What is to be sent to an open page wakes the process, and nothing else does.

NiceGUI's outbox of each page looks every second whether it is to end, although it is told so: two hundred
boards that stand idle cost 4 % of a core by that alone (K12). Ours sleeps until there is something to send,
and lets NiceGUI's own loop send it; `tests/app/test_surface_contract.py` holds what it leans on (T40).
"""

from __future__ import annotations

import asyncio

import nicegui.client
from nicegui import background_tasks, core
from nicegui.outbox import Outbox


def install() -> None:
    """Pages that are opened from now on have ours."""
    nicegui.client.Outbox = QuietOutbox  # type: ignore[attr-defined]


class QuietOutbox(Outbox):
    """NiceGUI's loop ends when it is told to stop: here also when nothing is left, until something is."""

    _is_over = False

    @property
    def _should_stop(self) -> bool:
        waiting = self._enqueue_event
        return self._is_over or waiting is None or not waiting.is_set()

    @_should_stop.setter
    def _should_stop(self, is_over: bool) -> None:
        self._is_over = is_over

    async def loop(self) -> None:
        """Send what there is, until the page is deleted."""
        task = asyncio.current_task()
        while not self._is_over:
            await super().loop()  # with an event of its own, set: it looks first
            if (task is not None and task.cancelling()) or self._enqueue_event is None:
                return  # it swallows that it was cancelled
            await self._enqueue_event.wait()


def answer_polls() -> None:
    """End the sockets that go by requests: one of each waits for news, and an end for it."""
    for socket in list(core.sio.eio.sockets.values()):
        if not socket.upgraded and not socket.closed:
            background_tasks.create(socket.close(wait=False), name="answer a poll")
