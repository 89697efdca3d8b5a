"""Everything can be reached, and a failed delivery mended, with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from deliveries.alerts.run import evaluate
from tests.browser.chromium import Visitor
from tests.browser.sample_data import PASSWORD, make_people
from tests.deliveries.catalog.events import store, take_in
from tests.deliveries.log_rows import make_rejected
from tests.factories import make_deliveries, make_destination

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MAX_STOPS = 80
LOG = "/admin/deliveries/delivery/"

IS_FOCUSED = "(element) => element === document.activeElement"
SHOWS_FOCUS = """() => {
    const seen = [];
    for (let one = document.activeElement; one && seen.length < 4; one = one.parentElement) {
        const style = getComputedStyle(one);
        seen.push(style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
        seen.push(style.boxShadow !== "none");
    }
    return seen.some(Boolean);
}"""


@pytest.fixture
def admin() -> User:
    return make_people()


@pytest.fixture
def page(served: Any, admin: User, open_visitor: Callable[[str], Visitor]) -> Page:
    visitor = open_visitor(served.url)
    visitor.sign_in(admin.username, PASSWORD)
    return visitor.page


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus."""
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        if wanted.count() and wanted.first.evaluate(IS_FOCUSED):
            return
    pytest.fail(f"{wanted} was not reached with {MAX_STOPS} stops")


def test_a_rejected_delivery_is_found_and_retried_with_the_keyboard_alone(
    page: Page, served: Any
) -> None:
    destination = make_destination()
    make_deliveries(destination, 2)
    rejected = make_rejected(destination)
    page.goto(served.url + LOG)

    tab_to(page, page.locator(".relay-tabs a", has_text="Rejected"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/?*status=rejected*")
    tab_to(page, page.locator("#result_list .relay-link--strong"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('admin:deliveries_delivery_change', args=[rejected.pk])}")
    tab_to(page, page.get_by_role("button", name="Retry", exact=True))
    page.keyboard.press("Enter")
    page.get_by_text("1 delivery queued.").wait_for()

    rejected.refresh_from_db()
    assert rejected.status == "pending"


@pytest.mark.postgres
def test_the_first_stop_of_a_page_skips_the_side_bar(page: Page, served: Any) -> None:
    make_rejected(make_destination())
    page.goto(served.url + LOG)
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to content")
    assert link.evaluate(IS_FOCUSED)
    assert link.bounding_box()["x"] >= 0, "it can be seen while it has the focus"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#main, #content-main') !== null")
    assert not page.evaluate("document.activeElement.closest('#nav-sidebar') !== null")


@pytest.mark.postgres
def test_a_filter_applies_with_enter_and_not_while_it_is_chosen(page: Page, served: Any) -> None:
    make_rejected(make_destination())
    page.goto(served.url + LOG)
    navigations: list[str] = []
    page.on("framenavigated", lambda frame: navigations.append(frame.url))
    tab_to(page, page.locator("summary", has_text="Add filter"))
    page.keyboard.press("Enter")
    code = page.locator("select[name=error_code]")
    tab_to(page, code)
    page.keyboard.press("ArrowDown")
    assert code.input_value() == "missing_user_data"
    assert code.evaluate(IS_FOCUSED)
    assert navigations == []
    expect(page.locator("[data-relay-apply]")).to_have_class(re.compile("button--main"))

    page.keyboard.press("Enter")
    page.wait_for_url("**/?*error_code=missing_user_data*")
    expect(page.locator("select[name=error_code]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("summary", has_text="Add filter")).to_be_focused()
    expect(page.locator("select[name=error_code]")).to_be_hidden()


@pytest.mark.postgres
def test_keys_go_to_the_search_and_through_the_rows(page: Page, served: Any) -> None:
    destination = make_destination()
    older, _ = (make_rejected(destination) for _ in range(2))
    page.goto(served.url + LOG)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("j/k")
    assert page.get_by_role("searchbox").input_value() == "j/k", "what is typed is text"

    page.goto(served.url + LOG)
    rows = page.locator("#result_list tbody tr")
    for key, row in (("j", 0), ("j", 1), ("j", 1), ("k", 0), ("j", 1)):
        page.keyboard.press(key)
        expect(rows.nth(row).locator("a").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('admin:deliveries_delivery_change', args=[older.pk])}")


@pytest.mark.postgres
def test_single_keys_can_be_turned_off(page: Page, served: Any) -> None:
    make_rejected(make_destination())
    page.goto(served.url + LOG)
    page.get_by_role("button", name="Turn off").click()
    page.reload()
    page.keyboard.press("/")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement === document.body")
    page.get_by_role("button", name="Turn on").click()
    page.keyboard.press("j")
    expect(page.locator("#result_list tbody a").first).to_be_focused()


@pytest.mark.postgres
def test_the_second_stop_of_the_log_skips_to_its_rows(page: Page, served: Any) -> None:
    make_rejected(make_destination())
    page.goto(served.url + LOG)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to rows")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#result_list tbody a') !== null"):
            break
    assert page.evaluate("document.activeElement.closest('#result_list tbody a') !== null")


@pytest.mark.postgres
def test_every_control_of_the_log_is_reached_and_shows_that_it_is(page: Page, served: Any) -> None:
    make_rejected(make_destination())
    page.goto(served.url + LOG)
    wanted = page.locator(
        "#content :is(a[href], button, select, input:not([type=hidden])):visible"
    ).evaluate_all("(all) => all.filter((one) => !one.disabled && one.tabIndex >= 0).length")
    reached, hidden = set(), []
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
                const one = document.activeElement;
                if (!one.closest("#content")) return null;
                const all = [...document.querySelectorAll("#content *")];
                return [all.indexOf(one), one.outerHTML.slice(0, 120)];
            }"""
        )
        if found is None:
            continue
        if found[0] not in reached and not page.evaluate(SHOWS_FOCUS):
            hidden.append(found[1])
        reached.add(found[0])
    assert wanted > 12
    assert len(reached) >= wanted
    assert hidden == []


def test_an_event_is_mapped_with_the_keyboard_alone(page: Page, served: Any) -> None:
    destination = make_destination()
    store(destination.sources.get(), "Signed Up", 2)
    store(destination.sources.get(), "Quiz Finished", 5)
    take_in()
    page.goto(served.url + reverse("admin:destinations_destination_events", args=[destination.pk]))

    tab_to(page, page.get_by_label("What Quiz Finished becomes"))
    page.keyboard.type("lead")
    tab_to(page, page.get_by_role("button", name="Map Quiz Finished"))
    page.keyboard.press("Enter")
    page.get_by_text("“Quiz Finished” becomes lead from now on.").wait_for()
    tab_to(page, page.get_by_role("button", name="Map Signed Up"))  # with what is suggested
    page.keyboard.press("Enter")
    page.get_by_text("“Signed Up” becomes signup from now on.").wait_for()
    tab_to(page, page.get_by_role("link", name="Signed Up"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Newest sample").wait_for()

    rows = destination.event_mappings.values_list("source_event_name", "pinterest_event_name")
    assert set(rows) == {("Quiz Finished", "lead"), ("Signed Up", "signup")}


def test_a_colleague_gets_access_with_a_link_that_leaves_no_trace_in_the_address(
    page: Page, served: Any, open_visitor: Callable[[str], Visitor]
) -> None:
    page.goto(served.url + reverse("admin:auth_user_add"))
    page.get_by_label("Email").fill("mina@example.com")
    page.get_by_label("Role").select_option("Operator")
    page.get_by_role("button", name="Save", exact=True).click()
    link = page.locator("#password-link").inner_text()
    other = open_visitor(served.url).page
    asked: list[str] = []
    other.on("request", lambda request: asked.append(request.url))
    other.goto(link)
    key = link.partition("#")[2]
    other.wait_for_url(re.compile(r"/choose/$"))
    for field in other.locator("input[type=password]").all():
        field.fill("a long enough passphrase")
    other.get_by_role("button", name="Set password").click()
    other.get_by_label("Username").fill("mina@example.com")
    other.get_by_label("Password").fill("a long enough passphrase")
    other.keyboard.press("Enter")
    other.get_by_role("link", name="Delivery log").wait_for()
    assert asked
    assert not [url for url in asked if key in url.partition("#")[0]]


def test_an_alert_is_acknowledged_and_a_channel_added_with_the_keyboard_alone(
    page: Page, served: Any
) -> None:
    make_destination(name="Garden", paused_at=timezone.now(), paused_code="unauthorised")
    evaluate(timezone.now())
    page.goto(f"{served.url}/admin/alerts/")
    tab_to(page, page.get_by_role("link", name="Garden is paused"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Note (optional)"))
    page.keyboard.type("On it")
    tab_to(page, page.get_by_role("button", name="Acknowledge"))
    assert page.evaluate(SHOWS_FOCUS)
    page.keyboard.press("Enter")
    expect(page.get_by_text("On it")).to_be_visible()
    page.goto(f"{served.url}/admin/alert-channels/")
    tab_to(page, page.get_by_role("link", name="Slack"))
    page.keyboard.press("Enter")
    for label, text in (
        ("Name", "Chat"),
        (
            "Webhook URL",
            "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        ),
    ):
        tab_to(page, page.get_by_label(label, exact=True))
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_text("was saved. Send a test")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Send a test"))


def test_the_tabs_of_a_destination_are_gone_through_with_the_keyboard_and_keep_what_was_typed(
    page: Page, served: Any
) -> None:
    destination = make_destination(service="pinterest", name="Shop")
    page.goto(
        f"{served.url}{reverse('admin:destinations_destination_change', args=[destination.pk])}"
    )
    expect(page.locator("#id_advertiser_id")).to_be_hidden()
    tab_to(page, page.get_by_role("link", name="Connection", exact=True))
    assert page.evaluate(SHOWS_FOCUS)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, page.locator("#id_advertiser_id"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("123456")
    settings = page.get_by_role("link", name="Settings", exact=True)
    for _ in range(MAX_STOPS):
        page.keyboard.press("Shift+Tab")
        if settings.evaluate(IS_FOCUSED):
            break
    page.keyboard.press("Enter")
    expect(settings).to_have_attribute("aria-current", "page")
    expect(settings).to_be_focused()
    expect(page.locator("#id_advertiser_id")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?tab=settings$"))
    tab_to(page, page.locator("#id_name"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Renamed")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    destination.refresh_from_db()
    assert (destination.name, destination.advertiser_id) == ("Renamed", "123456")
