"""`bin/screenshots`: pictures of the pages of a made-up month.

The few that the documentation shows go to ``docs/images``; every page, empty and full, in the dark
and on a phone, to ``docs/images/pages``, which is not kept in the repository: they are two hundred.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.environment import use_test_settings

DOCUMENTED = {
    "home": ("home", 900),
    "delivery-log": ("delivery-log", 900),
    "delivery-rejected": ("delivery", 900),
    "destination": ("destination", 900),
    "preview": ("preview", 900),
    "bulk-retry": ("bulk-retry", 560),
}
"""Place → name of its file in docs/images, height of the window."""

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
PAGES = IMAGES / "pages"
VISITORS, DAYS = 220, 31


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin/screenshots", description=__doc__)
    parser.add_argument("--documented", action="store_true", help="only those of docs/images")
    parser.add_argument("--only", default="", metavar="TEXT", help="pages with TEXT in their name")
    options = parser.parse_args(arguments)
    use_test_settings()
    import django

    django.setup()
    with serve() as server:
        take(server, options.only, documented_only=options.documented)
    return 0


@contextmanager
def serve() -> Iterator[str]:
    """The admin on a scratch database, in this process; gives its URL."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.db import connections
    from django.test.testcases import LiveServerThread
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://127.0.0.1:{thread.port}"
    finally:
        thread.terminate()
        connections.close_all()
        teardown_databases(databases, verbosity=0)


@contextmanager
def photographer(server: str) -> Iterator[Any]:
    """``look(place, sample)`` gives a page with the place, in a browser of its own."""
    from django.test import override_settings

    from pinterest_sandbox import Sandbox
    from tests.browser.chromium import Visitor, open_chromium
    from tests.browser.visiting import go_to, sign_in_for

    @contextmanager
    def look(place: Any, sample: Any) -> Iterator[Any]:
        visitor = Visitor(browser, server)
        sign_in_for(visitor, place)
        yield go_to(visitor, place, sample)
        visitor.close()

    with Sandbox(seed=1) as sandbox, open_chromium() as browser:
        look.sandbox = sandbox  # type: ignore[attr-defined]
        with override_settings(PINTEREST_API_URL=sandbox.url, SANDBOX_URL=sandbox.url):
            yield look


def take(server: str, only: str, *, documented_only: bool) -> None:
    """All pictures of the places with ``only`` in their name."""
    from django.contrib.auth.models import User

    from tests.browser.places import PLACES
    from tests.browser.sample_data import SampleData, make_people, make_sample_data

    chosen = [place for place in PLACES if only in place.slug]
    with photographer(server) as look:
        if not documented_only:
            PAGES.mkdir(exist_ok=True)
            take_empty(look, chosen, SampleData(make_people()))
            User.objects.all().delete()
        sample = make_sample_data(look.sandbox, visitors=VISITORS, days=DAYS)
        for place in chosen:
            if place.slug in DOCUMENTED:
                name, height = DOCUMENTED[place.slug]
                with look(place, sample) as page:
                    page.set_viewport_size({"width": 1280, "height": height})
                    save(page, IMAGES / f"{name}.png")
        if not documented_only:
            take_full(look, chosen, sample)


def take_empty(look: Any, places: list[Any], sample: Any) -> None:
    from tests.browser.chromium import LAPTOP

    for place in places:
        if place.is_also_empty:
            with look(place, sample) as page:
                save_whole(page, LAPTOP, PAGES / f"{place.slug}-empty.png")


def take_full(look: Any, places: list[Any], sample: Any) -> None:
    from tests.browser.chromium import LAPTOP, PHONE
    from tests.browser.visiting import show_dark

    for place in places:
        with look(place, sample) as page:
            save_whole(page, LAPTOP, PAGES / f"{place.slug}.png")
            save_whole(page, PHONE, PAGES / f"{place.slug}-phone.png")
            show_dark(page)
            save_whole(page, LAPTOP, PAGES / f"{place.slug}-dark.png")


def save_whole(page: Any, size: dict[str, int], path: Path) -> None:
    """As high as the page: bars that stick to the window's edge then stand at its end."""
    page.set_viewport_size(size)
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**size, "height": max(height, 600)})
    save(page, path)


def save(page: Any, path: Path) -> None:
    """A PNG of at most 128 colours: a fraction of the size, and text stays as it is."""
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path} ({path.stat().st_size // 1000} kB)", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
