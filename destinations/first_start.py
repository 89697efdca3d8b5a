"""What an empty installation is given, so that there is somebody to log in and something to see."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction

from destinations.models import Destination, Source, generate_write_key

DEMO_WRITE_KEY = "demo-write-key"
DEMO_ADVERTISER_ID = "549755885175"
DEMO_TOKEN = "sandbox-token"


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """The login that was just made. ``password`` is '' when the environment gave it."""

    username: str
    password: str = ""


def create_first_admin(environment: Mapping[str, str]) -> FirstAdmin | None:
    """The first superuser, from ``DJANGO_SUPERUSER_USERNAME/PASSWORD/EMAIL`` or made up.

    None when there is a superuser already: nobody's password is ever changed here.
    """
    users = get_user_model()
    if users.objects.filter(is_superuser=True).exists():
        return None
    username = environment.get("DJANGO_SUPERUSER_USERNAME", "").strip() or "admin"
    given = environment.get("DJANGO_SUPERUSER_PASSWORD", "")
    password = given or secrets.token_urlsafe(12)
    users.objects.create_superuser(
        username, environment.get("DJANGO_SUPERUSER_EMAIL", "").strip(), password
    )
    return FirstAdmin(username, "" if given else password)


def create_demo(*, is_private: bool) -> str:
    """In an empty database: a source, and the sandbox as its destination. Returns the write key.

    Only where nobody but this machine can send (``is_private``) is it the one from the README,
    which everybody knows; elsewhere a random one. "" when the database was not empty, and nothing
    was made.
    """
    with transaction.atomic():
        if Source.objects.exists() or Destination.objects.exists():
            return ""
        write_key = DEMO_WRITE_KEY if is_private else generate_write_key()
        source = Source.objects.create(name="Demo shop", write_key=write_key)
        destination = Destination.objects.create(
            name="Pinterest sandbox",
            service=Destination.Service.SANDBOX,
            advertiser_id=DEMO_ADVERTISER_ID,
            conversion_token=DEMO_TOKEN,
        )
        destination.sources.add(source)
    return write_key


def has_demo_source() -> bool:
    """Whether events sent with the demo write key are accepted."""
    return Source.objects.filter(write_key=DEMO_WRITE_KEY, enabled=True).exists()


def replace_demo_key() -> str:
    """Give the demo source a random write key, for a server that others can reach from now on.

    Returns the new key. "" when no source has the demo write key, or when one that has it sends to
    a real ad account: then a site may be using it, and a new key would cost that site its events.
    """
    source = Source.objects.filter(write_key=DEMO_WRITE_KEY).first()
    if source is None or source.destinations.exclude(service=Destination.Service.SANDBOX).exists():
        return ""
    source.write_key = generate_write_key()
    source.save(update_fields=["write_key"])
    return source.write_key
