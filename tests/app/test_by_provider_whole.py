"""The whole portal with somebody else's provider, and with a file of providers that is wrong: T9, T62."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpx
from click.testing import CliRunner
from starlette.datastructures import QueryParams

from app.commands import commands
from app.portal import install
from data.database import Database
from tests.app.provider_site import Open, accounts, back, begun, opened, provider, running_provider, said
from tests.providers.mock import mock

__all__ = ["opened", "provider", "running_provider"]


async def test_people_come_in_by_somebody_else_s_provider(sqlite_database: Database, opened: Open) -> None:
    """T9: the mock of PyPI, which the simulation would have: in, out, and refused where it is cancelled."""
    grace = {"sub": "grace", "email": "grace@example.org", "email_verified": True, "name": "Grace Driver"}
    with mock(grace) as issuer:
        async with (
            opened(sqlite_database, issuer=issuer, unknown_drivers=True) as here,
            here.browser() as browser,
            httpx.AsyncClient() as there,
        ):
            for action, where, words in (
                ({"action": "deny"}, "/sign-in", "Please try again"),  # it forgets the state
                ({"sub": "grace"}, "/", "Hello Grace Driver, year"),
            ):
                page = await there.post(await begun(browser, next="/?period=year"), data=action)
                went = await back(browser, QueryParams(urlsplit(page.headers["location"]).query))
                assert urlsplit(went).path == where
                assert words in await said(browser, went)
            assert await accounts(here) == [("Grace Driver", "driver")]
            away = (await browser.post("/auth/sign-out")).headers["location"]
            assert away.startswith(f"{issuer}/oauth2/end_session?")
            assert (await there.get(away)).status_code == 200


def test_a_wrong_file_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    """T62: before the database is touched; file, provider, key and remedy, and no trace of a program."""
    file = tmp_path / "providers.toml"
    file.write_text('[company]\nissuer = "http://login.example.org"\nclient_id = "polaris"\n')
    told = {
        "POLARIS_IDENTITY_PROVIDERS": str(file),
        "POLARIS_DATABASE_URL": f"sqlite:///{tmp_path / 'polaris.db'}",
    }
    result = CliRunner().invoke(commands(lambda settings: install(settings) and None), [], env=told)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {file}: [company] issuer: it is not https")
    assert "Traceback" not in result.output
    assert not (tmp_path / "polaris.db").exists()
