"""Check and preview answer on the page of the destination, with what stands in its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from destinations.models import Destination
from tests.browser.chromium import Visitor
from tests.browser.sample_data import PASSWORD, make_people

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(120)]


def test_a_destination_is_checked_and_previewed_before_it_is_saved(
    served: Any, open_visitor: Callable[[str], Visitor]
) -> None:
    visitor = open_visitor(served.url)
    visitor.sign_in(make_people().username, PASSWORD)
    page = visitor.page
    visitor.open("/admin/destinations/destination/add/")
    for field, text in {"advertiser_id": "12345", "conversion_token": "bad-token"}.items():
        page.locator(f"#id_{field}").fill(text)
    page.locator("#id_name").fill("Shop")

    page.get_by_role("button", name="Check now").click()
    check = page.get_by_role("region", name="Result")
    expect(check.get_by_text("Pinterest doesn't accept the conversion token.")).to_be_visible()
    page.locator("#id_conversion_token").fill("good-token")
    page.get_by_role("button", name="Check now").click()
    expect(check.get_by_text("HTTP 200")).to_be_visible()

    page.get_by_role("button", name="Preview", exact=True).click()
    preview = page.locator("#relay-preview")
    expect(preview.get_by_role("heading", name="Sent as checkout")).to_be_visible()
    page.locator("#id_event_mappings-0-source_event_name").fill("Order Completed")
    page.locator("#id_event_mappings-0-pinterest_event_name").fill("lead")
    preview.get_by_role("button", name="Show what is sent").click()
    expect(preview.get_by_role("heading", name="Sent as lead")).to_be_visible()
    preview.get_by_label("Received").fill('{"userId": "u", "event": "Signed Up"}')
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(preview.get_by_role("heading", name="Not sent: rejected")).to_be_visible()

    page.route("**/preview/", lambda route: route.abort())
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(preview).to_contain_text("No response.")

    assert not Destination.objects.exists()
    page.locator("#id_name").press("Enter")  # saves, and asks nothing
    page.wait_for_url("**/admin/destinations/destination/")
    assert Destination.objects.get().name == "Shop"

    page.get_by_role("link", name="Shop", exact=True).last.click()
    known = page.get_by_role("region", name="Connection")
    expect(known.get_by_text("The connection hasn't been checked yet.")).to_be_visible()
    page.get_by_role("button", name="Check now").click()
    expect(known.get_by_text("Connected.")).to_be_visible()
    assert visitor.complaints == []
