"""The page of a delivery: its verdict, the action that works first, its fields, and its news."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.admin import todays_conversion
from deliveries.admin.delivery_pages import RELOAD_SECONDS, RELOAD_SOON_SECONDS
from deliveries.error_codes import ERROR_CODES
from deliveries.models import Delivery, SeenEvent
from destinations.models import Destination, EventMapping
from tests.deliveries.log_rows import make_rejected, settle
from tests.factories import make_deliveries, make_destination, make_event

LOG = "/admin/deliveries/delivery/"
pytestmark = pytest.mark.django_db
NOBODY: dict[str, Any] = {"context": {"ip": "203.0.113.7"}}


def page_of(client: Client, delivery: Delivery) -> str:
    response = client.get(f"{LOG}{delivery.pk}/change/")
    assert response.status_code == 200
    return response.content.decode()


def details_of(client: Client, delivery: Delivery) -> Any:
    return client.get(f"{LOG}{delivery.pk}/change/").context["details"]


def rejected(event: dict[str, Any] | None = None, **fields: Any) -> Delivery:
    destination = fields.pop("destination", None) or make_destination()
    (delivery,) = make_deliveries(destination, events=[event or make_event(**NOBODY)])
    values = {
        "status": "rejected",
        "error_stage": "transform",
        "error_code": "missing_user_data",
        "error_message": "Nobody can be matched.",
        "attempt_count": 1,
        **fields,
    }
    Delivery.objects.filter(pk=delivery.pk).update(due_at=None, settled_at=timezone.now(), **values)
    delivery.refresh_from_db()
    return delivery


def kinds_of(client: Client, delivery: Delivery) -> list[tuple[str, bool]]:
    return [(one.kind, one.is_main) for one in details_of(client, delivery).actions]


def test_a_rejected_event_offers_a_corrected_copy_first_and_a_retry_second(
    admin_client: Client,
) -> None:
    delivery = rejected()
    assert kinds_of(admin_client, delivery) == [("correct", True), ("retry", False)]
    page = page_of(admin_client, delivery)
    assert page.index("Send a corrected copy") < page.index("replay</span>Retry")
    assert "It wasn&#x27;t sent: Nobody can be matched." in page


def test_an_unmapped_event_is_mapped_first_and_once_it_is_a_retry_is_enough(
    admin_client: Client,
) -> None:
    destination = make_destination(unmapped_events="filter")
    delivery = rejected(
        make_event(event="Trial Started"),
        destination=destination,
        status="filtered",
        conversion_name="",
        error_code="unmapped_event",
    )
    (first, second) = details_of(admin_client, delivery).actions
    assert (first.kind, first.is_main, second.kind) == ("map", True, "retry")
    change_page, _, anchor = first.url.partition("#")
    assert f'id="{anchor}"' in admin_client.get(change_page).content.decode()
    now = timezone.now()
    SeenEvent.objects.create(
        source_id=delivery.event.source_id,
        type="track",
        name="Trial Started",
        first_seen_at=now,
        last_seen_at=now,
        count=1,
    )
    (first, _) = details_of(admin_client, delivery).actions
    assert first.url.endswith(f"/{destination.pk}/events/?name=Trial+Started")
    assert "Trial Started" in admin_client.get(first.url).content.decode()
    EventMapping.objects.create(
        destination=destination, source_event_name="Trial Started", pinterest_event_name="lead"
    )
    assert kinds_of(admin_client, delivery) == [("retry", True)]


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"status": "filtered", "error_code": "bot"}, ["edit", "retry"]),
        ({"error_stage": "response", "error_code": "pinterest_rejected"}, ["retry"]),
        ({"status": "dead", "error_code": "server_error"}, ["retry"]),
        ({"status": "discarded", "error_code": ""}, ["retry"]),
        ({"status": "filtered", "error_code": "unsupported_type"}, ["retry"]),
    ],
)
def test_what_works_first_depends_on_the_error(
    admin_client: Client, fields: dict[str, str], kinds: list[str]
) -> None:
    delivery = rejected(make_event(type="identify", **NOBODY), conversion_name="", **fields)
    if fields["error_code"] == "pinterest_rejected":
        kinds = ["correct", "edit", "retry"]
    assert [kind for kind, _ in kinds_of(admin_client, delivery)] == kinds


def test_an_error_that_no_retry_can_cure_offers_no_main_retry(admin_client: Client) -> None:
    delivery = rejected(
        make_event(type="identify"),
        status="filtered",
        conversion_name="",
        error_code="unsupported_type",
    )
    assert kinds_of(admin_client, delivery) == [("retry", False)]


def test_who_may_only_operate_is_offered_what_they_may_do(client: Client) -> None:
    user = User.objects.create_user("operator", password="x", is_staff=True)
    for name in ("view_delivery", "operate_delivery"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(user)
    delivery = rejected()
    assert [kind for kind, _ in kinds_of(client, delivery)] == ["retry"]
    assert client.get(f"{LOG}{delivery.pk}/correct/").status_code == 403
    assert client.post(f"{LOG}{delivery.pk}/correct/", {"event": "{}"}).status_code == 403


def test_an_archived_destination_has_no_actions(admin_client: Client) -> None:
    delivery = rejected()
    Destination.objects.update(archived_at=timezone.now(), enabled=False)
    assert kinds_of(admin_client, delivery) == []


def test_delivered_with_warnings_is_said_first_with_what_to_do(admin_client: Client) -> None:
    (delivery,) = make_deliveries(make_destination())
    settle([delivery], [{"status": "processed"}])
    code = "currency_invalid"
    warning = {"code": code, "field": "properties.currency", "message": "Not three letters."}
    Delivery.objects.update(warnings=[warning])
    page = page_of(admin_client, delivery)
    assert "There is 1 warning: something was left out, repaired, or assumed." in page
    assert page.index("currency_invalid") < page.index("Field by field")
    remedy = ERROR_CODES[code].remedy
    assert remedy in page
    assert "/admin/documentation/errors/#warnings" in page


def test_what_filters_an_event_is_said_once_and_its_value_is_masked(
    admin_client: Client,
) -> None:
    (delivery,) = make_deliveries(
        make_destination(event_list="deny", listed_events="Order Completed"),
        events=[make_event(event="Order Completed")],
        conversion_name="",
    )
    fields = {"status": "filtered", "due_at": None, "error_stage": "transform"}
    Delivery.objects.update(**fields, error_code="filtered_by_rule", error_message="It's listed.")
    assert details_of(admin_client, delivery).today is None
    Delivery.objects.update(error_code="unmapped_event")
    assert "wouldn't be sent" in details_of(admin_client, delivery).today.sentence
    quoting = "The rule says 'ann.secret@x.com'."
    hidden = todays_conversion._shown(quoting, {"userId": "ann.secret@x.com"}, is_masked=True)
    assert "ann.secret" not in hidden


def test_an_order_without_a_value_shows_no_currency_alone(admin_client: Client) -> None:
    event = make_event(properties={"currency": "EUR", "order_id": "o-1"})
    (delivery,) = make_deliveries(make_destination(), events=[event])
    assert details_of(admin_client, delivery).fields.value == ""


def test_a_paused_destination_is_why_a_delivery_waits(admin_client: Client) -> None:
    (delivery,) = make_deliveries(make_destination(paused_at=timezone.now()))
    assert "It waits because its destination is paused." in page_of(admin_client, delivery)


def test_the_page_names_order_value_and_what_the_person_is_matched_by(
    admin_client: Client,
) -> None:
    event = make_event()
    (delivery,) = make_deliveries(make_destination(), events=[event])
    fields = details_of(admin_client, delivery).fields
    assert fields.order == event["properties"]["order_id"]
    assert fields.value == "35 USD"
    assert fields.person == ["Email", "User ID"]
    page = page_of(admin_client, delivery)
    assert "context.traits.email" in page
    assert event["context"]["traits"]["email"] in page


def test_an_event_without_a_match_shows_its_fields_and_that_it_lacks_one(
    admin_client: Client,
) -> None:
    page = page_of(admin_client, rejected())
    assert "not enough for a match" in page
    assert "properties.order_id" in page


def test_without_the_permission_fields_are_there_and_their_values_are_not(client: Client) -> None:
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(user)
    event = make_event(userId="secret-user", context={"traits": {"email": "ann.secret@x.com"}})
    event["properties"]["note"] = "call ann.secret@x.com"
    (delivery,) = make_deliveries(make_destination(), events=[event])
    page = page_of(client, delivery)
    assert "context.traits.email" in page
    assert "ann.secret" not in page
    assert "secret-user" not in page
    assert not re.search(r"[0-9a-f]{12}…", page)


@pytest.mark.parametrize(
    ("due_in", "status", "seconds"),
    [
        (0, "pending", RELOAD_SOON_SECONDS),
        (30, "sending", RELOAD_SOON_SECONDS),
        (600, "pending", RELOAD_SECONDS),
        (None, "delivered", 0),
        (None, "rejected", 0),
    ],
)
def test_the_page_looks_for_news_while_something_is_pending(
    admin_client: Client, due_in: int | None, status: str, seconds: int
) -> None:
    (delivery,) = make_deliveries(make_destination())
    due_at = None if due_in is None else timezone.now() + timedelta(seconds=due_in)
    token = "00000000-0000-0000-0000-000000000001" if status == "sending" else None
    Delivery.objects.update(status=status, due_at=due_at, claim_token=token)
    found = re.findall(r'data-relay-reload="(\d+)"', page_of(admin_client, delivery))
    assert found == ([str(seconds)] if seconds else [])


def test_a_page_takes_as_many_queries_whatever_there_is_to_say(admin_client: Client) -> None:
    destination = make_destination()
    small, large = make_deliveries(
        destination,
        events=[
            make_event(),
            make_event(properties={"products": [{"sku": f"s-{n}"} for n in range(300)]}),
        ],
    )
    page_of(admin_client, small)
    counts = []
    for delivery in (small, large):
        with CaptureQueriesContext(connection) as queries:
            page_of(admin_client, delivery)
        counts.append(len(queries))
    closed = make_rejected(destination)
    with CaptureQueriesContext(connection) as queries:
        page_of(admin_client, closed)
    assert counts[0] == counts[1]
    assert len(queries) <= counts[0] + 2  # its corrected copies
    assert counts[0] <= 12
