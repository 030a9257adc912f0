"""Polaris Express: `python main.py` runs the portal, `python main.py --help` tells the rest."""

from __future__ import annotations

import sys

try:
    from app.settings import Settings, WrongSettings, load
except ModuleNotFoundError as missing:
    sys.exit(f"Error: {missing.name} is not installed for {sys.executable}; 'make run' sets everything up.")


def serve(settings: Settings) -> None:
    """Run the portal; the server and NiceGUI are loaded only now, for they take a second."""
    from app import serve

    serve.serve(settings)


if __name__ in {"__main__", "__mp_main__"}:
    if len(sys.argv) == 1:
        try:
            load()
        except WrongSettings as wrong:
            sys.exit(f"Error: {wrong}")
    from app.commands import command_line

    command_line(serve)
