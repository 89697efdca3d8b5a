"""Debian's Chromium under Playwright, and a page that notes what no page may do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from tests import services
from tests.sdk.pages import CHROMIUM_OPTIONS

OPTIONS = [
    *CHROMIUM_OPTIONS,
    # No name but this machine's can be looked up: nothing leaves it, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WAIT_MILLISECONDS = 30_000


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """While it is open, Playwright's event loop belongs to this thread.

    Django would therefore refuse to use the database here, though no coroutine does so.
    """
    with (
        mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"}),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=services.browser_path(), args=OPTIONS, headless=True
        )
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """A browser of one person. ``complaints``: errors in the console, requests to other origins.

    A request to another origin finds nobody there.
    """

    def __init__(self, browser: Browser, server_url: str, *, sharp: float = 1) -> None:
        self.server_url = server_url.rstrip("/")
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            locale="en-GB",
            timezone_id="Europe/Berlin",
            viewport=LAPTOP,
            reduced_motion="reduce",
            device_scale_factor=sharp,
            accept_downloads=True,
        )
        self.context.set_default_timeout(WAIT_MILLISECONDS)
        # Not a route: that would switch the browser's cache off.
        self.context.on("request", self._note_request)
        self.context.on("console", self._note_message)
        self.context.on("weberror", lambda error: self._note(str(error.error)))
        self.page: Page = self.context.new_page()

    def open(self, path: str) -> int:
        """Go to a path of the server; the status of the answer."""
        response = self.page.goto(self.server_url + path)
        assert response is not None
        return response.status

    def sign_in(self, name: str, password: str) -> None:
        """Through the form, as a person does."""
        self.open("/admin/login/?next=/admin/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.server_url}/admin/")

    def take_session(self, cookies: dict[str, str]) -> None:
        """Be signed in already."""
        self.context.add_cookies(
            [
                {"name": name, "value": value, "url": self.server_url}
                for name, value in cookies.items()
            ]
        )

    def pop_complaints(self) -> list[str]:
        found, self.complaints = self.complaints, []
        return found

    def close(self) -> None:
        self.context.close()

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("data", "blob") and origin != self.server_url:
            self._note(f"asked another origin: {origin}{parts.path}")

    def _note_message(self, message: Any) -> None:
        # A page that answers 404 on purpose makes Chromium say so.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self._note(f"console: {message.text}")
        elif message.type == "error" and "/admin" not in message.location.get("url", "/admin"):
            self._note(f"console: {message.text} ({message.location['url']})")

    def _note(self, complaint: str) -> None:
        self.complaints.append(complaint)
