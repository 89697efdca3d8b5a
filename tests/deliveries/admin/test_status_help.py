"""Every status has plain words, on the pages and in the documentation alike."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.admin.status_help import STATUS_HELP
from deliveries.models import Delivery
from deliveries.statuses import DeliveryStatus
from tests.deliveries.searching import search_url
from tests.factories import make_deliveries, make_destination
from tests.test_architecture import BASE_DIR

LOG = "/admin/deliveries/delivery/"
WORDS_OF_DEAD = "Every attempt failed with a temporary error"


def test_every_status_is_explained_and_the_document_says_the_same() -> None:
    document = (BASE_DIR / "docs" / "errors.md").read_text(encoding="utf-8")
    assert set(STATUS_HELP) == set(DeliveryStatus.values)
    for status, (meaning, remedy) in STATUS_HELP.items():
        label = DeliveryStatus(status).label
        assert f"| {label} (`{status}`) | {meaning} | {remedy} |" in document


@pytest.mark.django_db
def test_a_dead_letter_says_what_it_is_and_what_to_do(admin_client: Client) -> None:
    (delivery,) = make_deliveries(make_destination())
    Delivery.objects.update(status="dead", due_at=None, settled_at=timezone.now())
    page = admin_client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert WORDS_OF_DEAD in page
    assert "each gets a new set of attempts" in page
    page = admin_client.get(LOG, {"status": "dead"}).content.decode()
    assert WORDS_OF_DEAD in page
    assert "each gets a new set of attempts" in page
    assert WORDS_OF_DEAD not in admin_client.get(LOG).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, ["Retry all matching …"]),
        (
            {"status": "dead"},
            ["Retry all with status failed …", "Discard all with status failed …"],
        ),
        ({"status": "pending"}, ["Discard all with status pending …"]),
        ({"status": "discarded"}, ["Retry all with status discarded …"]),
        ({"status": "delivered"}, []),
    ],
)
def test_the_buttons_say_what_they_are_about_and_promise_to_ask(
    admin_client: Client, query: dict[str, str], words: list[str]
) -> None:
    links = admin_client.get(LOG, query).context["bulk_links"]
    assert [said for _, _, said, _ in links] == [*words, "Replay a time range …"]
    assert all("You'll see a preview before anything happens." in link[3] for link in links)


def test_a_search_is_not_acted_upon_as_a_whole(admin_client: Client) -> None:
    links = admin_client.get(search_url(admin_client, "order-1")).context["bulk_links"]
    assert [said for _, _, said, _ in links] == ["Replay a time range …"]
