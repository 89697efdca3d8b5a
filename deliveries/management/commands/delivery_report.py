"""``manage.py delivery_report``: how many deliveries are in which state, and why."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from deliveries.stats.reporting import build_report, parse_since
from deliveries.statuses import DeliveryStatus


class Command(BaseCommand):
    help = "Counts deliveries by destination and status, with their errors."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        parser.add_argument(
            "--since",
            metavar="WHEN",
            help="only events received since then: 24h, 7d, 2026-05-01 or 2026-05-01T12:30",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = None
        if options["since"]:
            try:
                since = parse_since(options["since"], timezone.now())
            except ValueError as error:
                raise CommandError(f"--since: {error}") from None
        report = build_report(since)
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_table(report)))


def _table(report: dict[str, Any]) -> list[str]:
    """Lines: one row a destination, the sum below, then the errors."""
    statuses = [status.value for status in DeliveryStatus]
    names = [
        f"{destination['name']} (paused)" if destination["paused"] else destination["name"]
        for destination in report["destinations"]
    ]
    width = max(len(name) for name in (*names, "destination", "all"))
    lines = [
        f"{'destination':<{width}}" + "".join(f"{status:>11}" for status in statuses),
        *(
            _row(name, destination["totals"], width)
            for name, destination in zip(names, report["destinations"], strict=True)
        ),
        _row("all", report["totals"], width),
        "",
        f"completed from memory: {report['completed_from_memory']:,}",
        f"invalid events: {report['refusals']:,}",
    ]
    for name, destination in zip(names, report["destinations"], strict=True):
        if destination["errors"]:
            lines += ["", f"errors of {name}:"]
            lines += [
                f"  {error['count']:>9,}  {error['code']}  {error['example']}"
                for error in destination["errors"]
            ]
    return lines


def _row(name: str, totals: dict[str, int], width: int) -> str:
    return f"{name:<{width}}" + "".join(f"{totals[status.value]:>11,}" for status in DeliveryStatus)
