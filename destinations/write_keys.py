"""Rotating write keys: a source's old key goes on for a while, so that nobody's SDK is cut off."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from destinations.first_start import DEMO_WRITE_KEY
from destinations.key_models import KEY_ENDING, FormerWriteKey, UnknownWriteKey
from destinations.models import Source, generate_write_key

NOTED_EVERY = timedelta(minutes=1)
"""How exactly the last use of a former key is known."""

SHOWN_FOR = timedelta(days=30)
"""So long a former key is still listed after it has stopped working."""


def digest_of(write_key: str) -> str:
    """What is kept of a key that is no source's: 64 hexadecimal digits."""
    return blake2b(write_key.encode(errors="replace"), digest_size=32).hexdigest()


def rotate_key(source: Source, kept_for: timedelta, now: datetime) -> FormerWriteKey | None:
    """Give the source a new key; the old one works for ``kept_for``. Returns the old one.

    None when the old key ends at once: nothing was to be kept, or it is the one from the README,
    which everybody knows.
    """
    with transaction.atomic():
        # Two who rotate at once do so one after the other: no key that was shown is lost.
        old = (
            Source.objects.select_for_update().values_list("write_key", flat=True).get(pk=source.pk)
        )
        source.write_key = generate_write_key()
        source.save(update_fields=["write_key"])
        if not kept_for or old == DEMO_WRITE_KEY:
            return None
        return FormerWriteKey.objects.update_or_create(
            digest=digest_of(old),
            defaults={
                "source": source,
                "ending": old[-KEY_ENDING:],
                "replaced_at": now,
                "expires_at": now + kept_for,
                "last_used_at": None,
            },
        )[0]


def find_former_key(write_key: str) -> FormerWriteKey | None:
    """The former key that still works, with its source. Notes that it is in use, now and then."""
    now = timezone.now()
    found = (
        FormerWriteKey.objects.select_related("source")
        .filter(digest=digest_of(write_key), expires_at__gt=now)
        .first()
    )
    if found is not None and (
        found.last_used_at is None or now - found.last_used_at >= NOTED_EVERY
    ):
        FormerWriteKey.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=now), pk=found.pk
        ).update(last_used_at=now)
    return found


def is_former_key(write_key: str, now: datetime) -> bool:
    """Whether some source's former key is this one, and still works."""
    return FormerWriteKey.objects.filter(digest=digest_of(write_key), expires_at__gt=now).exists()


def end_former_key(source: Source, key_id: int, now: datetime) -> FormerWriteKey | None:
    """Let a former key of the source end now; None if it has ended."""
    found = source.former_keys.filter(pk=key_id, expires_at__gt=now).first()
    if found is not None:
        FormerWriteKey.objects.filter(pk=found.pk).update(expires_at=now)
    return found


def forget_keys(now: datetime) -> int:
    """Remove former keys that ended, and unknown ones that were last seen, ``SHOWN_FOR`` ago."""
    before = now - SHOWN_FOR
    return (
        FormerWriteKey.objects.filter(expires_at__lt=before).delete()[0]
        + UnknownWriteKey.objects.filter(last_seen_at__lt=before).delete()[0]
    )
