"""bin/bench admin: how long the admin's pages take over a log of 5 M deliveries.

PostgreSQL, one process, Django's test client: each page from the request to the last byte, without
the network. The log is written by SQL (benchmarks/mixed_log.py): sixty days, one destination and
one source with 60% of it, others with a tenth down to one in ten thousand, some that stopped long
ago, one that never had a row; 1.3% failed. Each page is loaded once to warm up and then several
times.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from benchmarks.command import Command
from benchmarks.rig import REDIS_URL
from benchmarks.scratch import scratch_database

ROWS = 5_000_000
REPEATS = 7
PAGE_MS, ASK_MS = 300, 1000
LOG = "/admin/deliveries/delivery/"
SEARCH = "search"
"""Instead of a parameter: what is to be searched for."""
ASK = "/admin/deliveries/bulkaction/new/"


@dataclass(frozen=True, slots=True)
class Page:
    """What to load, and within how many milliseconds (the median)."""

    name: str
    path: str
    limit_ms: int = PAGE_MS


def main() -> int:
    command = Command("admin", __doc__)
    command.add_argument("--rows", type=int, default=ROWS, help="closed deliveries in the log")
    command.add_argument("--repeats", type=int, default=REPEATS, help="how often to load each page")
    command.add_argument("--filled", metavar="URL", help="a database that is already filled")
    command.add_argument("--only", default="", help="only pages whose name contains this")
    options = command.read()

    with ExitStack() as until_exit:
        url = options.filled or until_exit.enter_context(scratch_database())
        configure(url, until_exit.enter_context(tempfile.TemporaryDirectory()))
        if not options.filled:
            fill(options.rows, command.say)
        figures = measure(options.repeats, options.only, command.say)
        from django.db import connections

        connections.close_all()
    missed = [name for name, one in figures.items() if one["median_ms"] >= one["limit_ms"]]
    command.print_json({"rows": options.rows, "pages": figures, "missed": missed})
    command.say(f"missed: {', '.join(missed)}" if missed else "every page is within its limit")
    return 1 if missed else 0


def configure(database_url: str, folder: str) -> None:
    """Settings are read when capi_project is first imported, so this comes first."""
    os.environ.update(
        DATABASE_URL=database_url,
        REDIS_URL=REDIS_URL,
        CAPI_DATA_DIR=folder,
        DJANGO_SETTINGS_MODULE="capi_project.settings",
        LOG_LEVEL="ERROR",
    )
    Path(folder, "static").mkdir()  # else the server warns that nobody has collected its files
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def fill(rows: int, say: Callable[[str], None]) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from benchmarks.log_filling import analyze
    from benchmarks.mixed_log import Mixed, fill_mixed, fill_search_keys, fill_tallies
    from deliveries.search.block_index import list_contents
    from destinations.models import Destination, Source

    started = time.monotonic()
    sources = [Source.objects.create(name=f"Shop {number}") for number in range(1, 10)]
    destinations = [
        Destination.objects.create(
            name=f"Ads {number}",
            service=Destination.Service.SANDBOX,
            advertiser_id=f"54975588517{number}",
            conversion_token="bench-token",
        )
        for number in range(1, 10)
    ]
    for destination in destinations:
        destination.sources.set(sources)
    source_ids = [one.pk for one in sources]
    destination_ids = [one.pk for one in destinations]
    now = timezone.now()
    fill_mixed(Mixed(destination_ids[:8], source_ids[:8]), rows, now)
    fill_search_keys()
    fill_tallies(destination_ids, source_ids, now)
    analyze()
    say(f"wrote {rows:,} deliveries in {time.monotonic() - started:.0f} s")
    started = time.monotonic()
    list_contents(now)  # looks
    blocks = list_contents(now + timedelta(minutes=1))
    analyze()
    say(f"listed {blocks:,} blocks of it in {time.monotonic() - started:.0f} s")


def pages() -> Iterator[Page]:
    """Every page that is measured; the log's rows are those of ``fill``."""
    for span in ("1h", "24h", "7d", "30d"):
        yield Page(f"home, {span}", f"/admin/?span={span}")
    yield Page("log, first page", LOG)
    for name, query in _log_queries():
        yield Page(f"log, {name}", f"{LOG}?{urlencode(query)}")
    yield from _row_pages()
    yield from _ask_pages()


