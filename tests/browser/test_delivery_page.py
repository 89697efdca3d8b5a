"""The page of a delivery in a browser: it follows what is pending, and its JSON folds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from deliveries.models import Delivery
from tests.browser.chromium import Visitor
from tests.browser.sample_data import PASSWORD, make_people
from tests.browser.test_keyboard import IS_FOCUSED, tab_to
from tests.deliveries.log_rows import settle
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = [pytest.mark.browser, pytest.mark.postgres]


@pytest.fixture
def page(served: Any, open_visitor: Callable[[str], Visitor]) -> Page:
    visitor = open_visitor(served.url)
    visitor.sign_in(make_people().username, PASSWORD)
    return visitor.page


def open_delivery(page: Page, served: Any, delivery: Delivery) -> None:
    page.goto(served.url + reverse("admin:deliveries_delivery_change", args=[delivery.pk]))


def test_the_page_of_a_pending_delivery_shows_by_itself_what_became_of_it(
    page: Page, served: Any
) -> None:
    (delivery,) = make_deliveries(make_destination())
    open_delivery(page, served, delivery)
    expect(page.locator("[data-relay-said]")).to_contain_text("Pending")
    fold = page.get_by_role("button", name="Fold or unfold context", exact=True)
    tab_to(page, fold)
    settle([delivery], [{"status": "processed"}])
    expect(page.locator("[data-relay-said]")).to_contain_text("Delivered", timeout=10_000)
    expect(page.get_by_role("status").filter(has_text="Delivered")).to_be_attached()
    assert fold.evaluate(IS_FOCUSED), "whoever is in the middle of the page stays there"
    expect(page.locator("[data-relay-reload]")).to_have_count(0)


def test_json_folds_with_the_keyboard_and_its_text_stays_what_it_was(
    page: Page, served: Any
) -> None:
    event = make_event()
    (delivery,) = make_deliveries(make_destination(), events=[event])
    settle([delivery], [{"status": "processed"}])
    open_delivery(page, served, delivery)
    received = page.locator("#pane-received-text")
    email = event["context"]["traits"]["email"]
    expect(received.get_by_text(email)).to_be_visible()
    fold = received.get_by_role("button", name="Fold or unfold context")
    tab_to(page, fold)
    page.keyboard.press("Enter")
    expect(received.get_by_text(email)).to_be_hidden()
    expect(fold).to_have_attribute("aria-expanded", "false")
    assert json.loads(received.text_content() or "") == event
    page.keyboard.press("Space")
    expect(received.get_by_text(email)).to_be_visible()


def test_a_corrected_copy_is_sent_with_the_keyboard_alone(page: Page, served: Any) -> None:
    event = make_event(context={"ip": "203.0.113.7"})
    (delivery,) = make_deliveries(make_destination(), events=[event])
    Delivery.objects.filter(pk=delivery.pk).update(
        status="rejected", due_at=None, error_stage="transform", error_code="missing_user_data"
    )
    open_delivery(page, served, delivery)
    tab_to(page, page.get_by_role("link", name="Send a corrected copy"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Event", exact=True))
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(json.dumps({**event, "context": {"traits": {"email": "a@b.co"}}}))
    tab_to(page, page.get_by_role("button", name="Send the copy"))
    page.keyboard.press("Enter")
    page.get_by_text("The corrected copy was stored and is sent now.").wait_for()
    assert Delivery.objects.exclude(pk=delivery.pk).get().status == "pending"
