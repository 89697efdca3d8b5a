"""What people see of identity memory: the delivery, the log, home, the counts. Never a person."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.engine.dispatch import deliver_batch
from deliveries.identity import counting
from deliveries.identity.counting import count_people
from deliveries.identity.second_chance import give_second_chances, note_waiting
from deliveries.models import Delivery
from deliveries.stats.reporting import build_report
from destinations.models import Destination
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.identity.people import remember_email
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def completed(sandbox: Sandbox) -> Delivery:
    """A delivery that got its email from memory, beside one that brought its own."""
    source = make_source()
    destination = make_destination(sources=[source])
    remember_email(source, "known-customer-4711", "ann@example.com")
    events = [make_event(userId="known-customer-4711", context={}), make_event()]
    first, _ = make_deliveries(destination, events=events)
    assert deliver_batch(destination.pk) == 2
    first.refresh_from_db()
    assert first.status == "delivered"
    return first


def page_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_the_delivery_says_what_was_remembered_and_from_where(
    completed: Delivery, admin_client: Client
) -> None:
    page = page_of(admin_client, f"/admin/deliveries/delivery/{completed.pk}/change/")
    assert "From identity memory" in page
    assert "<code>em</code>" in page
    assert "remembered from identify" in page
    # What memory adds is no difference to today's configuration.
    assert "A retry would send something different" not in page
    other = Delivery.objects.exclude(pk=completed.pk).get()
    assert "From identity memory" not in page_of(
        admin_client, f"/admin/deliveries/delivery/{other.pk}/change/"
    )


def test_the_log_is_filtered_by_what_memory_completed(
    completed: Delivery, admin_client: Client
) -> None:
    page = page_of(admin_client, "/admin/deliveries/delivery/?memory=completed")
    assert f"/delivery/{completed.pk}/change/" in page
    assert page.count("relay-badge--delivered") < 4
    other = Delivery.objects.exclude(pk=completed.pk).get()
    assert f"/delivery/{other.pk}/change/" not in page
    assert "isn’t" not in page
    wrong = page_of(admin_client, "/admin/deliveries/delivery/?memory=nonsense")
    assert "nonsense" in wrong


def test_home_tells_events_from_memory(completed: Delivery, admin_client: Client) -> None:
    page = page_of(admin_client, "/admin/")
    assert "50% from events, 50% <a" in page


def test_the_report_counts_it(completed: Delivery) -> None:
    assert build_report()["completed_from_memory"] == 1


def test_the_page_counts_and_lists_nobody(completed: Delivery, admin_client: Client) -> None:
    page = page_of(admin_client, "/admin/people/")
    assert "Users and devices remembered" in page
    assert "<dd>1</dd>" in page
    assert "50 %" in page or "50%" in page
    assert "?memory=completed" in page
    assert "known-customer-4711" not in page
    assert "ann@" not in page


def test_the_page_of_an_empty_installation_says_what_to_do(admin_client: Client) -> None:
    assert "Turn on identity memory" in page_of(admin_client, "/admin/people/")


def test_a_second_chance_stands_in_the_timeline(sandbox: Sandbox, admin_client: Client) -> None:
    source = make_source()
    destination = make_destination(sources=[source])
    (delivery,) = make_deliveries(destination, events=[make_event(userId="u1", context={})])
    deliver_batch(destination.pk)
    key = remember_email(source, "u1", "ann@example.com")
    assert give_second_chances([key], timezone.now()) == {destination.pk}
    deliver_batch(destination.pk)
    page = page_of(admin_client, f"/admin/deliveries/delivery/{delivery.pk}/change/")
    assert page.count("Queued again") == 1
    assert "who this person is" in page
    assert "Retried" not in page


def test_many_people_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_COUNTED", 2)
    source = make_source()
    for number in range(2):
        remember_email(source, f"u{number}", "ann@example.com")
    assert count_people() == (2, True)
    for number in range(2, 5):
        remember_email(source, f"u{number}", "ann@example.com")
    count, is_exact = count_people()
    assert (count >= 3, is_exact) == (True, False)


def test_a_note_is_written_once(db: None) -> None:
    destination = make_destination(sources=[make_source()])
    assert Destination.objects.filter(pk=destination.pk).exists()
    key = remember_email(make_source(), "u1", "ann@example.com")
    note_waiting([(key.bytes, 1), (key.bytes, 2)], timezone.now())
    note_waiting([(key.bytes, 1)], timezone.now())
    from deliveries.models import SecondChance

    assert SecondChance.objects.count() == 2
