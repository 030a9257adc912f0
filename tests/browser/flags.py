"""Chromium on a machine without a screen and without a network."""

import os
import shutil

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # The address bar's pop-ups are pages that nobody sees here: half of what a start costs.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)


def take_the_driver_of_this_machine() -> None:
    """Let Selenium take what is installed here, instead of looking for one on the network for minutes."""
    if (driver := shutil.which("chromedriver")) is not None:
        os.environ["SE_CHROMEDRIVER"] = driver
