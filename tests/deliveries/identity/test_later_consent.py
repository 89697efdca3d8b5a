"""A delivery filtered for consent goes out once its person grants it; where that is wanted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from deliveries.actions.operations import retry
from deliveries.identity import later_consent
from deliveries.identity.forgetting import forget_person
from deliveries.identity.writing import forget_noted
from deliveries.models import Attempt, ConsentWait, Delivery, Event
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.identity.consents import (
    DENIED,
    GRANTED,
    NOW,
    SILENT,
    change,
    deliver,
    event,
    receive,
    statuses,
)
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    woken: list[set[int]] = []
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: woken.append(set(ids)))
    forget_noted()
    forget_routes()
    return woken


@pytest.fixture
def source() -> Source:
    return make_source()


@pytest.fixture
def destination(source: Source) -> Destination:
    return make_destination(sources=[source], consent_mode="strict", sends_after_consent=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lacking", [DENIED, SILENT])
def test_a_grant_sends_what_was_filtered_and_says_why(
    source: Source,
    destination: Destination,
    sandbox: Sandbox,
    rung: list[set[int]],
    lacking: dict[str, Any],
) -> None:
    receive(source, event(0, lacking))
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.conversion_name) == ("filtered", "checkout")
    assert delivery.error_code == ("consent_denied" if lacking else "consent_missing")
    assert deliver(destination) == 0
    rung.clear()

    receive(source, event(1, GRANTED, messageId="the-grant"))

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt_count) == ("pending", 0)
    assert rung == [{destination.pk}]
    assert deliver(destination) == 2
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error_code) == ("delivered", "")
    attempts = Attempt.objects.filter(delivery_id=delivery.pk).order_by("pk")
    assert [one.outcome for one in attempts] == ["filtered", "requeued", "delivered"]
    assert attempts[0].error_code == ("consent_denied" if lacking else "consent_missing")
    assert attempts[1].error_message == (
        "A newer event of the same person grants consent (message ID the-grant), so it's sent."
    )
    assert len(sandbox.event_ids()) == 2


def test_a_destination_that_does_not_ask_for_it_never_sends_it(
    source: Source, destination: Destination
) -> None:
    change(destination, sends_after_consent=False)
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    assert not ConsentWait.objects.exists()
    change(destination, sends_after_consent=True)
    receive(source, event(2, GRANTED))
    assert statuses() == ["filtered", "pending", "pending"]


def test_a_denial_before_it_is_sent_takes_the_grant_back(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    assert statuses() == ["pending", "pending"]
    receive(source, event(2, DENIED))
    assert deliver(destination) == 2
    assert statuses() == ["filtered", "delivered", "filtered"]
    first = Delivery.objects.order_by("pk").first()
    assert first is not None
    assert first.error_code == "consent_denied"
    # Retried by a person: what the person last said still counts.
    assert retry(Delivery.objects.filter(pk=first.pk)) == 1
    deliver(destination)
    assert statuses() == ["filtered", "delivered", "filtered"]


def test_silence_after_a_grant_does_not_take_it_back(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    receive(source, event(2, SILENT))
    deliver(destination)
    assert statuses() == ["delivered", "delivered", "filtered"]


def test_a_denial_that_comes_late_counts_from_when_it_comes(
    source: Source, destination: Destination
) -> None:
    """Whatever its own clock says: of two clocks nobody knows which is right."""
    receive(source, event(0, DENIED))
    receive(source, event(3, GRANTED))
    receive(source, event(2, DENIED, event="Other"), at=NOW + timedelta(minutes=4))
    receive(source, event(3, GRANTED, messageId="older"), at=NOW + timedelta(minutes=5))
    wait = ConsentWait.objects.order_by("pk").first()
    assert wait is not None
    assert wait.granted_by == ""
    receive(source, event(5, GRANTED, messageId="newer"))
    wait.refresh_from_db()
    assert wait.granted_by == "newer"


def test_a_grant_from_before_the_event_does_not_count(
    source: Source, destination: Destination
) -> None:
    receive(source, event(5, DENIED))
    receive(source, event(4, GRANTED), at=NOW + timedelta(minutes=6))
    assert statuses() == ["filtered", "pending"]
    receive(source, event(5, GRANTED), at=NOW + timedelta(minutes=7))
    assert statuses() == ["filtered", "pending", "pending"]
    receive(source, event(6, GRANTED), at=NOW + timedelta(minutes=8))
    assert statuses()[0] == "pending"


def test_a_clock_that_is_ahead_makes_no_grant_newer(
    source: Source, destination: Destination
) -> None:
    receive(source, event(5, DENIED))
    receive(source, event(9, GRANTED), at=NOW + timedelta(minutes=4))
    assert statuses()[-1] == "filtered"
    # What the SDK says of the moment of sending puts its clock right.
    sent_at = (NOW + timedelta(minutes=1)).isoformat()
    receive(source, event(0, GRANTED, sentAt=sent_at), at=NOW + timedelta(minutes=8))
    assert "filtered" not in statuses()


def test_within_a_request_the_last_word_counts(source: Source, destination: Destination) -> None:
    receive(source, event(0, DENIED), event(1, GRANTED), event(2, SILENT))
    assert sorted(statuses()) == ["filtered", "pending", "pending"]
    receive(source, event(4, DENIED, user="u2"), event(3, GRANTED, user="u2"))
    assert sorted(statuses()) == ["filtered", "filtered", "pending", "pending", "pending"]


@pytest.mark.parametrize(
    "ids",
    [
        {"user": "u2"},
        {"user": "u2", "anonymousId": "d1"},
        {"userId": None, "anonymousId": "d1"},
        {"user": "U1"},
    ],
)
def test_another_person_grants_nothing(
    source: Source, destination: Destination, ids: dict[str, Any]
) -> None:
    receive(source, event(0, DENIED, anonymousId="d1"))
    receive(source, event(1, GRANTED, **ids))
    assert statuses() == ["filtered", "pending"]


def test_who_has_no_user_id_waits_as_a_device(source: Source, destination: Destination) -> None:
    receive(source, event(0, DENIED, userId=None, anonymousId="d1"))
    receive(source, event(1, GRANTED, userId=None, anonymousId="d2"))
    assert statuses() == ["filtered", "pending"]
    receive(source, event(2, GRANTED, anonymousId="d1"))
    assert statuses() == ["pending", "pending", "pending"]


def test_on_a_shared_device_nobody_grants_for_another(
    source: Source, destination: Destination
) -> None:
    for minute, user in enumerate(("u1", "u2")):
        receive(source, event(minute, GRANTED, user, anonymousId="d1"))
    receive(source, event(2, DENIED, userId=None, anonymousId="d1"))
    receive(source, event(3, GRANTED, "u2", anonymousId="d1"))
    assert statuses() == ["pending", "pending", "filtered", "pending"]


def test_another_identity_space_grants_nothing_and_the_same_one_does(
    source: Source, destination: Destination
) -> None:
    other, sibling = make_source(), make_source(identity_space="shop")
    destination.sources.add(other, sibling)
    receive(source, event(0, DENIED))
    receive(other, event(1, GRANTED))
    receive(sibling, event(2, GRANTED))
    assert statuses() == ["filtered", "pending", "pending"]
    second = make_source(identity_space="shop")
    destination.sources.add(second)
    forget_routes()
    receive(sibling, event(3, DENIED, "u3"))
    receive(second, event(4, GRANTED, "u3"))
    assert statuses()[-2:] == ["pending", "pending"]


def test_a_source_without_identity_memory_waits_for_nothing(
    source: Source, destination: Destination
) -> None:
    Source.objects.update(identity_memory="off")
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    assert statuses() == ["filtered", "pending"]
    assert not ConsentWait.objects.exists()


def test_each_destination_reads_the_grant_by_itself(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    """One needs Google's consent, another one a category, and a third asks for nothing later."""
    by_category = make_destination(
        sources=[source],
        consent_mode="as_sender",
        consent_categories="oneTrust: C0004",
        sends_after_consent=True,
    )
    never = make_destination(sources=[source], consent_mode="strict")
    management = {"provider": "oneTrust", "deniedConsentIds": ["C0004"]}
    receive(source, event(0, {**DENIED, "consentManagement": management}))
    receive(source, event(1, GRANTED))  # says nothing of the category
    assert [statuses(one)[0] for one in (destination, by_category, never)] == [
        "pending",
        "pending",
        "filtered",
    ]
    change(by_category, consent_mode="strict")
    allowed = {"provider": "oneTrust", "allowedConsentIds": ["C0004"], "deniedConsentIds": []}
    denied = {"provider": "oneTrust", "allowedConsentIds": [], "deniedConsentIds": ["C0004"]}
    receive(source, event(2, {**GRANTED, "consentManagement": denied}, "u2"))
    receive(source, event(3, {**DENIED, "consentManagement": allowed}, "u2"))
    assert statuses(destination)[-2:] == ["pending", "filtered"]
    assert statuses(by_category)[-2:] == ["filtered", "filtered"]
    receive(source, event(4, {**GRANTED, "consentManagement": allowed}, "u2"))
    assert statuses(by_category)[-3:] == ["pending", "pending", "pending"]


