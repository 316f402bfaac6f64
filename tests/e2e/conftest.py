"""Browsers and instances for the journeys.

``muster`` is one instance for a whole test module; ``start_muster`` starts further ones.  ``open_browser`` opens a fresh
Chromium (dash[testing]'s driver, with its waiting helpers), signed in with a one-time link, as often as a test has people.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dash.testing.browser import Browser
from selenium.webdriver.chrome.options import Options

from tests.e2e.stage import Centre, District, write_profile
from tests.harness import Instance

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    # Timers of a window that is not in front run at full speed, as they do on a wall.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)

Open = Callable[..., Browser]
Start = Callable[..., Instance]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every journey."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance without a simulated city, for all journeys of a module."""
    instance = Instance(tmp_path_factory.mktemp("muster")).start()
    yield instance
    instance.stop()


@pytest.fixture
def start_muster(tmp_path: Path) -> Iterator[Start]:
    """Start an instance of one's own: ``start_muster(demo=True, env={…})``."""
    started: list[Instance] = []

    def start(**options: object) -> Instance:
        instance = Instance(tmp_path / f"home{len(started)}", **options)  # type: ignore[arg-type]
        started.append(instance)
        return instance.start()

    yield start
    for instance in started:
        instance.stop()


@pytest.fixture
def open_browser(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a browser: ``open_browser(muster, "/console", role="commander", size=(1440, 900))``.

    With ``role`` or ``user`` it is signed in first; ``lang`` is the browser's language, ``phone`` makes it a touch device
    of 390×844; ``wait_for`` is the limit of the waiting helpers in seconds.
    """
    open_ones: list[Browser] = []

    def open_one(
        instance: Instance,
        path: str = "/",
        *,
        role: str = "",
        user: str = "",
        size: tuple[int, int] = (1440, 900),
        lang: str = "zh-CN",
        phone: bool = False,
        limit_s: int = 15,
    ) -> Browser:
        options = Options()
        for argument in ARGUMENTS:
            options.add_argument(argument)
        options.add_argument(f"--lang={lang}")
        options.add_argument(f"--accept-lang={lang}")  # the preference would be overwritten by dash[testing]'s own
        options.add_argument(f"--user-data-dir={tmp_path / f'browser{len(open_ones)}'}")
        if phone:
            size = (390, 844)
            options.add_experimental_option(
                "mobileEmulation", {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2.0, "touch": True}}
            )
        options.add_argument(f"--window-size={size[0]},{size[1]}")
        os.environ["DASH_TEST_CHROMEPATH"] = chrome()
        browser = Browser(
            "chrome", options=[options], download_path=str(tmp_path), percy_run=False, wait_timeout=limit_s
        )
        open_ones.append(browser)
        browser.driver.implicitly_wait(0)
        # The window's outer size is not the page's: the journeys measure the page.
        browser.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 2 if phone else 1, "mobile": phone},
        )
        if role or user:
            browser.driver.get(instance.link(role=role, user=user))
        if path:
            browser.driver.get(instance.url + path)
        return browser

    yield open_one
    failed = getattr(request.node, "failed", False)
    for number, browser in enumerate(open_ones):
        if failed:
            browser.driver.save_screenshot(str(tmp_path / f"failed-{number}.png"))
        browser.driver.quit()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A centre for all journeys of a module, without a simulated city, whose sources have no need to speak often."""
    folder = tmp_path_factory.mktemp("centre")
    sources = {"s-110": ("incidents", 3600), "s-fleet": ("positions", 3600)}
    profile = write_profile(folder / "profile.toml", sources, parameters={"order.ack_s.2": 3})
    made = Centre(Instance(folder / "home", env={"MUSTER_PROFILE": str(profile)}).start())
    yield made
    made.close()
    made.muster.stop()


@pytest.fixture
def district(centre: Centre, open_browser: Open) -> Iterator[District]:
    """A district of the module's centre for one journey; no browser in it may have found anything wrong."""
    made = centre.district(open_browser)
    yield made
    complaints = {page.path(): found for page in made.pages if (found := page.complaints())}
    assert not complaints, "\n".join(f"{path}: {line}" for path, found in complaints.items() for line in found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    """Remember a failure, so that the browsers are photographed before they close."""
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report


def chrome() -> str:
    """Return the browser to use; a test run without one fails, it does not skip."""
    found = (
        os.environ.get("MUSTER_TEST_CHROME")
        or shutil.which("chromium")
        or shutil.which("google-chrome")
        or shutil.which("chromium-browser")
    )
    assert found, "no browser: make test installs one"
    return found
