"""The certified provider of npm (`oidc-provider`), started for a test: it enforces PKCE, nonce and the rest.

    with started(redirect_uris=["http://127.0.0.1:8080/…/callback"]) as provider:
        provider.issuer, provider.client_id, provider.client_secret

Whoever types the name of one of `accounts` into its page, with any password, is that person.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

PACKAGE = Path(__file__).parent / "certified_package"
"""Names the version and, with hashes, all that it needs; npm knows by itself where to get it."""
FOLDER = Path(__file__).resolve().parents[2] / ".state"
"""Beside the checkout's files and ignored by git: installed once."""
CLIENT = "polaris"
CLIENT_SECRET = "of-the-tests-alone-0123456789"
ACCOUNTS: dict[str, dict[str, Any]] = {
    "ada": {"email": "ada@example.org", "email_verified": True, "name": "Ada Driver", "groups": ["drivers"]},
    "olga": {"email": "olga@example.org", "email_verified": True, "name": "Olga Op", "groups": ["operators"]},
}
"""By what they type: the claims of each."""

# JavaScript, though nobody writes any here otherwise: the package is a library without a program to start,
# and takes who its people are as a function only. It is the other side of the tests, never in a browser.
PROGRAM = """
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';
const config = JSON.parse(process.env.CERTIFIED);
let people = {};
config.findAccount = (_, id) => people[id] && { accountId: id, claims: () => ({ ...people[id], sub: id }) };
config.fetch = (url, options) => fetch(url, { ...options, dispatcher: undefined });
createInterface({ input: process.stdin })
  .on('line', (line) => { people = JSON.parse(line); console.log('people'); })
  .on('close', () => process.exit());
const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, config).callback());
  console.log(`issuer ${issuer}`);
});
"""


class CertifiedMissing(Exception):
    """The provider can't be installed here; the text says what is missing."""


class Certified:
    """The running provider. Its sessions, grants and people live as long as it does."""

    def __init__(self, process: subprocess.Popen[str], client_id: str, client_secret: str) -> None:
        self._process = process
        self.client_id = client_id
        self.client_secret = client_secret
        try:
            self.issuer = self._told("issuer")
        except CertifiedMissing:
            self.stop()
            raise

    @classmethod
    def start(
        cls,
        *,
        redirect_uris: Sequence[str],
        post_logout_redirect_uris: Sequence[str] = (),
        backchannel_logout_uri: str | None = None,
        accounts: Mapping[str, Mapping[str, Any]] = ACCOUNTS,
        client_id: str = CLIENT,
        client_secret: str = CLIENT_SECRET,
        **config: Any,
    ) -> Self:
        """Start it on a free port of this machine; *config* is more of its own. Raises `CertifiedMissing`."""
        client = {
            "client_id": client_id,
            "client_secret": client_secret,
            "redirect_uris": list(redirect_uris),
            "post_logout_redirect_uris": list(post_logout_redirect_uris),
        }
        if backchannel_logout_uri is not None:
            client |= {
                "backchannel_logout_uri": backchannel_logout_uri,
                "backchannel_logout_session_required": True,
            }
        told = {
            "clients": [client],
            "claims": {
                "openid": ["sub", "groups"],
                "email": ["email", "email_verified"],
                "profile": ["name", "locale", "zoneinfo"],
            },
            "cookies": {"keys": ["of the tests alone"]},
            "features": {"backchannelLogout": {"enabled": True}},
            "ttl": {"Session": 3600, "Grant": 3600, "Interaction": 600, "AccessToken": 600, "IdToken": 600},
            **config,
        }
        process = subprocess.Popen(
            [_found("node"), "--input-type=module", "--eval", PROGRAM],
            cwd=_installed(),
            env={**os.environ, "CERTIFIED": json.dumps(told)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        provider = cls(process, client_id, client_secret)
        provider.know(accounts)
        return provider

    def know(self, accounts: Mapping[str, Mapping[str, Any]]) -> None:
        """From now on these are its people, with these claims."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(accounts) + "\n")
        self._process.stdin.flush()
        self._told("people")

    def table(self, key: str, **more: str | bool) -> str:
        """This provider as a table *key* of `POLARIS_IDENTITY_PROVIDERS`, with *more* keys."""
        told = {
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            **more,
        }
        return f"[{key}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items())

    def stop(self) -> None:
        """Take it down, as a provider that is gone; may be called twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _told(self, word: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            first, _, rest = line.strip().partition(" ")
            if first == word:
                return rest
        raise CertifiedMissing(f"the provider ended with {self._process.wait()} and did not tell its {word}")


@contextmanager
def started(**options: Any) -> Iterator[Certified]:
    """`Certified.start` and its end; skips the test where it can't be had, unless `TESTS_NEED_PROVIDER`."""
    try:
        provider = Certified.start(**options)
    except CertifiedMissing as error:
        if os.environ.get("TESTS_NEED_PROVIDER"):
            raise
        pytest.skip(str(error))
    try:
        yield provider
    finally:
        provider.stop()


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise CertifiedMissing(f"needs {program}: apt-get install nodejs npm")
    return path


def _installed() -> Path:
    """The folder with the package; several processes may come at once, and one's becomes everybody's."""
    version = json.loads((PACKAGE / "package.json").read_text())["dependencies"]["oidc-provider"]
    ready = FOLDER / f"certified-provider-{version}"
    if ready.is_dir():
        return ready
    npm = _found("npm")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="certified-") as folder:
        made = Path(folder) / "made"
        shutil.copytree(PACKAGE, made)
        offline = ["--fetch-retries=1", "--fetch-timeout=30000"]  # told soon, where there is no network
        try:
            subprocess.run(
                [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *offline],
                cwd=made,
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            told = str(error.stderr or error)[-300:]
            raise CertifiedMissing(f"npm could not install the certified provider: {told}") from error
        try:
            made.rename(ready)
        except OSError:
            if not ready.is_dir():
                raise
    return ready
