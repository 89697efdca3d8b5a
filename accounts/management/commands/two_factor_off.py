"""`manage.py two_factor_off NAME`: for the last administrator, whose phone is lost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from accounts.two_factor import turn_off


class Command(BaseCommand):
    help = (
        "Turns off two-factor authentication for a user, who then signs in with the password only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"No user named {options['name']}.")
        was_on = turn_off(user.pk)
        self.stdout.write(
            "Two-factor authentication is off now." if was_on else "It was already off."
        )
