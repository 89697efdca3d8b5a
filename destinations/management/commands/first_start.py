"""`manage.py first_start`: give an empty installation its first admin and something to see."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand

from destinations.first_start import create_demo, create_first_admin


class Command(BaseCommand):
    help = (
        "Creates the first admin (DJANGO_SUPERUSER_USERNAME, _PASSWORD, _EMAIL; by default, with a "
        "random password that's printed once) and, in an empty database, a demo source and "
        "destination. Does nothing if they already exist."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--no-demo", action="store_true", help="don't create the demo source and destination"
        )

    def handle(self, *args: Any, no_demo: bool, **options: Any) -> None:
        if admin := create_first_admin(os.environ):
            password = admin.password or "from DJANGO_SUPERUSER_PASSWORD"
            self.stdout.write(f"Created the admin {admin.username}, password: {password}")
        # Where the server will listen is not known here, so the write key is a random one.
        if not no_demo and (write_key := create_demo(is_private=False)):
            self.stdout.write(f"Created the demo source (write key {write_key}).")
