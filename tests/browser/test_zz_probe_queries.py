import time
from datetime import UTC, datetime, timedelta
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import select
from data.models import Connector
from tests.world import add_charger, add_driver, add_session, add_site


def test_probe(server, selenium, sign_in):
    def rows(change):
        d = add_driver(change, "Dana Driver", tag="DANA")
        s = add_site(change)
        for i in range(60):
            c = add_charger(change, f"BAY {i}", site=s, name=f"Bay {i}")
        con = change.connection.execute(select(Connector.id).where(Connector.charger_id == c)).scalar_one()
        now = datetime.now(UTC)
        for k in range(20):
            add_session(change, charger=c, connector=con, account=d, started_at=now - timedelta(days=k * 5, hours=3))
    server.database.change_now(rows)
    server.start()
    selenium.set_window_size(390, 844)
    sign_in(selenium)
    wait = WebDriverWait(selenium, 10)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-switch button"))
    time.sleep(1)
    for _ in range(3):
        y = lambda: selenium.execute_script("return [window.scrollY, document.getElementById('usage-title') && document.getElementById('usage-title').getBoundingClientRect().top, document.body.scrollHeight]")
        print(selenium.current_url, y())
        [b for b in selenium.find_elements(By.CSS_SELECTOR, ".p-switch button")][2 - _].click()
        time.sleep(2.5)
        print(" -> ", selenium.current_url, y())
    selenium.back(); time.sleep(2); print("back", selenium.current_url, y(), selenium.find_element(By.CSS_SELECTOR, ".p-switch [aria-pressed=true]").text)
    selenium.refresh(); time.sleep(2); print("reload", selenium.current_url, y(), selenium.find_element(By.CSS_SELECTOR, ".p-switch [aria-pressed=true]").text)
    print(selenium.get_log("browser"))
