"""`demo`: the portal with a simulated site."""

from __future__ import annotations

from collections.abc import Callable

import click

from app.settings import Settings


def demo_command(run: Callable[[Settings], None]) -> click.Command:
    """The command, which serves with *run*."""

    @click.command("demo")
    def demo() -> None:
        """Run the portal with a simulated site."""

    return demo
