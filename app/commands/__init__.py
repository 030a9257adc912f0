"""The command line: ``python main.py`` runs the portal, ``python main.py COMMAND`` does one thing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import click
from sqlalchemy.exc import DatabaseError, IntegrityError

from app.commands.backups import backup, restore
from app.commands.chargers import add_charger, add_site, new_password
from app.commands.chargers_import import import_chargers
from app.commands.demo import demo_command
from app.commands.links import invite, new_link, operator_sign_in
from app.commands.opening import PROGRAM
from app.commands.people import add_driver, add_mapping, new_driver_password
from app.commands.plans import add_plan, subscribe
from app.commands.sessions_import import import_sessions
from app.commands.settings_table import settings_command, write_settings
from app.settings import Settings, load


def command_line(run: Callable[[Settings], None], arguments: Sequence[str] | None = None) -> None:
    """Do what *arguments* (without: those of the process) ask for, and end the process.

    *run* serves the portal until it is told to end. Exit code 0, or 1 after one clear sentence.
    """
    commands(run).main(args=None if arguments is None else list(arguments), prog_name=PROGRAM)


def commands(run: Callable[[Settings], None]) -> click.Group:
    """The group of all commands."""

    @click.group(
        cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
    )
    @click.pass_context
    def polaris(context: click.Context) -> None:
        """Polaris Express: a portal for electric-vehicle charging.

        Without a command it runs the portal until Ctrl-C.
        """
        if context.invoked_subcommand is None:
            settings = load()
            with contextlib.suppress(KeyboardInterrupt):  # how the server passes on Ctrl-C
                run(settings)

    for command in (
        invite,
        new_link,
        operator_sign_in,
        add_driver,
        add_site,
        add_charger,
        import_chargers,
        new_password,
        add_mapping,
        new_driver_password,
        add_plan,
        subscribe,
        import_sessions,
        backup,
        restore,
        demo_command(run),
        settings_command,
    ):
        polaris.add_command(command)
    return polaris


class _Commands(click.Group):
    """Commands in the order in which one needs them; every failure that has words becomes one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_settings(formatter)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IntegrityError as error:
            raise click.ClickException(
                "Somebody else has stored the same in this moment: nothing was changed, look and try again."
            ) from error
        except DatabaseError as error:
            raise click.ClickException(
                f"The database refused ({error.orig}): nothing was changed."
            ) from error
        except Exception as error:
            # Failures that we named have a sentence for the reader; anything else is a fault of ours
            # and shows where it happened.
            if type(error).__module__.split(".")[0] not in ("app", "data"):
                raise
            raise click.ClickException(str(error)) from error