def test_silence_grants_nothing_even_where_it_is_sent(
    source: Source, destination: Destination
) -> None:
    change(destination, consent_mode="as_sender")
    receive(source, event(0, DENIED))
    receive(source, event(1, SILENT))
    assert statuses() == ["filtered", "pending"]
    receive(source, event(2, GRANTED))
    assert statuses() == ["pending", "pending", "pending"]


def test_a_call_that_is_not_delivered_grants_as_well(
    source: Source, destination: Destination
) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED, type="identify", event=None))
    checkout = Delivery.objects.get(conversion_name="checkout")
    assert checkout.status == "pending"


def test_it_is_queued_once(source: Source, destination: Destination, sandbox: Sandbox) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    receive(source, event(2, DENIED))
    deliver(destination)
    receive(source, event(3, GRANTED))
    first, _, third, _ = statuses()
    assert (first, third) == ("filtered", "pending")
    # A person may still retry it, and the person's last word lets it go.
    assert retry(Delivery.objects.filter(status="filtered")) == 1
    deliver(destination)
    assert set(statuses()) == {"delivered"}


def test_a_retry_by_a_person_without_a_grant_stays_filtered(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    retry(Delivery.objects.all())
    assert deliver(destination) == 1
    assert statuses() == ["filtered"]
    assert sandbox.requests() == []


def test_what_is_turned_off_before_it_is_sent_stays_filtered(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    change(destination, sends_after_consent=False)
    deliver(destination)
    assert statuses() == ["filtered", "delivered"]


@pytest.mark.parametrize(
    ("setting", "context"),
    [
        ({"us_privacy": "filter"}, {"gpc": True}),
        ({"bots": "filter"}, {"isBot": True}),
        ({"event_list": "deny", "listed_events": "Order Completed"}, {}),
    ],
)
def test_consent_lifts_no_other_filter(
    source: Source, destination: Destination, setting: dict[str, Any], context: dict[str, Any]
) -> None:
    change(destination, **setting)
    receive(source, event(0, {**DENIED, **context}))
    assert not ConsentWait.objects.exists()
    receive(source, event(1, GRANTED, event="Other"))
    assert statuses() == ["filtered", "pending"]


def test_a_filter_that_was_added_since_still_counts(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED, event="Other"))
    change(destination, event_list="deny", listed_events="Order Completed")
    deliver(destination)
    first, second = Delivery.objects.order_by("pk")
    assert (first.status, first.error_code) == ("filtered", "filtered_by_rule")
    assert second.status == "delivered"


def test_what_is_not_kept_is_not_sent(source: Source, destination: Destination) -> None:
    """Neither where the destination keeps nothing, nor where another one makes it so."""
    change(destination, drops_unconsented=True)
    receive(source, event(0, DENIED))
    change(destination, drops_unconsented=False)
    make_destination(sources=[source], consent_mode="strict", drops_unconsented=True)
    forget_routes()
    receive(source, event(1, DENIED))
    assert not ConsentWait.objects.exists()
    assert not Event.objects.exclude(body=None).exists()
    receive(source, event(2, GRANTED))
    assert set(statuses()[:3]) == {"filtered"}


def test_what_waited_too_long_stays_filtered(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    hours = timedelta(hours=django_settings.IDENTITY_SECOND_CHANCE_HOURS)
    receive(source, event(0, DENIED), at=timezone.now() - hours - timedelta(seconds=1))
    receive(source, event(1, GRANTED))
    assert statuses() == ["filtered", "pending"]
    # But a denial counts however long the delivery has been waiting to be sent.
    receive(source, event(2, DENIED, "u2"))
    receive(source, event(3, GRANTED, "u2"))
    ConsentWait.objects.update(created_at=timezone.now() - 3 * hours)
    receive(source, event(4, DENIED, "u2"))
    deliver(destination)
    assert statuses()[-3:] == ["filtered", "delivered", "filtered"]


def test_a_public_key_lifts_no_denial_of_a_secret_one(
    source: Source, destination: Destination
) -> None:
    Source.objects.update(identity_space="shop")
    browser = make_source(identity_space="shop", is_public=True)
    destination.sources.add(browser)
    receive(source, event(0, DENIED))
    receive(browser, event(1, GRANTED))
    assert statuses() == ["filtered", "pending"]
    receive(source, event(2, GRANTED))
    assert statuses()[0] == "pending"
    # What the server left open, the browser may answer.
    receive(source, event(3, SILENT, "u2"))
    receive(browser, event(4, GRANTED, "u2"))
    assert statuses()[-2:] == ["pending", "pending"]
    # And its own denial it may take back.
    receive(browser, event(5, DENIED, "u3"))
    receive(browser, event(6, GRANTED, "u3"))
    assert statuses()[-2:] == ["pending", "pending"]


def test_a_discarded_one_stays_discarded(source: Source, destination: Destination) -> None:
    receive(source, event(0, DENIED))
    Delivery.objects.update(status="discarded")
    receive(source, event(1, GRANTED))
    assert statuses() == ["discarded", "pending"]


def test_what_is_filtered_before_sending_waits_as_well(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    change(destination, consent_mode="off")
    receive(source, event(0, DENIED, anonymousId="d1"))
    change(destination, consent_mode="strict")
    deliver(destination)
    assert statuses() == ["filtered"]
    receive(source, event(1, GRANTED))
    assert deliver(destination) == 2
    assert statuses() == ["delivered", "delivered"]


def test_an_event_of_two_names_waits_under_both(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    for name in ("checkout", "lead"):
        destination.event_mappings.create(
            source_event_name="Order Completed", pinterest_event_name=name
        )
    receive(source, event(0, DENIED))
    assert statuses() == ["filtered", "filtered"]
    receive(source, event(1, GRANTED, event="Other"))
    assert deliver(destination) == 3
    assert set(statuses()) == {"delivered"}


def test_an_event_that_comes_again_waits_no_longer_for_it(
    source: Source, destination: Destination
) -> None:
    first = event(0, DENIED, messageId="m1")
    receive(source, dict(first))
    before = ConsentWait.objects.values().get()
    receive(source, dict(first), at=NOW + timedelta(minutes=5))
    assert ConsentWait.objects.values().get()["created_at"] == before["created_at"]
    # Another event under the ID is another person's, and does not speak for the first one.
    receive(source, event(6, SILENT, "u2", messageId="m1"))
    assert ConsentWait.objects.count() == 1
    receive(source, event(7, GRANTED, "u2"))
    assert statuses()[0] == "filtered"


def test_two_events_under_one_id_in_a_request_are_not_confused(
    source: Source, destination: Destination
) -> None:
    receive(
        source, event(0, DENIED, messageId="m1"), event(0, DENIED, "u2", messageId="m1", event="B")
    )
    assert Event.objects.count() == 2
    assert ConsentWait.objects.count() == 1
    receive(source, event(1, GRANTED, "u2"))
    first = Event.objects.get(message_id="m1")
    assert Delivery.objects.get(event=first).status == "filtered"
    receive(source, event(2, GRANTED))
    assert Delivery.objects.get(event=first).status == "pending"


def test_no_more_of_one_person_waits_than_an_event_can_read(
    source: Source, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later_consent, "MAX_WAITING", 3)
    receive(source, *(event(0, DENIED, messageId=f"m{number}") for number in range(5)))
    receive(source, event(1, DENIED))
    assert ConsentWait.objects.count() == 3
    receive(source, event(2, GRANTED))
    assert statuses().count("pending") == 4


def test_a_person_who_is_forgotten_waits_for_nothing(
    source: Source, destination: Destination
) -> None:
    receive(source, event(0, DENIED))
    forget_person(source, "u1")
    assert not ConsentWait.objects.exists()
    receive(source, event(1, GRANTED))
    assert statuses() == ["filtered", "pending"]
