"""Polaris Express: `python main.py` runs the portal, `python main.py --help` tells the rest."""

from __future__ import annotations

from app.commands import command_line
from app.serve import serve

if __name__ in {"__main__", "__mp_main__"}:
    command_line(serve)
