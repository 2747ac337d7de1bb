"""Fixtures that drive a real Chromium against the real web server.

A page that logs an error, breaks the content security policy or throws in a script fails its test, whatever the test
itself looks at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.environment import required
from tests.processes import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOW_TO_GET_IT = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
#: What Playwright switches off. Chromium heeds the last of two such flags, so its own list is repeated.
OFF_BY_PLAYWRIGHT = (
    *(
        "AvoidUnnecessaryBeforeUnloadCheckSync",
        "DestroyProfileOnBrowserClose",
        "HttpsUpgrades",
        "LensOverlay",
        "MediaRouter",
    ),
    *(
        "HttpsFirstBalancedModeAutoEnable",
        "PaintHolding",
        "ThirdPartyStoragePartitioning",
        "AvoidCorsURLLoaderRestartOnRedirect",
    ),
    *("OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
#: What Chromium draws around a page, in two processes a window that nobody sees, and a third that waits for a site that none visits:
#: most of the processor time of a new context. None of it is the engine that the tests are about.
AROUND_THE_PAGE = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    "--disable-features=" + ",".join((*OFF_BY_PLAYWRIGHT, *AROUND_THE_PAGE)),
]
#: Milliseconds that an action or an expectation waits at most.
PATIENCE = 30_000


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; without one, a skip, or a failure where the browser is required."""
    executable = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    if executable is None:
        reason = f"no Chromium on this machine, so the browser tests do not run: {HOW_TO_GET_IT}"
        if required("browser"):
            pytest.fail(reason)
        pytest.skip(reason)
    return executable


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for the run."""
    from playwright.sync_api import expect, sync_playwright

    # Playwright keeps an event loop in this thread, which Django takes for an asynchronous caller of its ORM.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _is_a_refusal(text: str) -> bool:
    """Whether a console line only reports an answer of 4xx, which tests ask for on purpose."""
    return text.startswith("Failed to load resource") and " status of 4" in text


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Open pages for one person each, with cookies of their own.

    Keyword arguments go to Playwright's `new_context` (`viewport`, `color_scheme`, `java_script_enabled`, …). Addresses
    may be given without the host: `page.goto("/")`.
    """
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_one(**options: Any) -> Page:
        context = browser.new_context(base_url=site.url, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on(
            "console",
            lambda line: (
                complaints.append(f"console: {line.text}")
                if line.type == "error" and not _is_a_refusal(line.text)
                else None
            ),
        )
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints) + f"\nserver:\n{site.log[-2000:]}"


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page in a fresh browser profile, in light colours at desktop size."""
    return open_page(viewport={"width": 1280, "height": 900})
