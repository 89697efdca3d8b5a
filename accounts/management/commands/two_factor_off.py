"""`manage.py two_factor_off NAME`: for the last administrator, whose phone is lost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from accounts.two_factor import turn_off


class Command(BaseCommand):
    help = "Switches off the two-factor login of one person; the password alone signs in then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the user name")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['name']}.")
        was_on = turn_off(user.pk)
        self.stdout.write("It is off now." if was_on else "It was off.")
