"""A delivery that lost its value or currency on the way is marked, found and counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Delivery
from deliveries.search import Selection, find_page
from deliveries.search import scan as scan_module
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.plans import explained
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db
LOG = "/admin/deliveries/delivery/"


def make_warned(destination: Any = None) -> tuple[Delivery, Delivery]:
    """One whose currency was dropped, and one with nothing to remark; both delivered."""
    destination = destination or make_destination()
    events = [
        make_event(properties={"order_id": "o-1", "value": 35, "currency": "dollars"}),
        make_event(),
    ]
    warned, fine = make_deliveries(destination, events=events)
    deliver_batch(destination.pk)
    for one in (warned, fine):
        one.refresh_from_db()
        assert one.status == "delivered"
    assert "currency_invalid" in {one["code"] for one in warned.warnings}
    assert "currency_invalid" not in {one["code"] for one in fine.warnings}
    return warned, fine


def shown(client: Client, query: str) -> list[int]:
    return [row.pk for row in client.get(f"{LOG}?{query}").context["cl"].result_list]


def test_the_log_marks_what_was_delivered_with_a_warning(
    admin_client: Client, sandbox: Sandbox
) -> None:
    warned, _ = make_warned()
    page = admin_client.get(f"{LOG}?warning=currency_invalid").content.decode()
    assert "relay-warned" in page
    assert "currency_invalid" in page
    Delivery.objects.update(warnings=[])
    assert "relay-warned" not in admin_client.get(LOG).content.decode()
    assert shown(admin_client, "warning=any") == []
    assert warned.pk in shown(admin_client, "")


def test_the_log_is_filtered_by_warnings_and_by_one_code(
    admin_client: Client, sandbox: Sandbox
) -> None:
    warned, fine = make_warned()
    Delivery.objects.filter(pk=fine.pk).update(
        warnings=[{"code": "value_zero", "field": "", "message": "about currency_invalid"}]
    )
    assert shown(admin_client, "warning=any") == [fine.pk, warned.pk]
    assert shown(admin_client, "warning=currency_invalid") == [warned.pk]
    assert shown(admin_client, "warning=value_zero&status=delivered") == [fine.pk]
    assert shown(admin_client, "warning=currency") == []
    Delivery.objects.filter(pk=fine.pk).update(warnings=[])
    assert shown(admin_client, "warning=any") == [warned.pk]


def test_home_counts_warnings_by_code_and_each_leads_to_its_rows(
    admin_client: Client, sandbox: Sandbox
) -> None:
    warned, _ = make_warned()
    home = admin_client.get("/admin/")
    (line,) = [one for one in home.context["warnings"] if one.code == "currency_invalid"]
    assert line.count == 1
    assert line.meaning
    assert line.url in home.content.decode().replace("&amp;", "&")
    rows = admin_client.get(line.url).context["cl"].result_list
    assert [row.pk for row in rows] == [warned.pk]


@pytest.mark.postgres
def test_few_among_many_are_found_by_their_own_index(sandbox: Sandbox) -> None:
    warned, _ = make_warned()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_delivery (event_id, destination_id, conversion_name, status,
                attempt_count, created_at, settled_at, conversion_event_id, error_stage,
                error_code, error_field, error_message, warnings)
            SELECT 1000000 + n, %s, 'checkout', 'delivered', 1, now(), now(), '', '', '', '', '',
                '[]' FROM generate_series(1, 60000) AS n
            """,
            [warned.destination_id],
        )
        cursor.execute("ANALYZE deliveries_delivery")
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin"))
    for query in ("warning=any", "warning=currency_invalid", "warning=any&status=delivered"):
        with explained() as plans:
            assert warned.pk in shown(admin, query)
        assert plans.scanned_tables == set()
        assert "delivery_warned" in plans.indexes


def test_a_stretch_that_holds_none_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    original = scan_module.windows
    monkeypatch.setattr(
        scan_module, "windows", lambda plan, width=None: widths.append(plan) or original(plan)
    )
    selection = Selection(warning="any", since=timezone.now())
    find_page(selection.narrow(Delivery.objects.all()), selection, 5)
    assert [plan.is_thin for plan in widths] == [True]
