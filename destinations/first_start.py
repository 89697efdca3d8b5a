"""What an empty installation is given, so that there is somebody to log in and something to see."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction

from destinations.models import Destination, Source

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


def create_demo() -> bool:
    """In an empty database: a source, and the sandbox as its destination. Says whether it did."""
    with transaction.atomic():
        if Source.objects.exists() or Destination.objects.exists():
            return False
        source = Source.objects.create(name="Demo shop", write_key=DEMO_WRITE_KEY)
        destination = Destination.objects.create(
            name="Pinterest sandbox",
            service=Destination.Service.SANDBOX,
            advertiser_id=DEMO_ADVERTISER_ID,
            conversion_token=DEMO_TOKEN,
        )
        destination.sources.add(source)
    return True


def has_demo_source() -> bool:
    """Whether events sent with the demo write key are taken."""
    return Source.objects.filter(write_key=DEMO_WRITE_KEY, enabled=True).exists()
