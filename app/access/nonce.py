"""The nonce that makes NiceGUI's own scripts run under a strict content security policy (T44).

It is put into NiceGUI's page template, before anything is filled in: what comes out of data, props or
head HTML never gets one. `tests/app/test_surface_contract.py` counts the script tags of the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from jinja2 import BaseLoader, Environment
from nicegui.client import templates

KEY = "polaris_nonce"
"""Where a request's scope holds its nonce, a fresh one each time."""
PAGE = "index.html"
_WITH_NONCE = r'<\1 nonce="{{ request.scope.polaris_nonce }}"'
_RUNS = re.compile(r'<(script|link rel="modulepreload")(?=[\s>])')


class WithNonce(BaseLoader):
    """Loads NiceGUI's templates, with a nonce at everything that runs."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The source of *template*."""
        source, name, is_current = self._inner.get_source(environment, template)
        if template == PAGE:
            source = _RUNS.sub(_WITH_NONCE, source)
        return source, name, is_current


def install() -> None:
    """Make NiceGUI's pages carry the nonce of their request; a second time changes nothing."""
    loader = templates.env.loader
    assert loader is not None
    if not isinstance(loader, WithNonce):
        templates.env.loader = WithNonce(loader)
        if templates.env.cache is not None:
            templates.env.cache.clear()
