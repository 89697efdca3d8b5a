"""What a page to look at is, and how to get there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.sample_data import SampleData

Way = Callable[[SampleData], str]
Doing = Callable[[Page], Page | None]


@dataclass(frozen=True, slots=True)
class Place:
    """A page. ``do`` goes on from ``path`` and returns the page it ends on, if another."""

    slug: str
    url_name: str
    path: Way
    do: Doing | None = None
    is_also_empty: bool = False
    """Is there when nothing has happened, too."""
    user: str = "anna"
    """Who looks at it; "" for somebody who has not signed in."""
    status: int = 200
    markup_of: str = ""
    """Whose its markup is, if not ours: then what axe says of it is theirs to fix."""

    @property
    def is_for_strangers(self) -> bool:
        return not self.user


def to(name: str, *arguments: object, **query: str) -> Way:
    return lambda sample: reverse(name, args=arguments) + (f"?{urlencode(query)}" if query else "")


def press(name: str) -> Doing:
    def click(page: Page) -> None:
        page.get_by_role("button", name=name).first.click()
        page.wait_for_load_state()

    return click
