"""`demo`: the portal with a simulated site."""

from __future__ import annotations

import socket
from collections.abc import Callable

import click

from app.settings import Settings
from app.simulation.history import SESSIONS_A_DAY

USUAL_PORT = 8080
HOST = "127.0.0.1"
"""The demo's passwords are on the screen: nobody else is to reach it (T22)."""


def demo_command(run: Callable[[Settings], None]) -> click.Command:
    """The command, which serves with *run*."""

    @click.command("demo")
    @click.option(
        "--days",
        type=click.IntRange(1, 4_000),
        default=400,
        show_default=True,
        help="How many days back its history goes.",
    )
    @click.option(
        "--drivers",
        type=click.IntRange(2, 100_000),
        default=2,
        show_default=True,
        help="How many have a history; 2000 make a large demo in less than a minute.",
    )
    @click.option(
        "--port",
        type=click.IntRange(0, 65_535),
        help="On this machine only.  [default: 8080, else a free one]",
    )
    @click.option(
        "--seed", type=int, default=1, show_default=True, help="Another seed makes another history."
    )
    @click.option("--password", help="The password of its accounts.  [default: a new one, printed]")
    def demo(days: int, drivers: int, port: int | None, seed: int, password: str | None) -> None:
        """Run the portal with a simulated site: 60 chargers that speak OCPP to it, cars that come and go.

        Everything is made anew at each start and deleted at its end; your own data is not touched.
        """
        from app.simulation.demo import run_demo  # with NiceGUI, for which other commands need not wait

        chosen = _free(USUAL_PORT if port is None else port, or_another=port is None)
        if port is None and chosen != USUAL_PORT:
            click.echo(f"Port {USUAL_PORT} is in use; the demo takes {chosen}.")
        expected = round((drivers - 2) * days * SESSIONS_A_DAY)
        with click.progressbar(length=max(1, expected), label="Making a past", hidden=drivers == 2) as bar:

            def tell(text: str) -> None:
                bar.render_finish()
                click.echo(text)

            run_demo(
                run,
                host=HOST,
                port=chosen,
                days=days,
                drivers=drivers,
                password=password,
                seed=seed,
                tell=tell,
                progress=bar.update,
            )

    return demo


def _free(port: int, *, or_another: bool) -> int:
    """*port* if it can be listened on, else another one if that is wanted."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if or_another:
                return _free(0, or_another=False)
            raise click.ClickException(
                f"Port {port} can't be listened on ({error.strerror}): choose another one with --port."
            ) from error
        return int(probe.getsockname()[1])
