"""From a stored destination to a client that can send: the one place a token is decrypted."""

from __future__ import annotations

import threading

from django.conf import settings

from destinations.models import Destination
from destinations.pinterest.client import NoReply, PinterestClient, Reply, encode_request

_local = threading.local()
MAX_CLIENTS = 200


def client_for(destination: Destination) -> PinterestClient:
    """A client for this destination as it is configured now.

    Kept for the thread while the configuration stays, so that connections are reused.
    Raises SecretUnreadable when the token cannot be decrypted.
    """
    clients: dict[int, tuple[tuple[object, ...], PinterestClient]]
    clients = _local.__dict__.setdefault("clients", {})
    configuration = (
        destination.service,
        destination.api_version,
        destination.advertiser_id,
        destination.conversion_token.ciphertext,
        destination.test_mode,
        settings.SANDBOX_URL,
    )
    known = clients.get(destination.pk)
    if known is None or known[0] != configuration:
        if len(clients) >= MAX_CLIENTS:
            clients.clear()
        known = clients[destination.pk] = (configuration, _new_client(destination))
    return known[1]


def send_as_test(destination: Destination, conversions: list[bytes]) -> Reply | NoReply:
    """Send encoded conversions with ``?test=true``: judged by the service, recorded nowhere.

    Raises SecretUnreadable when the token cannot be decrypted.
    """
    client = _new_client(destination, test_mode=True)
    try:
        return client.send(encode_request(conversions))
    finally:
        client.close()


def _new_client(destination: Destination, *, test_mode: bool = False) -> PinterestClient:
    return PinterestClient(
        base_url=_base_url(destination),
        api_version=destination.api_version,
        advertiser_id=destination.advertiser_id,
        token=destination.conversion_token.reveal(),
        test_mode=test_mode or destination.test_mode,
        connect_timeout_seconds=settings.CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=settings.READ_TIMEOUT_SECONDS,
    )


def _base_url(destination: Destination) -> str:
    """Only the server's settings name hosts; a person in the admin chooses between two services."""
    if destination.service == Destination.Service.SANDBOX:
        return settings.SANDBOX_URL
    if destination.api_version == Destination.ApiVersion.V3:
        return settings.PINTEREST_LEGACY_URL
    return settings.PINTEREST_API_URL