def _log_queries() -> Iterator[tuple[str, dict[str, Any]]]:
    from deliveries.models import Batch, Delivery
    from destinations.models import Destination, Source

    middle = Delivery.objects.order_by("-pk")[:1].get().pk // 2
    ads = list(Destination.objects.order_by("pk").values_list("pk", flat=True))
    shops = list(Source.objects.order_by("pk").values_list("pk", flat=True))
    sent = Batch.objects.order_by("pk")[:1].get().pk
    shares = ("60%", "25%", "10%", "4%", "0.9%", "0.09%", "0.01%", "stopped", "none")
    yield "a page in the middle", {"before": middle}
    yield "newer than the middle", {"after": middle}
    for status in ("pending", "sending", "delivered", "rejected", "dead", "filtered", "discarded"):
        yield f"status {status}", {"status": status}
    for place in (0, 2, 5, 6, 7, 8):
        yield f"destination {shares[place]}", {"destination": ads[place]}
    for place in (0, 2, 5, 6, 7, 8):
        yield f"source {shares[place]}", {"source": shops[place]}
    for share, name in (
        ("60%", "Product Viewed"),
        ("10%", "Order Completed"),
        ("0.09%", "Video Watched"),
        ("0.01%", "Refund Asked"),
        ("stopped", "Old Form Sent"),
        ("none", "Never Sent"),
    ):
        yield f"source event {share}", {"source_event": name}
    for share, name in (("10%", "checkout"), ("0.01%", "refund"), ("none", "never")):
        yield f"Pinterest event {share}", {"pinterest_event": name}
    for code in ("invalid_email", "event_too_old", "worker_lost", "never"):
        yield f"error code {code}", {"error_code": code}
    yield "batch", {"batch": sent}
    day, week = _minute(10), _minute(7)
    yield "three days to the minute", {"since": day, "until": week}
    yield "since ten minutes ago", {"since": _minute(0, 10)}
    yield "time range and rare source", {"since": day, "until": week, "source": shops[6]}
    yield "day, delivered", {"day": _minute(20)[:10], "status": "delivered"}
    for place in (0, 6, 8):
        share, ad, shop = shares[place], ads[place], shops[place]
        yield f"destination {share}, delivered", {"destination": ad, "status": "delivered"}
        yield f"destination {share}, rejected", {"destination": ad, "status": "rejected"}
        yield f"source {share}, rejected", {"source": shop, "status": "rejected"}
        yield f"source {share}, error code", {"source": shop, "error_code": "invalid_email"}
        yield f"source {share}, pending", {"source": shop, "status": "pending"}
    yield "destination 60%, rare code", {"destination": ads[0], "error_code": "worker_lost"}
    rare = {"destination": ads[6], "source": shops[6]}
    yield "rare destination and rare source", rare
    yield "… and rare event", {**rare, "source_event": "Refund Asked"}
    yield "60% each, error", {"destination": ads[0], "source": shops[0], "error_code": "http_503"}
    yield "home's link, 30 days", {"error_code": "event_too_old", "settled_since": _minute(30)}
    yield (
        "home's link, a day",
        {
            "status": "rejected",
            "error_code": "invalid_email",
            "settled_since": _minute(1),
        },
    )
    for days in (1, 30):
        for status in ("delivered", "rejected", "filtered"):
            range_ = {"status": status, "settled_since": _minute(days)}
            yield f"home's number: {status}, {days} d", range_
            yield f"… of a destination: {status}, {days} d", {**range_, "destination": ads[3]}
    for name, term in (
        ("message ID", f"mixed-{middle}"),
        ("event ID", "an-event-id"),
        ("order ID", "order-12345"),
        ("email", "alex@example.com"),
        ("user ID", "user-12345"),
    ):
        yield f"search by {name}", {SEARCH: term}


