"""``manage.py forget_person``: remove one person from identity memory."""

from __future__ import annotations

from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deliveries.identity.forgetting import forget_person
from destinations.models import Source


class Command(BaseCommand):
    help = (
        "Forgets one person: what identity memory knows under a user ID or an anonymous ID. Asks "
        "for "
        "the ID, or reads it from standard input, so that it doesn't end up in the shell's "
        "history. "
        "Events in the log aren't changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--source", required=True, help="name of a source that sends the person"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = Source.objects.filter(name=options["source"]).first()
        if source is None:
            names = ", ".join(Source.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no source {options['source']!r}. Sources: {names}.")
        person_id = getpass("User ID or anonymous ID: ").strip()
        if not person_id:
            raise CommandError("An ID is needed.")
        count = forget_person(source, person_id)
        if not count:
            raise CommandError("Nobody is known under this ID in the source's identity space.")
        self.stdout.write(f"Forgotten: {count}")
