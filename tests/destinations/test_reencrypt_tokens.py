"""Exchanging the token encryption key: all tokens or none."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from destinations.models import Destination
from tests.factories import make_destination

pytestmark = pytest.mark.django_db


def reencrypt() -> str:
    output = StringIO()
    call_command("reencrypt_tokens", stdout=output)
    return output.getvalue()


def test_after_it_the_old_key_can_go(settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.TOKEN_ENCRYPTION_KEYS = [old]
    for token in ("first-token", "second-token"):
        make_destination(conversion_token=token)
    make_destination(conversion_token="", api_version="v3")

    settings.TOKEN_ENCRYPTION_KEYS = [new, old]
    assert reencrypt() == "Encrypted with the newest key: 2.\n"

    settings.TOKEN_ENCRYPTION_KEYS = [new]
    tokens = {found.conversion_token.reveal() for found in Destination.objects.all()}
    assert tokens == {"first-token", "second-token", ""}


def test_a_token_that_cannot_be_read_stops_it_before_anything_is_changed(settings) -> None:
    lost, old, new = (Fernet.generate_key().decode() for _ in range(3))
    settings.TOKEN_ENCRYPTION_KEYS = [lost]
    make_destination(name="Forgotten")
    settings.TOKEN_ENCRYPTION_KEYS = [old]
    make_destination(name="Known")
    before = {found.pk: found.conversion_token.ciphertext for found in Destination.objects.all()}

    settings.TOKEN_ENCRYPTION_KEYS = [new, old]
    with pytest.raises(
        CommandError, match=r"can decrypt the token of: Forgotten\. Nothing was changed"
    ):
        reencrypt()
    after = {found.pk: found.conversion_token.ciphertext for found in Destination.objects.all()}
    assert after == before
