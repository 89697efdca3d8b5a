"""`manage.py pinterest_sandbox`: a stand-in for Pinterest, for trials and tests."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from pinterest_sandbox import command_line, faults


class Command(BaseCommand):
    help = "A stand-in for the Pinterest Conversions API, for trials and tests."
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs["epilog"] = faults.__doc__
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        command_line.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(command_line.run_sandbox(options))
