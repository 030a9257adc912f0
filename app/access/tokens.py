"""Tokens of 256 bits: the holder has the token, the database only its hash (T13, T60)."""

from __future__ import annotations

import hashlib
import re
import secrets

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""What a token looks like; anything else is not looked up and never put into an address."""


def new() -> str:
    """A new token, safe in an address and in a cookie."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is stored of *token*. It is random and long, so a plain hash can't be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
