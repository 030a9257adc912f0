"""The portal's side of a sign-in by a provider, and the provider that can lie at the other."""

from __future__ import annotations

from typing import Any

from app.access.identity import Finished, Provider, Providers
from data.database import Database
from tests.providers import hostile
from tests.providers.hostile import Hostile


def settings(issuer: str, key: str = "hostile", **changes: Any) -> Provider:
    """The provider's table, as a file would have it but for *changes*."""
    told: dict[str, Any] = {
        "key": key,
        "label": "Hostile",
        "issuer": issuer,
        "client_id": hostile.CLIENT,
        "client_secret": hostile.CLIENT_SECRET,
        "token_auth_method": None,
        "scopes": "openid email profile",
        "operator_claim": None,
        "operator_value": None,
        "unknown_drivers": False,
        "link_by_email": False,
        "hosts": frozenset(),
    }
    return Provider(**{**told, **changes})


class Site:
    """One test's: the provider is honest again, and nothing is remembered but by the database."""

    def __init__(self, provider: Hostile, database: Database) -> None:
        fresh = Hostile()
        provider.lies, provider.person, provider.published = fresh.lies, fresh.person, fresh.published
        provider.asked.clear()
        self.provider = provider
        self._database = database

    def make(self, *, patience: float = 5, **changes: Any) -> Providers:
        """The portal after a restart, with two providers, which are the same server."""
        return Providers(
            {key: settings(self.provider.issuer, key, **changes) for key in ("hostile", "other")}
            if "issuer" not in changes
            else {"hostile": settings(**changes)},
            lambda key: f"http://127.0.0.1:1/back/{key}",
            self._database,
            patience=patience,
        )

    async def sign_in(self, providers: Providers | None = None, **begin: Any) -> Finished:
        """There and back."""
        providers = providers or self.make()
        begun = await providers.begin("hostile", **begin)
        query = await self.provider.visit(begun.address)
        return await providers.finish("hostile", query, begun.browser_secret)
