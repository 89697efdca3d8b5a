"""`bin/screenshots`: pictures of every page, empty and full, of a made-up month.

Without arguments it writes the few that the documentation shows into ``docs/images``. ``--all
FOLDER`` writes every page into FOLDER: empty and full, and on a phone and in the dark. PostgreSQL
and Redis are not needed.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.environment import use_test_settings

DOCUMENTED = ("home", "delivery-log", "delivery-rejected", "destination", "preview", "bulk-retry")
DOCUMENTED_HEIGHT = 900
IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin/screenshots", description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, into FOLDER")
    parser.add_argument("--only", default="", metavar="TEXT", help="pages with TEXT in their name")
    options = parser.parse_args(arguments)
    use_test_settings()
    import django

    django.setup()
    with serve() as server:
        take(server, options.all, options.only)
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


def take(server: str, folder: Path | None, only: str) -> None:
    from django.test import override_settings

    from destinations.sandbox import Sandbox
    from tests.browser.chromium import LAPTOP, PHONE, Visitor, open_chromium
    from tests.browser.month import Month, fill_month, make_people
    from tests.browser.places import PLACES
    from tests.browser.visiting import go_to, show_dark, sign_in_for

    with (
        Sandbox(seed=1) as sandbox,
        open_chromium() as browser,
        override_settings(PINTEREST_API_URL=sandbox.url, SANDBOX_URL=sandbox.url),
    ):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            month = Month(make_people())
            for place in PLACES:
                if place.is_also_empty and only in place.slug:
                    visitor = Visitor(browser, server)
                    sign_in_for(visitor, place)
                    page = go_to(visitor, place, month)
                    save(page, folder / f"{place.slug}-empty.png")
                    visitor.close()
            forget_people()
        month = fill_month(sandbox, visitors=220, days=31)
        for place in PLACES:
            if only not in place.slug or (folder is None and place.slug not in DOCUMENTED):
                continue
            visitor = Visitor(browser, server)
            sign_in_for(visitor, place)
            page = go_to(visitor, place, month)
            if folder is None:
                page.set_viewport_size({"width": 1280, "height": DOCUMENTED_HEIGHT})
                save(page, IMAGES / f"{place.slug}.png", whole=False)
            else:
                save(page, folder / f"{place.slug}.png")
                page.set_viewport_size(PHONE)
                save(page, folder / f"{place.slug}-phone.png")
                page.set_viewport_size(LAPTOP)
                show_dark(page)
                save(page, folder / f"{place.slug}-dark.png")
            visitor.close()


def forget_people() -> None:
    from django.contrib.auth.models import User

    User.objects.all().delete()


def save(page: Any, path: Path, *, whole: bool = True) -> None:
    """A PNG of at most 128 colours: a tenth of the size, and text stays as it is."""
    from PIL import Image

    if whole:  # bars that stick to the window's edge belong to the end of the page
        width = page.viewport_size["width"]
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height, 600)})
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole, animations="disabled")))
    picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path} ({path.stat().st_size // 1000} kB)", flush=True)


if __name__ == "__main__":
    begun = time.monotonic()
    status = main(sys.argv[1:])
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(status)
