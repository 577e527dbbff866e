"""Headless Chromium from Debian, and the viewer over a log of real objects for it to look at.

`page` is a tab on the shared viewer, which no test changes; a test that changes something, or needs
another configuration, serves a viewer of its own with `serve`. A page that breaks its own
Content-Security-Policy or whose script fails also fails its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from atlas_node.config import Config, load_config
from atlas_node.log import LogStore
from atlas_node.web import WebServer
from tests.peers import program
from tests.ports import free_port
from tests.scan_log import fill
from tests.waiting import LONG

CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
TIMEOUT = 1000 * LONG
"""Milliseconds that an action or an expectation may take."""
expect.set_options(timeout=TIMEOUT)


@dataclass(frozen=True)
class Viewer:
    """A viewer that is being served."""

    url: str
    config: Config
    store: LogStore


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. Until it ends its event loop runs in this thread, which others want free."""
    path = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def filled_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of every scan with private elements; to be copied, not to be written to."""
    path = tmp_path_factory.mktemp("filled") / "log.db"
    with LogStore.open(f"sqlite:///{path}") as store:
        fill(store)
    return path


@pytest.fixture(scope="session")
def viewer(tmp_path_factory: pytest.TempPathFactory, filled_log: Path) -> Iterator[Viewer]:
    """The viewer over the filled log, for tests that change nothing."""
    with ExitStack() as stack:
        yield served(stack, tmp_path_factory.mktemp("viewer"), filled_log)


@pytest.fixture
def serve(tmp_path: Path, filled_log: Path) -> Iterator[Callable[..., Viewer]]:
    """Serves a viewer of the test's own.

    ``serve("destinations: ...", web="users: ...", log=None)``: sections of the configuration, keys
    of its section web, and the log to copy, none for an empty one.
    """
    with ExitStack() as stack:

        def start(settings: str = "", web: str = "", log: Path | None = filled_log) -> Viewer:
            return served(stack, tmp_path, log, settings, web)

        yield start


@pytest.fixture
def open_page(chromium: Browser, viewer: Viewer) -> Iterator[Callable[..., Page]]:
    """Opens a tab without cookies: ``open_page(viewer, color_scheme="dark", ...)``.

    Options are those of ``Browser.new_context``; `page.goto` takes paths of the viewer.
    """
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_one(on: Viewer = viewer, **options: Any) -> Page:
        context = chromium.new_context(base_url=on.url, **options)
        context.set_default_timeout(TIMEOUT)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A tab on the shared viewer."""
    return open_page()


def served(
    stack: ExitStack, folder: Path, log: Path | None, settings: str = "", web: str = ""
) -> Viewer:
    """Serve a copy of `log` (None: an empty one) from `folder` until the stack is closed."""
    if log is not None:
        (folder / "log.db").write_bytes(log.read_bytes())
    settings += f"\nweb: {{port: {free_port()}, {web}}}"
    if "log:" not in settings:
        settings += "\nlog: {url: 'sqlite:///log.db'}"
    path = folder / "config.yaml"
    path.write_text(f"{settings.strip()}\n", encoding="utf-8")
    config = load_config(path, {})
    store = stack.enter_context(LogStore.open(config.log.url, config.log.values))
    server = WebServer(config, store)
    server.start()
    stack.callback(server.stop)
    return Viewer(server.url, config, store)
