"""The pages of one delivery and one batch, and what a person can do with deliveries there."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.db.compression import pack
from deliveries.models import Attempt, Batch, Delivery, Event
from deliveries.phrases import say_duration
from destinations.models import EventMapping
from tests.deliveries.log_rows import make_rejected, settle
from tests.factories import make_deliveries, make_destination, make_event

DESTINATIONS = "/admin/destinations/destination/"
LOG = "/admin/deliveries/delivery/"

pytestmark = pytest.mark.django_db


def page_of(client, delivery):
    response = client.get(f"{LOG}{delivery.pk}/change/")
    assert response.status_code == 200
    return response


def panes_of(client, delivery):
    return page_of(client, delivery).context["details"].panes


def statuses():
    return sorted(Delivery.objects.values_list("status", flat=True))


def test_a_delivery_shows_its_own_part_of_the_request_and_of_the_answer(admin_client):
    first, second = make_deliveries(make_destination(), 2)
    settle(
        [first, second],
        [
            {"status": "processed", "warning_message": "'external_id' is recommended."},
            {"status": "failed", "error_message": "Invalid currency."},
        ],
    )
    received, sent, answered = panes_of(admin_client, second)
    assert orjson.loads(received.text)["messageId"] == second.event.message_id
    assert orjson.loads(sent.text) == {
        "event_name": "checkout",
        "event_id": second.event.message_id,
    }
    assert orjson.loads(answered.text) == {"status": "failed", "error_message": "Invalid currency."}
    assert answered.summary == "Invalid currency."
    assert panes_of(admin_client, first)[2].summary == "'external_id' is recommended."


def test_what_a_sender_wrote_is_text_on_the_page_and_not_markup(admin_client):
    nasty = "</pre><script>alert(1)</script>"
    (delivery,) = make_deliveries(
        make_destination(), events=[make_event(event=nasty, messageId="<img src=x>")]
    )
    settle([delivery], [{"status": "failed", "error_message": nasty}])
    page = page_of(admin_client, delivery).content.decode()
    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_answer_to_a_422_is_read_from_its_details(admin_client):
    first, second = make_deliveries(make_destination(), 2)
    results = [{"status": "processed"}, {"status": "failed", "error_message": "No."}]
    settle(
        [first, second],
        results,
        status_code=422,
        response_body=pack(orjson.dumps({"code": 1, "details": {"events": results}})),
    )
    assert panes_of(admin_client, second)[2].summary == "No."


def test_a_refusal_of_the_whole_request_is_shown_whole(admin_client):
    (delivery,) = make_deliveries(make_destination())
    settle(
        [delivery],
        [{"status": "failed", "error_message": "Bad."}],
        status_code=400,
        response_body=pack(b'{"code":4,"message":"Bad request"}'),
    )
    answered = panes_of(admin_client, delivery)[2]
    assert orjson.loads(answered.text) == {"code": 4, "message": "Bad request"}
    assert answered.summary == "Bad request"


def test_an_answer_that_is_no_json_is_shown_as_it_came(admin_client):
    (delivery,) = make_deliveries(make_destination())
    batch = settle([delivery], [{"status": "processed"}], response_body=pack(b"<html>\xff busy"))
    assert panes_of(admin_client, delivery)[2].text == "<html>\ufffd busy"
    assert admin_client.get(f"/admin/deliveries/batch/{batch.pk}/change/").status_code == 200


def test_pruned_bodies_are_said_to_be_gone(admin_client):
    (delivery,) = make_deliveries(make_destination())
    batch = settle([delivery], [{"status": "processed"}], request_body=None, response_body=None)
    Event.objects.update(body=None)
    absences = [pane.absence for pane in panes_of(admin_client, delivery)]
    assert absences == [
        "The event was deleted at the end of its retention period.",
        "The request was deleted at the end of its retention period.",
        "No response body: it was empty, or it was deleted at the end of its retention period.",
    ]
    page = admin_client.get(f"/admin/deliveries/batch/{batch.pk}/change/").content.decode()
    assert "at the end of its retention period" in page


def test_a_delivery_that_was_rejected_before_sending_says_so(admin_client):
    delivery = make_rejected(make_destination())
    _, sent, answered = panes_of(admin_client, delivery)
    assert sent.absence.startswith("Not sent: rejected before a request was made.")
    assert answered.absence == "Nothing was sent to Pinterest for this event."
    assert "missing_user_data" in page_of(admin_client, delivery).content.decode()


def test_the_attempts_are_a_timeline_that_ends_with_the_next_try(admin_client):
    (delivery,) = make_deliveries(make_destination())
    now = timezone.now()
    Delivery.objects.update(
        attempt_count=2,
        due_at=now + timedelta(minutes=12, seconds=20),
        error_code="http_503",
        error_message="Busy.",
    )
    for number, (outcome, message) in enumerate([("unknown", "Silence."), ("retryable", "Busy.")]):
        Attempt.objects.create(
            delivery=delivery, number=number + 1, outcome=outcome, error_message=message
        )
    page = page_of(admin_client, delivery).content.decode()
    parts = ["Attempt 1", "Unclear response", "Silence.", "Attempt 2", "Failed, will retry"]
    positions = [page.index(part) for part in (*parts, "Next attempt</strong> in 12 min")]
    assert positions == sorted(positions)


def test_a_retried_filtered_delivery_keeps_its_page_and_shows_the_whole_story(admin_client):
    destination = make_destination(unmapped_events="filter")
    (delivery,) = make_deliveries(
        destination, events=[make_event(event="Trial Started")], conversion_name=""
    )
    Delivery.objects.update(
        status="filtered",
        due_at=None,
        settled_at=timezone.now(),
        error_code="unmapped_event",
        error_message="It isn't mapped.",
    )
    EventMapping.objects.create(
        destination=destination, source_event_name="Trial Started", pinterest_event_name="lead"
    )
    answer = admin_client.post(f"{LOG}{delivery.pk}/retry/")
    assert answer["Location"] == f"{LOG}{delivery.pk}/change/"
    page = page_of(admin_client, delivery).content.decode()
    story = page[page.index("relay-timeline") :]
    parts = ["Received", "Filtered", "unmapped_event", "Retried", "Next attempt"]
    positions = [story.index(part) for part in parts]
    assert positions == sorted(positions)
    assert "<code>lead</code>" in page


def test_the_attempt_after_which_none_is_left_does_not_promise_another(admin_client):
    (delivery,) = make_deliveries(make_destination())
    Delivery.objects.update(status="dead", due_at=None, settled_at=timezone.now())
    for number in (1, 2):
        Attempt.objects.create(delivery=delivery, number=number, outcome="retryable")
    page = page_of(admin_client, delivery).content.decode()
    assert page.count("Failed, will retry") == 1
    assert page.index("Failed, will retry") < page.index("Failed, no attempts left")


def test_tries_after_a_retry_stand_after_those_before_it(admin_client):
    (delivery,) = make_deliveries(make_destination())
    for number, message in ((1, "First."), (2, "Second."), (1, "Third."), (2, "Fourth.")):
        Attempt.objects.create(
            delivery=delivery, number=number, outcome="retryable", error_message=message
        )
    page = page_of(admin_client, delivery).content.decode()
    parts = ["First.", "Second.", "attempt count reset", "Third.", "Fourth."]
    positions = [page.index(part) for part in parts]
    assert positions == sorted(positions)
    assert page.count("attempt count reset") == 1


def test_warnings_siblings_and_links_are_on_the_page(admin_client):
    destination, other = make_destination(), make_destination(name="Pinterest DE")
    (delivery,) = make_deliveries(destination)
    batch = settle([delivery], [{"status": "processed"}])
    Delivery.objects.filter(pk=delivery.pk).update(
        warnings=[{"code": "currency_invalid", "field": "properties.currency", "message": "No."}]
    )
    sibling = Delivery.objects.create(
        event=delivery.event, destination=other, conversion_name="search", due_at=timezone.now()
    )
    page = page_of(admin_client, delivery).content.decode()
    for text in (
        "currency_invalid",
        "properties.currency",
        f"/admin/deliveries/batch/{batch.pk}/change/",
        f"/admin/deliveries/delivery/{sibling.pk}/change/",
        "Pinterest DE",
        f"/admin/deliveries/delivery/?event={delivery.event_id}",
    ):
        assert text in page
    found = admin_client.get(LOG, {"event": delivery.event_id}).context["cl"].result_list
    assert {one.pk for one in found} == {delivery.pk, sibling.pk}


def test_the_page_of_a_delivery_takes_the_same_queries_whatever_it_shows(admin_client):
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    settle([delivery], [{"status": "processed"}])
    with CaptureQueriesContext(connection) as few:
        page_of(admin_client, delivery)
    for number in range(5):
        Delivery.objects.create(
            event=delivery.event,
            destination=make_destination(),
            conversion_name="search",
            due_at=timezone.now(),
        )
        Attempt.objects.create(delivery=delivery, number=number + 2, outcome="retryable")
    with CaptureQueriesContext(connection) as many:
        page_of(admin_client, delivery)
    assert len(many) - len(few) <= 1  # the destinations of its siblings, once there are any


@pytest.mark.parametrize("key", ["999999", "abc", "9" * 30])
def test_the_page_of_a_delivery_that_is_not_there_leads_home_with_a_word(admin_client, key):
    response = admin_client.get(f"{LOG}{key}/change/", follow=True)
    assert response.redirect_chain
    assert "doesn’t exist" in response.content.decode()


def test_retrying_chosen_deliveries_says_how_many_and_how_many_were_left(admin_client):
    destination = make_destination()
    broken = [make_rejected(destination), make_rejected(destination)]
    (done,) = make_deliveries(destination)
    settle([done], [{"status": "processed"}])
    response = admin_client.post(
        LOG,
        {
            "action": "retry_selected",
            "_selected_action": [one.pk for one in (*broken, done)],
        },
        follow=True,
    )
    page = response.content.decode()
    assert "2 deliveries queued." in page
    assert "1 delivery unchanged" in page
    assert statuses() == ["delivered", "pending", "pending"]


def test_discarding_asks_first_and_changes_nothing_yet(admin_client):
    broken = make_rejected(make_destination())
    response = admin_client.post(
        LOG, {"action": "discard_selected", "_selected_action": [broken.pk]}
    )
    assert "Discard 1 delivery?" in response.content.decode()
    assert statuses() == ["rejected"]


def test_discarding_after_the_question_says_how_many_and_keeps_the_reason(admin_client):
    destination = make_destination()
    broken, (done,) = make_rejected(destination), make_deliveries(destination)
    settle([done], [{"status": "processed"}])
    response = admin_client.post(
        f"{LOG}discard/",
        {"delivery": [broken.pk, done.pk], "confirmed": "1", "reason": "a test order"},
        follow=True,
    )
    page = response.content.decode()
    assert "1 delivery discarded." in page
    assert "1 delivery unchanged" in page
    broken.refresh_from_db()
    assert (broken.status, broken.error_message) == ("discarded", "a test order")
    assert statuses() == ["delivered", "discarded"]


def test_after_discarding_the_same_filters_are_on(admin_client):
    broken = [make_rejected(make_destination()) for _ in range(2)]
    question = admin_client.post(
        f"{LOG}?status=rejected&source_event=a%26b",
        {"action": "discard_selected", "_selected_action": [one.pk for one in broken]},
    )
    filters = question.context["filters"]
    response = admin_client.post(
        f"{LOG}discard/",
        {"delivery": [one.pk for one in broken], "confirmed": "1", "filters": filters},
    )
    assert response["Location"] == f"{LOG}?status=rejected&source_event=a%26b"


def test_the_buttons_of_one_delivery_do_the_same(admin_client):
    broken = make_rejected(make_destination())
    response = admin_client.post(f"{LOG}{broken.pk}/retry/", follow=True)
    assert "1 delivery queued." in response.content.decode()
    assert response.redirect_chain[-1][0] == f"{LOG}{broken.pk}/change/"
    assert statuses() == ["pending"]
    page = page_of(admin_client, broken).content.decode()
    assert "Discard …" in page
    assert f"{broken.pk}/retry/" not in page


def test_a_get_changes_nothing(admin_client):
    destination = make_destination(paused_at=timezone.now())
    broken = make_rejected(destination)
    for url in (
        f"{LOG}{broken.pk}/retry/",
        f"{LOG}discard/",
        f"{DESTINATIONS}{destination.pk}/resume/",
        f"{DESTINATIONS}{destination.pk}/pause/",
    ):
        assert admin_client.get(url).status_code == 405
    destination.refresh_from_db()
    assert destination.paused_at is not None
    assert statuses() == ["rejected"]


def test_who_may_only_look_sees_no_buttons_and_can_do_nothing(viewer):
    destination = make_destination(paused_at=timezone.now())
    broken = make_rejected(destination)
    page = page_of(viewer, broken).content.decode()
    assert "/retry/" not in page
    assert "Discard" not in page
    assert "retry_selected" not in viewer.get(LOG).content.decode()
    assert viewer.post(f"{LOG}{broken.pk}/retry/").status_code == 403
    assert viewer.post(f"{LOG}discard/", {"delivery": broken.pk, "confirmed": 1}).status_code == 403
    assert viewer.post(f"{DESTINATIONS}{destination.pk}/resume/").status_code == 403
    viewer.post(LOG, {"action": "retry_selected", "_selected_action": [broken.pk]})
    destination.refresh_from_db()
    assert destination.paused_at is not None
    assert statuses() == ["rejected"]


def test_nobody_can_add_change_or_delete_rows_of_the_log(admin_client):
    broken = make_rejected(make_destination())
    assert admin_client.get(f"{LOG}add/").status_code == 403
    assert admin_client.post(f"{LOG}{broken.pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(f"{LOG}{broken.pk}/change/", {"status": "delivered"})
    assert statuses() == ["rejected"]


def test_a_batch_shows_request_response_counts_limits_and_pinterests_id(admin_client):
    deliveries = make_deliveries(make_destination(name="Pinterest US"), 2)
    batch = settle(
        deliveries, [{"status": "processed"}, {"status": "failed", "error_message": "No."}]
    )
    page = admin_client.get(f"/admin/deliveries/batch/{batch.pk}/change/").content.decode()
    for text in ("rid-77", "x-ratelimit-remaining: 4999", "123 ms", "HTTP 200", "Pinterest US"):
        assert text in page
    assert page.count(deliveries[1].event.message_id) >= 1
    listed = admin_client.get("/admin/deliveries/batch/").content.decode()
    assert "1 delivered" in listed
    assert "1 rejected" in listed


@pytest.mark.parametrize("side", ["request", "response"])
def test_the_exact_body_can_be_downloaded(admin_client, side):
    batch = settle(make_deliveries(make_destination()), [{"status": "processed"}])
    Batch.objects.update(**{f"{side}_body": pack(b'{"exact" : 1.00}')})
    response = admin_client.get(f"/admin/deliveries/batch/{batch.pk}/{side}.json")
    assert response.content == b'{"exact" : 1.00}'
    assert response["Content-Disposition"].startswith("attachment")
    Batch.objects.update(**{f"{side}_body": None})
    url = f"/admin/deliveries/batch/{batch.pk}/{side}.json"
    assert admin_client.get(url).status_code == 404


def test_one_click_resumes_a_paused_destination_and_says_what_waited(admin_client):
    destination = make_destination(
        name="US", paused_at=timezone.now(), paused_code="http_401", paused_reason="Bad token."
    )
    make_deliveries(destination, 3)
    form = admin_client.get(f"/admin/destinations/destination/{destination.pk}/change/")
    assert "Bad token." in form.content.decode()
    url = f"{DESTINATIONS}{destination.pk}/resume/"
    assert url in form.content.decode()
    assert url in admin_client.get("/admin/destinations/destination/").content.decode()
    response = admin_client.post(url, follow=True)
    assert "3 queued deliveries are being sent now." in response.content.decode()
    destination.refresh_from_db()
    assert (destination.paused_at, destination.paused_reason) == (None, "")
    assert "wasn't paused" in unescape(admin_client.post(url, follow=True).content.decode())


def test_pausing_keeps_who_did_it_and_why(admin_client):
    destination = make_destination()
    admin_client.post(
        f"{DESTINATIONS}{destination.pk}/pause/", {"reason": "We move to a new account"}
    )
    destination.refresh_from_db()
    assert destination.paused_at is not None
    assert destination.paused_reason == "admin paused it: We move to a new account"
    history = admin_client.get(f"/admin/destinations/destination/{destination.pk}/history/")
    assert "Paused: We move to a new account" in history.content.decode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (125, "2 min"),
        (3_600, "1 h"),
        (3_900, "1 h 5 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(seconds, words):
    assert say_duration(seconds) == words


def test_the_buttons_of_a_page_from_before_the_upgrade_still_pause_and_resume(admin_client):
    destination = make_destination()
    for verb, is_paused in (("pause", True), ("resume", False)):
        former = f"{LOG}destination/{destination.pk}/{verb}/"
        response = admin_client.post(former, {"reason": "As before"}, follow=True)
        assert response.status_code == 200
        destination.refresh_from_db()
        assert (destination.paused_at is not None) is is_paused
    assert admin_client.post(f"{LOG}destination/{destination.pk}/delete/").status_code == 404
