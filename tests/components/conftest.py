"""A page of one's own to draw cards on, as a browser would open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from nicegui import ui
from nicegui.testing.user import User
from nicegui.testing.user_simulation import user_simulation


class Paper:
    """Draws a card on a page and opens it."""

    def __init__(self, user: User) -> None:
        self.user = user

    async def draw(self, draw: Callable[[], object]) -> User:
        """Open a page that *draw* has drawn."""

        @ui.page("/")
        def page() -> None:
            draw()

        await self.user.open("/")
        return self.user

    async def html(self, draw: Callable[[], object]) -> str:
        """The first HTML of a page that *draw* has drawn."""

        @ui.page("/html")
        def page() -> None:
            draw()

        response = await self.user.http_client.get("/html")
        assert response.status_code == 200
        return response.text


@pytest.fixture
async def paper() -> AsyncIterator[Paper]:
    """An empty page."""
    async with user_simulation() as user:
        yield Paper(user)
