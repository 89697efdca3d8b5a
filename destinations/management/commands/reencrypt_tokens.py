"""`manage.py reencrypt_tokens`: put every stored secret under the newest encryption key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from destinations.secrets import SecretField, SecretUnreadable


class Command(BaseCommand):
    help = (
        "Encrypts all conversion tokens, two-factor secrets, and secrets of alert channels again "
        "with the first of TOKEN_ENCRYPTION_KEYS, so that you can remove the others. Safe to "
        "repeat. If one can't be decrypted, nothing is changed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = []
        count = 0
        with transaction.atomic():
            for field, row in _rows_with_secrets():
                try:
                    secret = getattr(row, field).sealed_with_newest_key()
                except SecretUnreadable:
                    unreadable.append(str(row))
                    continue
                setattr(row, field, secret)
                row.save(update_fields=[field])
                count += 1
            if unreadable:
                raise CommandError(
                    "No key in TOKEN_ENCRYPTION_KEYS can decrypt the token of: "
                    + ", ".join(unreadable)
                    + ". Nothing was changed."
                )
        self.stdout.write(f"Encrypted with the newest key: {count}.")


def _rows_with_secrets() -> Iterator[tuple[str, models.Model]]:
    """Every row that holds one, locked, with the name of the field."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, SecretField):
                rows = model._default_manager.exclude(**{field.attname: ""})
                yield from ((field.attname, row) for row in rows.select_for_update())
