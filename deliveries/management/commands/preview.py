"""`manage.py preview`: what would become of events, without sending or storing any."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from deliveries.ingest.dry_run import preview_body
from deliveries.ingest.envelope import Arrival
from deliveries.ingest.responses import BodyRefused, RequestRefused
from destinations.pinterest.preview import Answer, error_answer, preview_line
from destinations.pinterest.transform import TransformConfig


class Command(BaseCommand):
    help = (
        "Reads JSON lines and writes one JSON line for each: the conversions, or why there "
        "are none. A line is what an SDK sends, an event or a batch, and the rules of ingest apply "
        'first; or {"event": …, "config": …}, an event as it\'s stored with a RudderStack '
        "destination config. Nothing is sent or stored."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "file", nargs="?", default="-", help="a file of JSON lines (default: standard input)"
        )
        parser.add_argument(
            "--destination",
            metavar="NAME",
            help="use this destination's settings for lines without a config",
        )
        parser.add_argument(
            "--pretty", action="store_true", help="readable output: indented, with messages"
        )

    def handle(
        self, *args: Any, file: str, destination: str | None, pretty: bool, **options: Any
    ) -> None:
        config = read_destination(destination) if destination else None
        write = self.stdout.write
        try:
            with open_lines(file) as lines:
                for number, line in enumerate(without_line_ends(lines), start=1):
                    answer = answer_line(line, config)
                    if pretty:
                        write(in_words(number, answer))
                    else:
                        write(orjson.dumps(answer).decode())
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever read us has enough (`| head`); nothing may be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer_line(line: bytes, config: TransformConfig | None) -> Answer:
    """The answer to one line; that to a batch holds those to its events, in order."""
    return preview_line(line, config, time.time(), _preview_sent)


def _preview_sent(line: bytes, config: TransformConfig) -> Answer:
    try:
        preview = preview_body(line, config, Arrival(timezone.now(), ""))
    except BodyRefused:
        return error_answer("not_json", "This line isn't valid JSON.")
    except RequestRefused as refused:
        return error_answer("empty_batch", f"Ingest would refuse this batch: {refused.text}.")
    answers = [event.answer for event in preview.events]
    return {"status": "batch", "answers": answers} if preview.is_batch else answers[0]


def read_destination(name: str) -> TransformConfig:
    """The settings of the destination with this name; CommandError when there is none."""
    # Only here: a line with a config of its own needs no database.
    from destinations.models import Destination

    try:
        return Destination.objects.get(name=name).transform_config()
    except Destination.DoesNotExist:
        raise CommandError(f"There is no destination named {name!r}.") from None


def open_lines(file: str) -> AbstractContextManager[BinaryIO]:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open(file, "rb")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from None


def without_line_ends(lines: Iterable[bytes]) -> Iterable[bytes]:
    return (line.removesuffix(b"\n") for line in lines)


def in_words(number: int | str, answer: Answer) -> str:
    """One answer for a person: what it comes to, the conversions indented, then the remarks."""
    status = answer["status"]
    if status == "batch":
        return "".join(
            in_words(f"{number}.{place}", one)
            for place, one in enumerate(answer["answers"], start=1)
        )
    parts = []
    if status == "ok":
        names = ", ".join(conversion["event_name"] for conversion in answer["conversions"])
        parts.append(f"{number}. ok: {names}")
        parts += [
            orjson.dumps(conversion, option=orjson.OPT_INDENT_2).decode()
            for conversion in answer["conversions"]
        ]
    else:
        parts.append(f"{number}. {status}")
    for reason in (answer.get("reason"), answer.get("error")):
        if reason:
            where = f" ({reason['field']})" if reason.get("field") else ""
            parts.append(f"  {reason['code']}{where}: {reason['message']}")
    for kind, findings in (("error", "errors"), ("warning", "warnings")):
        for finding in answer.get(findings, ()):
            where = f" ({finding['field']})" if finding["field"] else ""
            parts.append(f"  {kind} {finding['code']}{where}: {finding['message']}")
    return "\n".join(parts) + "\n"
