"""What an open page costs while nothing is to be sent to it, and that nothing waits that is (K12)."""

from __future__ import annotations

import asyncio

from nicegui import Client, ui
from nicegui.page import page

from app import pushes
from tests.conftest import Visit
from tests.waiting import until


def sending(client: Client) -> asyncio.Task[None]:
    """The task that sends to *client*."""
    [found] = [task for task in asyncio.all_tasks() if task.get_name() == f"outbox loop {client.id}"]
    return found


def awaited(task: asyncio.Task[None]) -> list[str]:
    """What *task* stands in, the outermost first."""
    names: list[str] = []
    inner: object = task.get_coro()
    while (name := getattr(inner, "__qualname__", None)) is not None:
        names.append(name)
        inner = getattr(inner, "cr_await", None)
    return names


ASLEEP = ["QuietOutbox.loop", "Event.wait"]


async def test_k12_an_open_page_wakes_nobody_until_there_is_something(visit: Visit) -> None:
    """Neither a timer nor a look each second; then all goes out at once, and it sleeps again."""
    user = await visit(None, "/sign-in")
    assert user.client is not None
    task, outbox = sending(user.client), user.client.outbox
    await until(lambda: awaited(task) == ASLEEP)
    for text in ("first", "second", "third"):
        sent = outbox.next_message_id
        with user:
            ui.label(text)
        await until(lambda sent=sent: outbox.next_message_id > sent)  # type: ignore[misc]
        await until(lambda: awaited(task) == ASLEEP)
        assert not outbox.updates


async def test_what_comes_while_something_is_sent_is_sent_too(visit: Visit) -> None:
    user = await visit(None, "/sign-in")
    client = user.client
    assert client is not None
    task, outbox = sending(client), client.outbox
    sent: list[str] = []
    await until(lambda: awaited(task) == ASLEEP)
    emit = outbox._emit

    async def slowly(message: tuple[str, str, object]) -> None:
        if not sent:
            outbox.enqueue_message("second", {}, client.id)
        sent.append(message[1])
        await asyncio.sleep(0)
        await emit(message)

    outbox._emit = slowly  # type: ignore[method-assign]
    outbox.enqueue_message("first", {}, client.id)
    await until(lambda: sent == ["first", "second"])
    await until(lambda: awaited(task) == ASLEEP)


async def test_sending_ends_with_the_page(visit: Visit) -> None:
    """Nothing is left of it: neither while it sleeps nor while it waits for a browser."""
    user = await visit(None, "/sign-in")
    assert user.client is not None
    asleep = sending(user.client)
    await until(lambda: awaited(asleep) == ASLEEP)
    user.client.delete()
    await until(asleep.done)
    unconnected = Client(page(""))
    waiting = sending(unconnected)
    await until(lambda: awaited(waiting)[-1] == "sleep")
    unconnected.delete()
    await until(waiting.done)


async def test_sending_ends_with_the_server(visit: Visit) -> None:
    """NiceGUI cancels the tasks of its pages, and its own loop does not tell that it was."""
    user = await visit(None, "/sign-in")
    assert user.client is not None
    unconnected = Client(page(""))
    try:
        asleep, waiting = sending(user.client), sending(unconnected)
        await until(lambda: awaited(asleep) == ASLEEP and awaited(waiting)[-1] == "sleep")
        for task in (asleep, waiting):
            task.cancel()
            await until(task.done)
    finally:
        unconnected.delete()


async def test_all_pages_have_it(visit: Visit) -> None:
    user = await visit(None, "/sign-in")
    assert user.client is not None
    assert type(user.client.outbox) is pushes.QuietOutbox
