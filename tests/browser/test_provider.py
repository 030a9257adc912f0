"""In a real browser, against the certified provider of npm: in, out at both, in again (T9, T16, T44)."""

from __future__ import annotations

from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from sqlalchemy import text

from app.serve import free_port
from tests.browser.server import Server
from tests.browser.test_security import body, violations
from tests.browser.waiting import connected, waiting
from tests.providers.certified import started

TO_PROVIDER = ".p-providers a.p-submit"


def prove(browser: webdriver.Chrome, name: str) -> None:
    """On the provider's own pages: type who one is, and agree to what the portal wants to know."""
    wait = waiting(browser)
    wait.until(lambda b: b.find_elements(By.NAME, "login"))
    browser.find_element(By.NAME, "login").send_keys(name)
    browser.find_element(By.NAME, "password").send_keys("any")
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda b: not b.find_elements(By.NAME, "login"))
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()


def shown(browser: webdriver.Chrome) -> list[str]:
    """Where the links lead that can be seen: one a provider."""
    links = browser.find_elements(By.CSS_SELECTOR, TO_PROVIDER)
    return [link.get_attribute("href") or "" for link in links if link.is_displayed()]


def test_in_by_a_provider_out_at_both_and_in_again(
    selenium: webdriver.Chrome, server: Server, tmp_path: Path
) -> None:
    """T9, T16: a sign-out there reaches the pages that are open here; T44: nothing against the policy."""
    server.port = free_port("127.0.0.1", 0)
    with started(
        redirect_uris=[f"{server.url}/auth/provider/company/callback"],
        post_logout_redirect_uris=[f"{server.url}/sign-in"],
        backchannel_logout_uri=f"{server.url}/auth/provider/company/logout",
    ) as provider:
        file = tmp_path / "providers.toml"
        file.touch(mode=0o600)
        file.write_text(provider.table("company", label="Company", unknown_drivers=True))
        server.settings["identity_providers"] = str(file)
        server.start()
        wait = waiting(selenium)
        selenium.get(f"{server.url}/?period=year")
        wait.until(lambda b: len(shown(b)) == 1)
        assert shown(selenium)[0].endswith("/auth/provider/company?next=%2F%3Fperiod%3Dyear")
        selenium.find_element(By.NAME, "remember").click()
        wait.until(lambda b: shown(b)[0].endswith("&remember=yes"))
        assert len(shown(selenium)) == 1
        assert violations(selenium) == []
        next(
            link for link in selenium.find_elements(By.CSS_SELECTOR, TO_PROVIDER) if link.is_displayed()
        ).click()
        prove(selenium, "ada")
        wait.until(lambda b: b.current_url == f"{server.url}/?period=year")
        wait.until(lambda b: "Welcome, your account is ready." in body(b))
        assert "Ada Driver" in selenium.page_source
        how = "SELECT how, remembered FROM sign_ins"
        rows = server.database.ask_now(lambda db: db.execute(text(how)).all())
        assert [tuple(row) for row in rows] == [("provider", 1)]
        selenium.get_log("browser")  # of the provider's pages

        first = selenium.current_window_handle
        selenium.switch_to.new_window("tab")
        selenium.get(f"{server.url}/")
        wait.until(lambda b: "Welcome, your account is ready." in body(b))
        connected(selenium)
        selenium.switch_to.window(first)
        selenium.find_element(By.CSS_SELECTOR, "button[popovertarget=account-menu]").click()
        selenium.find_element(By.CSS_SELECTOR, "form[action='/auth/sign-out'] button").click()
        wait.until(lambda b: b.current_url.startswith(provider.issuer))
        selenium.switch_to.window(selenium.window_handles[-1])
        waiting(selenium).until(lambda b: "/sign-in" in b.current_url)
        assert [one for one in violations(selenium) if server.url in one or "Security Policy" in one] == []
        selenium.close()
        selenium.switch_to.window(first)
        selenium.find_element(By.NAME, "logout").click()
        wait.until(lambda b: b.current_url == f"{server.url}/sign-in?state=signed-out")
        wait.until(lambda b: "You are signed out." in body(b))

        selenium.find_element(By.CSS_SELECTOR, f"{TO_PROVIDER}.is-for-now").click()
        prove(selenium, "ada")  # the provider's session has ended too: it asks again
        wait.until(lambda b: b.current_url == f"{server.url}/")
        wait.until(lambda b: "Welcome, your account is ready." in body(b))
        connected(selenium)
        selenium.switch_to.new_window("tab")  # somebody signs out at the provider itself
        selenium.get(f"{provider.issuer}/session/end")
        wait.until(lambda b: b.find_elements(By.NAME, "logout"))
        selenium.find_element(By.NAME, "logout").click()
        selenium.switch_to.window(first)
        waiting(selenium).until(lambda b: "/sign-in" in b.current_url)
