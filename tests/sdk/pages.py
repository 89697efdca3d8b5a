"""SDKs of browsers: real Chromium opens a shop's page, whose origin is not the server's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests import services

CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=2",
]
VISITOR_ADDRESS = "203.0.113.7"
"""Where a proxy before the server would say that the browser is."""
CLICK_ID = "dj0yJnU9"
LANDING = f"?utm_source=pinterest&epik={CLICK_ID}"


@contextmanager
def open_shop(scripts: dict[str, str]) -> Iterator[int]:
    """A web server with a shop ``<name>.localhost`` for each script; gives its port.

    Every shop is an origin of its own, so SDKs do not meet in localStorage and cookies.
    """

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.headers.get("Host", "").partition(".localhost")[0]
            if name not in scripts:
                self.send_error(404)
            elif self.path == "/shop.js":
                self._answer("text/javascript", scripts[name])
            else:
                head = f'<!doctype html><meta charset="utf-8"><title>{name}</title>'
                icon = '<link rel="icon" href="data:,">'
                self._answer("text/html", f'{head}{icon}<script src="/shop.js"></script>')

        def _answer(self, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{content_type}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def open_chromium() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=services.browser_path(), args=CHROMIUM_OPTIONS, headless=True
        )
        yield browser.new_context(
            locale="en-GB", extra_http_headers={"X-Forwarded-For": VISITOR_ADDRESS}
        )
        browser.close()


class Visit:
    """A visitor on one page. ``requested`` are the method, origin and path of each request."""

    def __init__(self, browser: BrowserContext, address: str) -> None:
        self.page: Page = browser.new_page()
        self.requested: list[tuple[str, str, str]] = []
        self.mistakes: list[str] = []
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.mistakes.append(str(error)))
        self.page.goto(address + LANDING)

    def send_phase(self, trial: dict[str, Any], phase: int) -> None:
        self.page.evaluate("([trial, phase]) => sendPhase(trial, phase)", [trial, phase])

    def wait(self, milliseconds: float) -> None:
        """Let the page and Playwright work for so long."""
        self.page.wait_for_timeout(milliseconds)

    def close(self) -> None:
        self.page.close()

    def _note(self, request: Any) -> None:
        parts = urlsplit(request.url)
        self.requested.append((request.method, f"{parts.scheme}://{parts.netloc}", parts.path))
