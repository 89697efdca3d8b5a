"""Every page, with rows and without, light and dark, on a laptop and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import get_resolver
from playwright.sync_api import Page

from deliveries.admin.log_admin import LogAdmin
from pinterest_sandbox import Sandbox
from tests.accounts.test_roles import names_below
from tests.browser.chromium import Visitor
from tests.browser.not_looked_at import NOT_LOOKED_AT
from tests.browser.places import PLACES, Place
from tests.browser.sample_data import SampleData, make_people, make_sample_data
from tests.browser.visiting import look_at, sign_in_for

pytestmark = pytest.mark.timeout(900)  # a hundred pages, each looked at three times


def look_at_all(
    places: list[Place], sample: SampleData, server_url: str, open_visitor: Callable[[str], Visitor]
) -> list[str]:
    """All that is wrong anywhere: WCAG 2 A and AA (axe), overflow, other origins, errors."""
    found = []
    visitor = open_visitor(server_url)
    for place in places:
        sign_in_for(visitor, place)
        found += look_at(visitor, place, sample)
    return found


@pytest.fixture(autouse=True)
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen rows look like fifty, and axe is done with them sooner."""
    monkeypatch.setattr(LogAdmin, "list_per_page", 12)


@pytest.mark.browser
@pytest.mark.postgres
def test_every_page_with_rows_is_for_everybody(
    served: Any, sandbox: Sandbox, open_visitor: Callable[[str], Visitor]
) -> None:
    sample = make_sample_data(sandbox, visitors=48, days=2)
    found = look_at_all(list(PLACES), sample, served.url, open_visitor)
    assert not found, "\n".join(found)


@pytest.mark.browser
@pytest.mark.postgres
def test_every_page_of_an_empty_installation_is_for_everybody(
    served: Any, open_visitor: Callable[[str], Visitor]
) -> None:
    places = [place for place in PLACES if place.is_also_empty]
    found = look_at_all(places, SampleData(make_people()), served.url, open_visitor)
    assert not found, "\n".join(found)


@pytest.mark.browser
@pytest.mark.postgres
def test_what_these_tests_look_for_is_found(
    served: Any, open_visitor: Callable[[str], Visitor]
) -> None:
    def spoil(page: Page) -> None:
        page.evaluate(
            """() => {
                document.body.insertAdjacentHTML("beforeend",
                    '<img src="/static/relay/mark.svg"><div style="width: 2000px">wide</div>');
                console.error("something broke");
                return fetch("http://elsewhere.example/pixel").catch(() => null);
            }"""
        )

    place = Place("spoilt", "", lambda sample: "/admin/login/", spoil, user="")
    found = "\n".join(look_at(open_visitor(served.url), place, SampleData(make_people())))

    assert "px wide in a window of 1280 px" in found
    assert "image-alt" in found
    assert "console: something broke" in found
    assert "elsewhere.example" in found


def test_every_page_of_the_admin_is_looked_at_or_has_a_reason() -> None:
    looked_at = {place.url_name.removeprefix("admin:") for place in PLACES}
    names = set(names_below(get_resolver(), ""))
    assert names - looked_at - set(NOT_LOOKED_AT) == set()
    assert set(NOT_LOOKED_AT) - names == set(), "reasons for pages that are gone"
    assert looked_at & set(NOT_LOOKED_AT) == set()
