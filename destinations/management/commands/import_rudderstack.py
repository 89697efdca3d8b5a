"""`manage.py import_rudderstack FILE [--dry-run]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from destinations.rudderstack_import import NotRudderStack, find_destinations, import_destination


class Command(BaseCommand):
    help = (
        "Imports RudderStack's Pinterest destinations with their event maps. FILE is a "
        "destination's config, a list of configs, or a workspace export ('-' reads standard "
        "input). Existing destinations with the same name aren't changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would happen, change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = (
                sys.stdin.buffer.read()
                if options["file"] == "-"
                else Path(options["file"]).read_bytes()
            )
            found, reports = find_destinations(orjson.loads(text))
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from error
        except orjson.JSONDecodeError as error:
            raise CommandError(f"{options['file']} isn't valid JSON: {error}.") from error
        except NotRudderStack as error:
            raise CommandError(str(error)) from error
        reports += [import_destination(one, dry_run=options["dry_run"]) for one in found]
        for report in reports:
            self.stdout.write(f"{report.name}: {report.result}")
            for note in report.notes:
                self.stdout.write(f"  - {note}")
        counts = {
            result: sum(report.result == result for report in reports)
            for result in ("created", "unchanged", "skipped")
        }
        prefix = "Dry run, no changes made: " if options["dry_run"] else ""
        self.stdout.write(
            prefix + ", ".join(f"{count} {result}" for result, count in counts.items())
        )
