"""The providers' file and what is taken over from a person's claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.access.identity import WrongProviders, claims, flow_cookie, load
from app.settings import WrongSettings
from tests.app.identity_site import settings

GOOD = """
[company]
label = "Company account"
issuer = "https://login.example.org/realms/all"
client_id = "polaris"
client_secret_file = "company.secret"
operator_claim = "realm_access.roles"
operator_value = "charging"
unknown_drivers = true
hosts = ["keys.example.org", "login.example.org:8443"]

[local-2]
issuer = "http://127.0.0.1:9000"
client_id = "portal"
scopes = "email  openid"
"""
PLAIN = '[one]\nissuer = "https://login.example.org"\nclient_id = "polaris"\n'


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "providers.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_of_providers(tmp_path: Path) -> None:
    """Issue: any number of providers from settings; the secret is not in what a log may show (T63)."""
    (tmp_path / "company.secret").write_text("Kd83-jf02-Lmw1\n")
    (tmp_path / "company.secret").chmod(0o600)
    company, local = load(written(tmp_path, GOOD)).values()
    assert (company.key, company.label, company.client_secret) == (
        "company",
        "Company account",
        "Kd83-jf02-Lmw1",
    )
    assert company.hosts == {"keys.example.org:443", "login.example.org:8443"}
    assert (company.unknown_drivers, company.link_by_email) == (True, False)
    assert (company.operator_claim, company.operator_value) == ("realm_access.roles", "charging")
    assert (local.label, local.scopes, local.client_secret) == ("local-2", "email openid", None)
    assert (local.unknown_drivers, local.link_by_email, local.hosts) == (False, False, frozenset())
    assert "Kd83" not in repr(company)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[one", "this is not TOML"),
        ('issuer = "https://a.example"', "issuer stands outside of a table"),
        ('["a/b"]\nissuer = "https://a.example"', "[a/b] is part of an address"),
        ('[one]\nclient_id = "x"', '[one] issuer: it is missing; write issuer = "…"'),
        (PLAIN.replace("polaris", " "), "[one] client_id: give a text in quotes"),
        (PLAIN.replace("https", "http"), "[one] issuer: it is not https"),
        (PLAIN.replace("https://", "https://a:b@"), "[one] issuer: it holds a user name"),
        (PLAIN.replace(".org", ".org?x=1"), "[one] issuer: an issuer has no query"),
        (PLAIN.replace(".org", ".org/.well-known/openid-configuration"), "leave out /.well-known"),
        (PLAIN + "unknown_driver = true", "no such key; is unknown_drivers meant?"),
        (PLAIN + 'link_by_email = "yes"', "[one] link_by_email: give true or false"),
        (PLAIN + 'scopes = "email"', "[one] scopes: openid has to be among them"),
        (PLAIN + 'operator_claim = "groups"', "[one] operator_value: give operator_claim and operator_value"),
        (PLAIN + 'operator_value = "x"', "[one] operator_claim: give operator_claim and operator_value"),
        (PLAIN + 'token_auth_method = "private_key_jwt"', "give one of client_secret_basic"),
        (PLAIN + 'token_auth_method = "client_secret_post"', "does not go with the client's secret"),
        (PLAIN + 'hosts = "a.example"', "[one] hosts: give a list of hosts"),
        (PLAIN + 'hosts = ["https://a.example"]', "[one] hosts: give a list of hosts"),
        (PLAIN + 'hosts = ["a.example:99999"]', "[one] hosts: give a list of hosts"),
        (PLAIN + 'client_secret_file = "not there"', "not there can't be read"),
        (PLAIN + PLAIN.replace("one", "two"), "[two] is the same client as [one]"),
        *(
            (PLAIN + f'client_secret = "{secret}"', "[one] client_secret: this is a placeholder")
            for secret in ("changeme", "Change-Me!", "secret", "your_client_secret", "<secret>", "xxxxxxxx")
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    """File, provider, key and remedy; default secrets are refused (T62)."""
    path = written(tmp_path, text)
    with pytest.raises(WrongProviders) as wrong:
        load(path)
    assert isinstance(wrong.value, WrongSettings)
    assert told in str(wrong.value)
    assert str(path) in str(wrong.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_secrets_are_for_their_owner_alone(tmp_path: Path, mode: int) -> None:
    """T62: refused if others on the machine may open them; a file without secrets may be read by all."""
    load(written(tmp_path, PLAIN, mode))
    with pytest.raises(WrongProviders, match=r"client_secret: others on this machine may open .* chmod 600"):
        load(written(tmp_path, PLAIN + 'client_secret = "Kd83-jf02-Lmw1"', mode))
    (tmp_path / "one.secret").write_text("Kd83-jf02-Lmw1")
    (tmp_path / "one.secret").chmod(mode)
    with pytest.raises(WrongProviders, match=r"client_secret_file: others .* chmod 600 .*one\.secret"):
        load(written(tmp_path, PLAIN + 'client_secret_file = "one.secret"', mode))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WrongProviders, match=r"POLARIS_IDENTITY_PROVIDERS=.* can't be read \(No such file"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("claim", "value", "told", "expected"),
    [
        ("groups", "ops", {"groups": ["drivers", "ops"]}, True),
        ("groups", "ops", {"groups": ["drivers", "opsx"]}, False),
        ("groups", "ops", {"groups": [["ops"]]}, False),
        ("groups", "ops", {"groups": "ops drivers"}, False),
        ("role", "ops", {"role": "ops"}, True),
        ("role", "ops", {"role": {"ops": True}}, False),
        ("realm_access.roles", "ops", {"realm_access": {"roles": ["ops"]}}, True),
        ("realm_access.roles", "ops", {"realm_access": ["roles", "ops"]}, False),
        ("access.my.client.roles", "ops", {"access": {"my.client": {"roles": ["ops"]}}}, True),
        ("https://e.example/roles", "ops", {"https://e.example/roles": ["ops"]}, True),
        ("is_operator", True, {"is_operator": True}, True),
        ("is_operator", True, {"is_operator": "true"}, False),
        ("is_operator", True, {"is_operator": 1}, False),
        ("groups", "ops", {}, False),
        (None, None, {"groups": ["ops"]}, False),
    ],
)
def test_who_is_an_operator(claim: str | None, value: Any, told: dict[str, Any], expected: bool) -> None:
    """Issue: which claim or group makes an operator; nothing but the very value does (T4)."""
    provider = settings("https://e.example", operator_claim=claim, operator_value=value)
    assert claims.person(provider, {"sub": "1", **told}, {}).is_operator is expected


@pytest.mark.parametrize(
    ("email", "verified", "expected"),
    [
        ("Ada@Example.org", True, ("ada@example.org", True)),
        ("ada@example.org", "true", ("ada@example.org", True)),
        ("ada@example.org", False, ("ada@example.org", False)),
        ("ada@example.org", 1, ("ada@example.org", False)),
        ("ada@example.org", None, ("ada@example.org", False)),
        ("mi\u212ae@example.org", True, (None, False)),
        ("ada", True, (None, False)),
        ("ada@example.org, eve@example.org", True, (None, False)),
        ("ada@example.org\r\nBcc: eve@example.org", True, (None, False)),
        ("a" * 250 + "@example.org", True, (None, False)),
        (["ada@example.org"], True, (None, False)),
    ],
)
def test_addresses_of_people(email: Any, verified: Any, expected: tuple[str | None, bool]) -> None:
    """T12, T47: one address, lower case; the Kelvin sign, which becomes a k, is nobody's k."""
    told = {"sub": "1", "email": email, "email_verified": verified}
    person = claims.person(settings("https://e.example"), told, {})
    assert (person.email, person.email_verified) == expected


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"name": "  Ada\n\tLovelace\u202e\x00 "}, "Ada Lovelace"),
        ({"name": "x" * 5_000}, "x" * 200),
        ({"name": ["Ada"], "given_name": "Ada", "family_name": "Byron"}, "Ada Byron"),
        ({"name": "\u200b", "preferred_username": "ada"}, "ada"),
        ({"name": "<script>alert(1)</script>"}, "<script>alert(1)</script>"),
        ({}, ""),
    ],
)
def test_names_of_people(told: dict[str, Any], name: str) -> None:
    """T41, T63: one line without what can't be seen; what it says is shown as text wherever it is shown."""
    assert claims.person(settings("https://e.example"), {"sub": "1", **told}, {}).name == name


@pytest.mark.parametrize(
    "told", [{"locale": "de", "zoneinfo": "Europe/Berlin"}, {"locale": "../x", "zoneinfo": 7}]
)
def test_hints(told: dict[str, Any]) -> None:
    person = claims.person(settings("https://e.example"), {"sub": "1", "sid": "x" * 300, **told}, {})
    good = told["locale"] == "de"
    assert (person.language, person.time_zone) == (("de", "Europe/Berlin") if good else (None, None))
    assert person.session is None, "longer than its row"


def test_the_cookie() -> None:
    """T14: bound to this host, for TLS only where there is TLS, and out of reach of scripts."""
    from starlette.responses import Response

    response = Response()
    flow_cookie.give(response, "s" * 43, secure=True)
    assert response.headers["set-cookie"] == (
        f"__Host-polaris-provider={'s' * 43}; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure"
    )
    assert flow_cookie.name(secure=False) == "polaris-provider"
