"""Going to a place and looking at it: does it fit, can everybody use it, does it stay at home?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page

from tests.browser.chromium import LAPTOP, PHONE, Visitor
from tests.browser.places import Place
from tests.browser.sample_data import SampleData

STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CONTRAST = "color-contrast"

AXE = """async (options) => (await axe.run(document, options)).violations.map((one) => ({
    rule: one.id,
    help: one.help,
    nodes: one.nodes.map((node) => `${node.target.join(" ")}  ${node.html.slice(0, 160)}`),
}))"""
WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def sign_in_for(visitor: Visitor, place: Place) -> None:
    """Be whom the place is for."""
    visitor.context.clear_cookies()
    if place.is_for_strangers:
        return
    client = Client()
    client.force_login(User.objects.get(username=place.user))
    visitor.take_session(
        {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}
    )


def go_to(visitor: Visitor, place: Place, sample: SampleData) -> Page:
    """The page of the place, still and with its fonts."""
    status = visitor.open(place.path(sample))
    assert status == place.status, f"{place.slug}: {status}"
    page = (place.do(visitor.page) if place.do else None) or visitor.page
    page.add_style_tag(content=STILL)
    page.evaluate("document.fonts.ready.then(() => true)")
    return page


def show_dark(page: Page) -> None:
    """As for a person whose system is dark (the page reads that when it is loaded)."""
    page.emulate_media(color_scheme="dark")
    page.evaluate("document.documentElement.classList.add('dark')")


def show_light(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.evaluate("document.documentElement.classList.remove('dark')")


def look_at(visitor: Visitor, place: Place, sample: SampleData) -> list[str]:
    """All that is wrong with a place: (how it was shown, what, where), in words."""
    try:
        page = go_to(visitor, place, sample)
        page.evaluate(axe_source())
        found = [f"{place.slug}: {one}" for one in _look(page, with_axe=not place.markup_of)]
        if page is not visitor.page:
            page.close()
    except Exception as error:
        found = [f"{place.slug}: {type(error).__name__}: {error}"]
    return found + [f"{place.slug}: {complaint}" for complaint in visitor.pop_complaints()]


def _look(page: Page, *, with_axe: bool) -> Iterator[str]:
    """All rules in the light, colours again in the dark; on a phone colours only of lists.

    Rows become cards there; all else has the colours that it has on a laptop, and looking at
    colours costs most of the time.
    """
    for name, size in (("1280 px", LAPTOP), ("phone", PHONE)):
        page.set_viewport_size(size)
        show_light(page)
        wide, room = page.evaluate(WIDTHS)
        if wide > room:
            yield f"{name}: {wide} px wide in a window of {room} px"
        if not with_axe:
            continue
        colours = size is LAPTOP or page.locator("#result_list, .relay-bar").count() > 0
        for violation in _run_axe(page, {"type": "tag", "values": WCAG}, colours=colours):
            yield f"{name}, light: {violation}"
        if colours:
            show_dark(page)
            for violation in _run_axe(page, {"type": "rule", "values": [CONTRAST]}):
                yield f"{name}, dark: {violation}"


def _run_axe(page: Page, only: dict[str, Any], *, colours: bool = True) -> Iterator[str]:
    options = {
        "runOnly": only,
        "rules": {CONTRAST: {"enabled": colours}},
        "resultTypes": ["violations"],
        "preload": False,
    }
    for violation in page.evaluate(AXE, options):
        nodes = "\n      ".join(violation["nodes"][:6])
        yield f"{violation['rule']} ({violation['help']})\n      {nodes}"


@cache
def axe_source() -> str:
    """axe-core, as the package axe-playwright-python carries it."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
