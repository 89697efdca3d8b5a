"""The preview in the browser: what an event becomes, with values that are not saved yet."""

from __future__ import annotations

import json
import logging
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from accounts.roles import VIEWER
from deliveries.models import Delivery, Event
from destinations.models import Destination
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.admin.test_masked_event_ids import client_of
from tests.deliveries.identity.people import remember_email
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Renamed",
    "service": "sandbox",
    "advertiser_id": "123",
    "conversion_token": "typed-secret-token",
    "unmapped_events": "filter",
    "default_action_source": "offline",
    "api_version": "v5",
    "event_mappings-TOTAL_FORMS": "2",
    "event_mappings-INITIAL_FORMS": "0",
    "event_mappings-0-source_event_name": "Lead Won",
    "event_mappings-0-pinterest_event_name": "Lead",
    "event_mappings-1-source_event_name": "",
    "event_mappings-1-pinterest_event_name": "",
}


def url_of(destination: Destination) -> str:
    return reverse("admin:destinations_destination_preview", args=[destination.pk])


def event_text(**fields: Any) -> str:
    return json.dumps({**make_event(), "timestamp": "2026-01-01T00:00:00Z", **fields})


def test_an_empty_visit_offers_examples(admin_client: Client) -> None:
    page = admin_client.get(url_of(make_destination())).content.decode()
    assert "Order Completed in a browser" in page
    assert "to see its conversions" in page


def test_a_pasted_event_shows_its_conversion_and_what_is_missing(admin_client: Client) -> None:
    page = admin_client.post(url_of(make_destination()), {"event": event_text()}).content.decode()
    assert "Sent as <code>checkout</code>" in page
    assert "Missing for a better match" in page
    assert "<code>click_id</code>" in page
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_every_example_can_be_tried(admin_client: Client) -> None:
    from destinations.examples import EXAMPLES

    destination = make_destination()
    for example in EXAMPLES:
        response = admin_client.post(url_of(destination), {"example": example.key})
        page = response.content.decode()
        assert ("missing_user_data" in page) == (example.key == "anonymous"), example.key
        assert ("Sent as" in page) == (example.key != "anonymous"), example.key
        assert ("What would fix it" in page) == (example.key == "anonymous"), example.key


def test_unsaved_values_decide_and_nothing_is_saved(admin_client: Client) -> None:
    destination = make_destination(name="Saved")
    page = admin_client.post(
        url_of(destination), {**FORM, "event": event_text(event="lead won")}
    ).content.decode()
    assert "Sent as <code>lead</code>" in page
    assert "&quot;action_source&quot;: &quot;offline&quot;" in page
    assert "the values you entered" in page
    saved = Destination.objects.get()
    assert (saved.name, saved.advertiser_id, saved.event_mappings.count()) == (
        "Saved",
        destination.advertiser_id,
        0,
    )
    filtered = admin_client.post(url_of(destination), {**FORM, "event": event_text(event="x")})
    assert "unmapped_event" in filtered.content.decode()


def test_unsaved_values_are_carried_on_but_never_the_token(admin_client: Client) -> None:
    page = admin_client.post(url_of(make_destination()), FORM).content.decode()
    assert '<input type="hidden" name="unmapped_events" value="filter">' in page
    assert '<input type="hidden" name="event_mappings-0-source_event_name"' in page
    assert "typed-secret-token" not in page


def test_rows_that_cannot_fire_are_named_before_they_are_saved(admin_client: Client) -> None:
    form = {**FORM, "event_mappings-0-source_event_name": "identify"}
    page = admin_client.post(url_of(make_destination()), {**form, "event": event_text()})
    assert "identify calls are never sent" in page.content.decode()


def test_a_test_event_goes_out_with_the_saved_token_whatever_was_typed(
    admin_client: Client, sandbox: Sandbox
) -> None:
    destination = make_destination()
    typed = {**FORM, "conversion_token": "bad-token", "unmapped_events": "by_name", "send": "1"}
    page = admin_client.post(url_of(destination), {**typed, "event": event_text()})
    assert page.context["sent"]["status"] == 200


def test_a_destination_that_is_not_saved_yet_can_be_tried(admin_client: Client) -> None:
    url = reverse("admin:destinations_destination_preview_new")
    page = admin_client.post(
        url, {**FORM, "conversion_token": "", "event": event_text(event="Lead Won")}
    ).content.decode()
    assert "Sent as <code>lead</code>" in page
    assert "Send as a test event" not in page
    assert not Destination.objects.exists()