def _row_pages() -> Iterator[Page]:
    from deliveries.models import Batch, Delivery

    for status in ("delivered", "rejected", "filtered"):
        pk = Delivery.objects.filter(status=status).order_by("-pk")[:1].get().pk
        yield Page(f"a delivery, {status}", f"{LOG}{pk}/change/")
    batch = Batch.objects.order_by("-pk")[:1].get().pk
    yield Page("batches", "/admin/deliveries/batch/")
    yield Page("a batch", f"/admin/deliveries/batch/{batch}/change/")
    yield Page("refusals", "/admin/deliveries/refusal/")
    yield Page("destinations", "/admin/destinations/destination/")
    yield Page("sources", "/admin/destinations/source/")
    yield Page("bulk actions", "/admin/deliveries/bulkaction/")


def _ask_pages() -> Iterator[Page]:
    from destinations.models import Destination, Source

    ads = list(Destination.objects.order_by("pk").values_list("pk", flat=True))
    shops = list(Source.objects.order_by("pk").values_list("pk", flat=True))
    for name, query in (
        ("all", {}),
        ("status rejected", {"status": "rejected"}),
        ("destination 60%", {"destination": ads[0]}),
        ("destination none", {"destination": ads[8]}),
        ("source 60%", {"source": shops[0]}),
        ("source 0.01%", {"source": shops[6]}),
        ("source event 10%", {"source_event": "Order Completed"}),
        ("error code", {"error_code": "invalid_email"}),
        ("three days", {"since": _minute(10), "until": _minute(7)}),
    ):
        for verb in ("retry", "discard"):
            yield Page(f"{verb} all that match, {name}", f"{ASK}{verb}/?{urlencode(query)}", ASK_MS)
    for name, since in (
        ("an hour", _minute(0, 60)),
        ("a day", _minute(1)),
        ("60 days", _minute(60)),
    ):
        query = {"since": since, "until": _minute(0)}
        yield Page(f"replay {name}", f"{ASK}replay/?{urlencode(query)}", ASK_MS)
        query["source"] = shops[6]
        yield Page(f"replay {name}, rare source", f"{ASK}replay/?{urlencode(query)}", ASK_MS)


def _minute(days: int, minutes: int = 0) -> str:
    from datetime import timedelta

    from django.utils import timezone

    moment = timezone.localtime() - timedelta(days=days, minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M")


def measure(repeats: int, only: str, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.ALLOWED_HOSTS.append("testserver")
    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(user)
    figures: dict[str, dict[str, Any]] = {}
    say(f"{'page':<44} {'median':>7} {'most':>7} {'wanted':>7}  shows")
    for page in pages():
        if only not in page.name:
            continue
        path = _posted(browser, page.path)
        loads = [_load(browser, path) for _ in range(repeats + 1)][1:]
        times = [milliseconds for milliseconds, _ in loads]
        median, most, shown = statistics.median(times), max(times), loads[-1][1]
        figures[page.name] = {
            "median_ms": median,
            "most_ms": most,
            "limit_ms": page.limit_ms,
            "shows": shown,
        }
        mark = "" if median < page.limit_ms else "  missed"
        say(
            f"{page.name:<44} {median:>4.0f} ms {most:>4.0f} ms {page.limit_ms:>4} ms  "
            f"{shown}{mark}"
        )
    return figures


def _posted(browser: Any, path: str) -> str:
    """A search is posted; the address that it leads to is what is measured."""
    base, _, query = path.partition("?")
    term = parse_qs(query).get(SEARCH, [""])[0]
    if not term:
        return path
    return str(browser.post(base, {"_search": "1", "q": term})["Location"])


def _load(browser: Any, path: str) -> tuple[float, str]:
    """Milliseconds, and what there was to be seen: rows, or a count."""
    started = time.perf_counter()
    response = browser.get(path)
    taken = (time.perf_counter() - started) * 1000
    assert response.status_code == 200, f"{path}: {response.status_code}"
    context = getattr(response, "context_data", None) or {}
    if "cl" in context:
        found = context["cl"]
        is_broken_off = getattr(found, "reached", None) is not None
        return taken, f"{found.result_count}{' so far' if is_broken_off else ''}"
    if context.get("preview") is not None:
        counted = context["preview"]
        return taken, f"{'' if counted.is_exact else 'at least '}{counted.count:,}"
    return taken, ""


if __name__ == "__main__":
    sys.exit(main())
