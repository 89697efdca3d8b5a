"""The whole of it in a browser: from the first login to an export, on the product's processes."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.chromium import WAIT_MILLISECONDS, Visitor
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "correct horse battery"
LOG = "/admin/deliveries/delivery/"


@pytest.fixture
def installation() -> Iterator[Stack]:
    """Just installed, nobody has signed in, nothing is set up."""
    import os

    with Stack(
        database_url=os.environ.get("TEST_DATABASE_URL", ""),
        redis_url=os.environ.get("TEST_REDIS_URL", ""),
        variables={"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "BATCH_LINGER_SECONDS": "0"},
    ) as stack:
        stack.manage(
            "createsuperuser", "--no-input", "--username", "anna", "--email", "a@b.example"
        )
        yield stack


class Journey:
    """One person, step by step."""

    def __init__(self, stack: Stack, visitor: Visitor) -> None:
        self.stack, self.visitor = stack, visitor
        self.page: Page = visitor.page
        self.write_key = ""

    def sign_in(self) -> None:
        self.visitor.sign_in("anna", PASSWORD)
        expect(self.page.get_by_role("heading", name="Get started")).to_be_visible()

    def add_source(self) -> None:
        self.page.get_by_role("link", name="Add a source").click()
        self.fill("name", "Web shop")
        self.save("Save and continue editing")
        self.write_key = self.page.locator("#write-key").inner_text()
        assert len(self.write_key) > 20
        expect(self.page.get_by_text("curl").first).to_be_visible()

    def add_destination(self) -> None:
        self.visitor.open("/admin/destinations/destination/add/")
        self.fill("name", "Pinterest")
        self.page.locator("#id_service").select_option("sandbox")
        for field in ("advertiser_id", "conversion_token"):  # the sandbox makes them up
            expect(self.page.locator(f"#id_{field}")).to_be_hidden()
        self.page.get_by_label("Web shop").check()
        self.check_token("HTTP 200")
        self.save("Save and continue editing")

    def fill(self, field: str, text: str) -> None:
        self.page.locator(f"#id_{field}").fill(text)

    def check_token(self, words: str) -> None:
        self.page.get_by_role("button", name="Check now").click()
        found = self.page.get_by_role("region", name="Result")
        expect(found.get_by_text(words).first).to_be_visible()

    def save(self, button: str = "Save") -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button, exact=True).click()
        expect(self.page.locator(".errornote, .errorlist")).to_have_count(0)

    def post_order(self, number: int, **properties: Any) -> None:
        event = {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"order-{number}",
            "userId": f"customer-{number}",
            "properties": {"order_id": str(number), "value": 35.0, "currency": "EUR", **properties},
            "context": {"traits": {"email": f"customer-{number}@example.com"}},
        }
        answer = requests.post(
            f"{self.stack.url}/v1/track", json=event, auth=(self.write_key, ""), timeout=10
        )
        assert answer.status_code == 200

    def wait_for_rows(self, status: str, count: int) -> None:
        """In the log, which the person looks at again until it shows them."""

        def shown() -> bool:
            self.visitor.open(f"{LOG}?status={status}")
            return self.page.locator("#result_list tr.data-row").count() == count

        self.stack.wait_until(shown, seconds=30)

    def set_dedup_key(self, path: str) -> None:
        self.visitor.open("/admin/destinations/destination/")
        with self.page.expect_navigation():
            self.page.get_by_role("link", name="Pinterest", exact=True).first.click()
        self.page.get_by_role("link", name="Settings", exact=True).click()
        self.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        self.fill("dedup_key", path)
        self.save("Save and continue editing")


def test_from_the_first_login_to_an_export(
    installation: Stack, open_visitor: Callable[[str], Visitor]
) -> None:
    visitor = open_visitor(installation.url)
    journey, page = Journey(installation, visitor), visitor.page

    journey.sign_in()
    journey.add_source()
    journey.add_destination()

    journey.post_order(1)
    journey.wait_for_rows("delivered", 1)
    page.get_by_role("link", name="Order Completed").click()
    expect(page.get_by_role("heading", name="Response")).to_be_visible()
    expect(page.get_by_text("checkout").first).to_be_visible()
    visitor.open("/admin/")
    # The first steps stay until something has gone to Pinterest itself.
    expect(page.get_by_role("heading", name="Get started")).to_be_visible()

    # Somebody breaks the mapping: Pinterest fails the conversions that this makes.
    journey.set_dedup_key("properties.reference")
    installation.sandbox.add_fault("fail=broken-1,broken-2")
    journey.post_order(2, reference="broken-1")
    journey.post_order(3, reference="broken-2")
    journey.wait_for_rows("rejected", 2)
    page.get_by_role("link", name="Order Completed").first.click()
    expect(
        page.get_by_text("Pinterest processed the request but rejected this event.")
    ).to_be_visible()
    expect(page.get_by_text("What to do:")).to_be_visible()

    # It is fixed, and everything that failed is sent again.
    journey.set_dedup_key("")
    visitor.open(f"{LOG}?status=rejected")
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Retry all with status rejected").click()
    expect(page.get_by_role("heading", name="Retry 2 deliveries?")).to_be_visible()
    page.get_by_label("Reason").fill("The dedup key was wrong")
    page.get_by_role("button", name="Retry 2").click()
    done = page.locator(".relay-badge", has_text="Done")
    expect(done).to_be_visible(timeout=WAIT_MILLISECONDS)
    expect(page.get_by_text(re.compile("2 queued"))).to_be_visible()
    journey.wait_for_rows("delivered", 3)

    page.locator("summary", has_text="Actions").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert re.fullmatch(r"deliveries-[\d-]+\.csv", download.value.suggested_filename)
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert {row["status"] for row in rows} == {"delivered"}

    assert {"order-1", "order-2", "order-3"} <= set(installation.sandbox.event_ids())
    assert visitor.complaints == []
