"""`manage.py reencrypt_tokens`: put every stored token under the newest encryption key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from destinations.models import Destination
from destinations.secrets import SecretUnreadable


class Command(BaseCommand):
    help = (
        "Encrypts every conversion token anew with the first of TOKEN_ENCRYPTION_KEYS, so that the "
        "others can be taken out. Safe to repeat; nothing is changed if one cannot be read."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = []
        with transaction.atomic():
            destinations = Destination.objects.exclude(conversion_token="").select_for_update()
            for destination in destinations:
                try:
                    token = destination.conversion_token.sealed_with_newest_key()
                except SecretUnreadable:
                    unreadable.append(destination.name)
                else:
                    destination.conversion_token = token
                    destination.save(update_fields=["conversion_token"])
            if unreadable:
                raise CommandError(
                    "No key in TOKEN_ENCRYPTION_KEYS fits the token of: "
                    + ", ".join(unreadable)
                    + ". Nothing was changed."
                )
        self.stdout.write(f"{len(destinations)} token(s) are under the newest key.")
