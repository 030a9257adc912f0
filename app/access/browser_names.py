"""The name of a browser in words, out of what it says of itself."""

from __future__ import annotations

import ua_parser


def browser_name(user_agent: str | None) -> str:
    """``Mobile Safari on iOS``; empty if *user_agent* (at most 500 characters count) names nothing known."""
    if not user_agent:
        return ""
    found = ua_parser.parse(user_agent[:500])
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return (f"{browser} on {system}" if browser and system else browser or system)[:100]