def test_mistakes_in_the_form_are_named(admin_client: Client) -> None:
    page = admin_client.post(
        url_of(make_destination()), {**FORM, "advertiser_id": "abc"}
    ).content.decode()
    assert "Use digits only, up to 18." in page
    assert "Sent as" not in page


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "The event isn't valid JSON"),
        ("[1]", "An event must be a JSON object."),
        ("7", "An event must be a JSON object."),
        ('{"batch": []}', "This batch isn't accepted: empty batch payload."),
        ('{"event": "Lead"}', "An event needs a userId or an anonymousId."),
        ('{"userId": "u", "n": NaN}', "JSON doesn't allow NaN or Infinity."),
    ],
)
def test_what_is_no_event_gets_a_sentence(admin_client: Client, text: str, problem: str) -> None:
    page = admin_client.post(url_of(make_destination()), {"event": text}).content.decode()
    assert problem in unescape(page)
    assert "Sent as" not in page


def readme_body() -> str:
    """What the README's curl sends."""
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"-d '(\{.*?\})'", readme, re.DOTALL)
    assert found
    return found[1]


def test_what_the_readmes_curl_sends_is_sent_on(admin_client: Client) -> None:
    page = admin_client.post(url_of(make_destination()), {"event": readme_body()}).content.decode()
    assert "Sent as <code>checkout</code>" in page
    assert "event_time_missing" not in page


def test_each_event_of_a_batch_is_shown(admin_client: Client) -> None:
    batch = {
        "batch": [
            {"type": "track", "event": "Order Completed", "userId": "u"},
            {"type": "identify", "userId": "u"},
            {"type": "track", "event": "Lead"},
            *[{"type": "page", "userId": "u"}] * 20,
        ],
        "context": {"traits": {"email": "a@example.com"}},
        "sentAt": "2026-11-28T10:00:00Z",
    }
    page = admin_client.post(url_of(make_destination()), {"event": json.dumps(batch)})
    text = page.content.decode()
    assert "Event 1: Order Completed" in text
    assert "Sent as <code>checkout</code>" in text
    assert "unsupported_type" in text
    assert "Not stored: invalid event" in text
    assert "3 more events in the batch aren't shown." in text


@pytest.mark.parametrize(
    "body",
    [
        {"userId": "u", "event": "Lead"},
        {"userId": "u", "type": "identify"},
        {"event": "Lead"},
        {"userId": "u", "event": "Lead", "messageId": "x" * 300},
        {"userId": "u", "event": "Lead", "messageId": "m", "timestamp": "2026-01-01T10:00:00Z"},
        {"batch": [{"userId": "u", "type": "track", "event": "Lead", "channel": "web"}]},
    ],
)
def test_the_verdict_is_that_of_the_wire(admin_client: Client, body: dict[str, Any]) -> None:
    """Stored or not, planned or filtered, and with the very same conversion."""
    source = make_source(write_key="key")
    destination = make_destination(sources=[source])
    meta = {"REMOTE_ADDR": "203.0.113.9"}
    shown = admin_client.post(url_of(destination), {"event": json.dumps(body)}, **meta)
    (trial,) = shown.context["trials"]
    path = "/v1/batch" if "batch" in body else f"/v1/{body.get('type', 'track')}"
    sent = Client().post(
        f"{path}?writeKey=key", json.dumps(body), content_type="application/json", **meta
    )
    assert (sent.status_code == 400) == (trial.answer["status"] == "error")
    if sent.status_code == 400:
        return
    event = Event.objects.get()
    names = {name for name, _, _ in trial.conversions}
    planned = set(
        Delivery.objects.filter(status="pending").values_list("conversion_name", flat=True)
    )
    if trial.answer["status"] in ("ok", "filtered"):
        assert planned == names
    # What is stored, chosen on the page, is judged as it was.
    again = admin_client.post(url_of(destination), {"recent": event.pk}, **meta)
    assert again.context["trials"][0].answer["status"] == trial.answer["status"]


def test_a_recent_event_of_its_sources_can_be_chosen(admin_client: Client) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    (foreign,) = make_deliveries(make_destination())
    page = admin_client.post(url_of(destination), {"recent": delivery.event_id}).content.decode()
    assert delivery.event.message_id in page
    page = admin_client.post(url_of(destination), {"recent": foreign.event_id}).content.decode()
    assert foreign.event.message_id not in page
    assert "deleted" in page


def test_markup_in_an_event_stays_text(admin_client: Client) -> None:
    page = admin_client.post(
        url_of(make_destination()), {"event": event_text(event="<script>alert(1)</script>")}
    ).content.decode()
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;" in page


def test_a_test_event_goes_out_as_a_test_and_pinterests_words_are_shown(
    admin_client: Client, sandbox: Sandbox
) -> None:
    destination = make_destination()
    page = admin_client.post(
        url_of(destination), {"event": event_text(), "send": "1"}
    ).content.decode()
    assert "status 200" in page
    assert "num_events_processed" in page
    summary = sandbox.summary()
    assert (summary["test_requests"], summary["events_processed"]) == (1, 0)


