"""The settings as a table, read from where they are defined."""

from __future__ import annotations

import re

import click

from app.settings import Settings

_LINK = re.compile(r"\[[^]]*\]\(([^)#]*)[^)]*\)")
_HEADING = "Settings (environment variables, or lines of a file .env)"


def rows() -> list[tuple[str, str]]:
    """Each setting's variable, and its meaning with its default."""
    prefix = Settings.model_config.get("env_prefix", "")
    table = []
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, "") else str(field.default)
        meaning = plain(field.description or "")
        table.append((f"{prefix}{name}".upper(), f"{meaning} Default: {default}."))
    return table


def plain(markdown: str) -> str:
    """*markdown* of the README as a terminal shows it: a link is the file that it leads to."""
    return _LINK.sub(r"\1", markdown).replace("`", "")


def write_settings(formatter: click.HelpFormatter) -> None:
    """Write the table into a help text."""
    with formatter.section(_HEADING):
        formatter.write_dl(rows(), col_max=34)


@click.command("settings")
def settings_command() -> None:
    """Show all settings, their defaults and their meaning."""
    formatter = click.HelpFormatter(width=110)
    write_settings(formatter)
    click.echo(formatter.getvalue().rstrip())
