"""What the commands of all benchmarks have in common: --json, and saying what they do."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


class Command(argparse.ArgumentParser):
    """The options of `bin/bench NAME`, and its output: figures at the end, words on the way."""

    def __init__(self, name: str, doc: str | None) -> None:
        super().__init__(prog=f"bin/bench {name}", description=doc)
        self.add_argument("--json", action="store_true", help="one JSON object, nothing else")
        self.is_json = False

    def read(self) -> argparse.Namespace:
        options = self.parse_args()
        self.is_json = options.json
        return options

    def say(self, text: str) -> None:
        """A line for a person; nothing with --json."""
        if not self.is_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def print_json(self, figures: dict[str, Any]) -> None:
        """The figures for a program; nothing without --json."""
        if self.is_json:
            sys.stdout.write(json.dumps(figures) + "\n")

    def print_figures(self, figures: dict[str, Any]) -> None:
        """For both: indented for a person."""
        self.print_json(figures)
        self.say(json.dumps(figures, indent=1))
