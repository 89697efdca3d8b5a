"""``manage.py doctor``: what is wrong with this installation, and how to fix it."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from deliveries.doctor.checks import run_checks
from deliveries.doctor.findings import Level, worst

MARKS = {Level.OK: "ok     ", Level.WARNING: "warning", Level.ERROR: "ERROR  "}


class Command(BaseCommand):
    help = "Checks what goes wrong in practice. The exit status is 1 if there's an error."

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = run_checks()
        level = worst(findings)
        if options["json"]:
            rows = [
                {
                    "check": one.check,
                    "level": one.level,
                    "message": str(one.message),
                    "fix": str(one.fix),
                }
                for one in findings
            ]
            self.stdout.write(json.dumps({"level": level, "checks": rows}, indent=2))
        else:
            width = max(len(str(one.title)) for one in findings)
            for one in findings:
                self.stdout.write(f"{MARKS[one.level]}  {one.title!s:<{width}}  {one.message}")
                if one.fix:
                    self.stdout.write(f"{'':7}  {'':<{width}}  → {one.fix}")
        if level is Level.ERROR:
            sys.exit(1)
