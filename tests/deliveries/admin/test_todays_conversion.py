"""The page of a delivery says what would be sent today, when that differs."""

from __future__ import annotations

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from deliveries.admin.todays_conversion import compare_with_today
from deliveries.db.compression import pack, unpack
from deliveries.models import Delivery
from destinations.models import Destination, EventMapping
from destinations.pinterest.transform import transform
from tests.deliveries.log_rows import make_rejected, settle
from tests.factories import make_deliveries, make_destination

LOG = "/admin/deliveries/delivery/"
pytestmark = pytest.mark.django_db


def deliver() -> Delivery:
    """A delivered delivery whose batch holds what the transform really made."""
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    batch = settle([delivery], [{"status": "processed"}])
    event = orjson.loads(unpack(delivery.event.body))
    made = transform(event, "checkout", destination.transform_config(), timezone.now().timestamp())
    batch.request_body = pack(orjson.dumps({"data": [made.fields]}))
    batch.save()
    return delivery


def test_nothing_is_said_while_the_configuration_stays(admin_client):
    delivery = deliver()
    page = admin_client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert "With current settings" not in page


def test_a_changed_configuration_is_shown_as_a_difference(admin_client):
    delivery = deliver()
    Destination.objects.update(default_action_source="offline", send_external_id=False)
    page = admin_client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert "A retry would send something different" in page
    assert 'relay-diff__old">-' in page
    assert "external_id" in page


def test_a_changed_event_map_is_said_in_words(admin_client):
    delivery = deliver()
    EventMapping.objects.create(
        destination_id=delivery.destination_id,
        source_event_name="Order Completed",
        pinterest_event_name="lead",
    )
    page = admin_client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert "this event is sent as lead, not as checkout" in page


def test_what_was_never_sent_is_shown_as_it_would_go_out(admin_client):
    delivery = make_rejected(make_destination())
    page = admin_client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert "this would be sent:" in page


def test_without_the_permission_the_difference_names_fields_and_shows_no_value(client):
    delivery = make_rejected(make_destination())
    person = User.objects.create_user("viewer", password="x", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(person)
    page = client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert "this would be sent:" in page
    today = page[page.index("With current settings") :]
    sent = compare_with_today(
        orjson.loads(unpack(delivery.event.body)),
        None,
        "checkout",
        Destination.objects.get().transform_config(),
        timezone.now(),
    )
    digests = [line.strip(' "') for _, line in sent.lines if len(line.strip(' ",')) == 64]
    assert digests
    for digest in digests:
        assert digest not in today
