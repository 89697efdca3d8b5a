"""The log on a phone: two lines a delivery, its status first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import PHONE, Visitor
from tests.browser.sample_data import PASSWORD, make_people
from tests.deliveries.log_rows import make_rejected
from tests.deliveries.searching import LOG
from tests.factories import make_destination


@pytest.mark.browser
@pytest.mark.postgres
def test_fifty_rows_fit_a_few_phone_screens_with_their_status_first(
    served: Any, open_visitor: Callable[[str], Visitor]
) -> None:
    admin = make_people()
    destination = make_destination(name="A destination with a long name of its own")
    for _ in range(50):
        make_rejected(destination)
    visitor = open_visitor(served.url)
    visitor.sign_in(admin.username, PASSWORD)
    page = visitor.page
    page.set_viewport_size(PHONE)
    page.goto(served.url + LOG)
    rows = page.locator("#result_list tr.data-row")
    expect(rows).to_have_count(50)
    assert page.evaluate("document.documentElement.scrollHeight") <= 6000
    row = rows.first
    status, event = (
        row.locator(f".field-shown_{name}").bounding_box() for name in ("status", "event")
    )
    assert status["x"] < event["x"]
    assert row.bounding_box()["height"] < 90
