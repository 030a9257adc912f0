"""What was asked of a charger and what became of it, in one sentence (C16)."""

from __future__ import annotations

from components.words import Reader
from data.queries.commands import Command
from data.types import CommandState

FOLLOWED = ("start", "stop", "reset")
"""What is not done by being accepted."""


def told(reader: Reader, command: Command) -> str:
    """The sentence of *command* as it stands now; *accepted* is never told as *happened*."""
    kind, outcome = command.kind, command.outcome or "failed"
    match command.state:
        case CommandState.WAITING | CommandState.SENT:
            return reader.text(f"commands.{command.state.value}")
        case CommandState.ACCEPTED:
            return reader.text(f"commands.accepted.{kind}" if kind in FOLLOWED else "commands.accepted")
        case CommandState.DONE:
            if outcome in ("scheduled", "reboot_required"):
                return reader.text(f"commands.{outcome}")
            return reader.text(f"commands.done.{kind}")
        case CommandState.TIMED_OUT:
            return reader.text(f"commands.timed_out.{kind}" if kind in FOLLOWED else "commands.timed_out")
        case CommandState.FAILED:
            if outcome == "rejected" and kind in ("stop", "unlock"):
                return reader.text(f"commands.failed.rejected.{kind}")
            return reader.text(f"commands.failed.{outcome}")


def what(reader: Reader, command: Command) -> str:
    """What was asked for: ``Start charging``."""
    return reader.text(f"commands.kind.{command.kind}")