def test_a_refused_test_event_says_why(admin_client: Client, sandbox: Sandbox) -> None:
    destination = make_destination(conversion_token="bad-token")
    page = admin_client.post(
        url_of(destination), {"event": event_text(), "send": "1"}
    ).content.decode()
    assert "status 401" in page
    assert "Authentication failed" in page
    assert Destination.objects.get().paused_at is None


def test_who_may_only_look_can_preview_but_not_send(client: Client, sandbox: Sandbox) -> None:
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_destination"))
    client.force_login(viewer)
    url = url_of(make_destination())
    page = client.post(url, {"event": event_text()}).content.decode()
    assert "Sent as <code>checkout</code>" in page
    assert "Send as a test event" not in page
    assert client.post(url, {"event": event_text(), "send": "1"}).status_code == 403
    assert sandbox.summary()["requests"] == 0


def test_who_may_see_no_destinations_sees_no_preview(client: Client) -> None:
    client.force_login(User.objects.create_user("staff", password="x", is_staff=True))
    assert client.get(url_of(make_destination())).status_code == 403


def test_personal_values_are_not_logged(
    admin_client: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    event = event_text(context={"traits": {"email": "secret.person@example.com"}})
    admin_client.post(url_of(make_destination()), {"event": event, "send": "1"})
    admin_client.post(url_of(make_destination()), {"event": event[:-1]})
    assert "secret.person" not in caplog.text


def test_a_chosen_event_is_completed_as_a_delivery_would_be(admin_client: Client) -> None:
    source = make_source()
    destination = make_destination(sources=[source])
    remember_email(source, "u1", "ann@example.com")
    make_deliveries(destination, events=[make_event(userId="u1", context={})])
    event = Event.objects.latest("pk")
    page = admin_client.post(url_of(destination), {"recent": event.pk}).content.decode()
    assert "Sent as <code>checkout</code>" in page
    assert "From identity memory" in page
    assert "remembered from identify" in page
    pasted = admin_client.post(
        url_of(destination), {"event": event_text(userId="u1", context={})}
    ).content.decode()
    assert "missing_user_data" in pasted  # nobody knows which source would send it


RULES = {
    "event_rules-TOTAL_FORMS": "2",
    "event_rules-INITIAL_FORMS": "0",
    "event_rules-0-action": "block",
    "event_rules-0-path": "context.traits.email",
    "event_rules-0-operator": "starts_with",
    "event_rules-0-value": "a",
    "event_rules-1-action": "block",
    "event_rules-1-path": "",
    "event_rules-1-operator": "is",
    "event_rules-1-value": "",
}


def test_typed_rules_and_consent_settings_are_tried(admin_client: Client) -> None:
    destination = make_destination()
    event = event_text(context={"traits": {"email": "ann@example.com"}})
    form = FORM | RULES | {"event": event, "unmapped_events": "by_name"}
    trial = admin_client.post(url_of(destination), form).context["trials"][0]
    assert trial.answer["reason"] == {
        "code": "filtered_by_rule",
        "message": "Rule 1 doesn't send it: context.traits.email starts with the rule's value.",
    }
    form |= {"event_rules-0-value": "b", "consent_mode": "strict"}
    trial = admin_client.post(url_of(destination), form).context["trials"][0]
    assert trial.answer["reason"]["code"] == "consent_missing"
    assert Destination.objects.get().event_rules.count() == 0


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"event_rules-0-path": " "}, "Event rules, row 1: This field is required."),
        ({"event_rules-0-value": ""}, "Event rules, row 1: Enter a value."),
        (
            {"event_rules-0-action": "and"},
            "Event rules, row 1: A rule starts with “Don't send when” or “Send when”. This row has "
            "no rule above it.",
        ),
        (
            {"consent_categories": "oneTrust"},
            "Consent categories: Line 1 isn't a provider, a colon and IDs, such as oneTrust: "
            "C0002.",
        ),
    ],
)
def test_a_mistake_in_the_gates_is_told(
    admin_client: Client, fields: dict[str, str], problem: str
) -> None:
    form = FORM | RULES | {"event": event_text()} | fields
    assert admin_client.post(url_of(make_destination()), form).context["problems"] == [problem]


def test_a_rule_is_no_way_to_ask_about_values_that_are_hidden() -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    form = FORM | RULES | {"recent": str(delivery.event_id)}
    client = client_of(VIEWER)
    response = client.post(url_of(destination), form)
    assert response.context["trials"] == []
    assert "You can't try unsaved event rules" in response.context["problems"][0]
    without_rules = {key: value for key, value in form.items() if "event_rules" not in key}
    assert client.post(url_of(destination), without_rules).context["trials"]
