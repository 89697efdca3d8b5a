"""All pages there are to look at, how to get there, and why some are not looked at.

To add a page: a ``Place`` in PLACES (``name`` of its URL, a path made of a ``SampleData``, and
what to do there first, if anything), or its URL name with a reason in
``not_looked_at.py``.
"""

from __future__ import annotations

import base64

from django.contrib.auth.models import User
from django.urls import reverse
from django_otp.oath import totp
from playwright.sync_api import Page

from deliveries.models import SeenEvent
from tests.browser.alert_places import ALERT_PLACES
from tests.browser.place import Doing, Place, Way, press, to
from tests.browser.sample_data import PASSWORD, SampleData, refusal


def _to_delivery(**filters: object) -> Way:
    return lambda sample: reverse(f"{DELIVERY}_change", args=[sample.newest(**filters).pk])


def _to_correction(sample: SampleData) -> str:
    rejected = sample.newest(status="rejected", error_code="missing_user_data")
    return reverse("admin:deliveries_delivery_correct", args=[rejected.pk])


def _of_destination(name: str, url_name: str = "change", tab: str = "") -> Way:
    return lambda sample: (
        reverse(f"admin:destinations_destination_{url_name}", args=[sample.destinations[name].pk])
        + (f"?tab={tab}" if tab else "")
    )


def _to_preview(sample: SampleData) -> str:
    return reverse("admin:destinations_destination_preview", args=[sample.destination.pk])


def _of_source(url_name: str) -> Way:
    return lambda sample: reverse(f"admin:destinations_source_{url_name}", args=[sample.source.pk])


def _open_event(model: str) -> Way:
    """An event of the web shop, unfolded."""

    def way(sample: SampleData) -> str:
        row = getattr(sample, model)
        seen = SeenEvent.objects.get(name="Order Completed", source=sample.source)
        return reverse(f"admin:destinations_{model}_events", args=[row.pk]) + f"?open={seen.pk}"

    return way


def _of_user(url_name: str) -> Way:
    return lambda sample: reverse(f"admin:auth_user_{url_name}", args=[sample.admin.pk])


def _of_colleague(url_name: str) -> Way:
    return lambda sample: reverse(
        f"admin:auth_user_{url_name}", args=[User.objects.get(username="tom").pk]
    )


def _of_batch(**filters: object) -> Way:
    return lambda sample: reverse(
        "admin:deliveries_batch_change", args=[sample.newest(**filters).batch_id]
    )


def _ask(name: str, place: str) -> Doing:
    """A button whose answer appears on the same page."""

    def ask(page: Page) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        page.locator(f"#{place} .relay-page").wait_for()

    return ask


def _try_a_batch(page: Page) -> None:
    """One event that is sent, one that is filtered, one that ingest refuses."""
    batch = (
        '{"batch": [{"type": "track", "event": "Order Completed", "userId": "u", "note": 1e400},'
        ' {"type": "track", "event": "Lead", "userId": 123456789012345678901234},'
        ' {"type": "identify", "userId": "u"}],'
        ' "context": {"traits": {"email": "a@example.com"}}}'
    )
    page.get_by_label("Received").fill(batch)
    press("Show what is sent")(page)


def _unfold_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def _search(term: str) -> Doing:
    def search(page: Page) -> None:
        page.get_by_role("searchbox").fill(term)
        with page.expect_navigation():
            page.get_by_role("searchbox").press("Enter")

    return search


def _save_wrongly(page: Page) -> None:
    page.locator("#id_name").fill("Second shop")
    page.locator("#id_advertiser_id").fill("my account")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_load_state()


def _discard_first(page: Page) -> None:
    page.get_by_role("button", name="Discard").first.click()
    page.wait_for_load_state()


def _choose_password(page: Page) -> None:
    """With a link that was used."""
    page.goto(f"{page.url}#1-used")
    for field in page.locator("input[type=password]").all():
        field.fill("a long enough passphrase")
    with page.expect_navigation():
        page.get_by_role("button", name="Set password").click()


def _sign_out(page: Page) -> None:
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action$=\"/logout/\"]').submit()")


def _give_password(password: str) -> Doing:
    def give(page: Page) -> None:
        page.get_by_label("Username").fill("lena")
        page.get_by_label("Password").fill(password)
        with page.expect_navigation():
            page.get_by_role("button", name="Sign in").click()

    return give


def _forget_cookies_and_log_in(page: Page) -> None:
    page.context.clear_cookies()
    _give_password(PASSWORD)(page)


def _turn_two_factor_on(page: Page) -> None:
    secret = (page.locator("#two-factor-secret").text_content() or "").replace(" ", "")
    page.locator("#id_code").fill(f"{totp(base64.b32decode(secret)):06}")
    page.get_by_role("button", name="Turn it on").click()
    page.get_by_text("Your recovery codes").first.wait_for()


def _turn_two_factor_on_and_return(page: Page) -> None:
    _turn_two_factor_on(page)
    page.goto(page.url.removesuffix("set-up/"))


DELIVERY = "admin:deliveries_delivery"
LOG = f"{DELIVERY}_changelist"
EVENTS = "admin:destinations_destination_events"
BULK = "admin:deliveries_bulkaction"

PLACES: tuple[Place, ...] = (
    *ALERT_PLACES,
    Place("login", "admin:login", to("admin:login"), user="", is_also_empty=True),
    Place("login-wrong", "admin:login", to("admin:login"), _give_password("wrong"), user=""),
    Place("forgot-password", "admin_password_reset", to("admin_password_reset"), user=""),
    Place("choose-password", "choose_password", to("choose_password"), user=""),
    Place(
        "choose-password-over",
        "choose_password",
        to("choose_password"),
        _choose_password,
        user="",
    ),
    Place("login-code", "login_code", to("admin:login"), _give_password(PASSWORD), user=""),
    Place("home", "admin:index", to("admin:index"), is_also_empty=True),
    Place("home-without-role", "admin:index", to("admin:index"), user="ines"),
    Place("all-of-a-kind", "admin:app_list", to("admin:app_list", "deliveries")),
    Place("home-30-days", "admin:index", to("admin:index", range="30d")),
    Place("delivery-log", LOG, to(LOG), is_also_empty=True),
    Place("delivery-log-rejected", LOG, to(LOG, status="rejected"), _unfold_all),
    Place("delivery-log-no-match", LOG, to(LOG), _search("no-such-order")),
    Place("delivery", f"{DELIVERY}_change", _to_delivery(status="delivered")),
    Place("delivery-completed", f"{DELIVERY}_change", _to_delivery(completed__contains="em")),
    Place(
        "delivery-rejected",
        f"{DELIVERY}_change",
        _to_delivery(status="rejected", error_code="pinterest_rejected"),
    ),
    Place("delivery-dead", f"{DELIVERY}_change", _to_delivery(status="dead")),
    Place(
        "delivery-retrying",
        f"{DELIVERY}_change",
        _to_delivery(status="pending", error_code="server_error"),
    ),
    Place(
        "delivery-warnings",
        f"{DELIVERY}_change",
        _to_delivery(status="delivered", warnings__0__code__isnull=False),
    ),
    Place("delivery-nobody", f"{DELIVERY}_change", _to_delivery(error_code="missing_user_data")),
    Place("delivery-correct", f"{DELIVERY}_correct", _to_correction),
    Place(
        "delivery-correct-refused", f"{DELIVERY}_correct", _to_correction, press("Send the copy")
    ),
    Place("delivery-filtered", f"{DELIVERY}_change", _to_delivery(status="filtered")),
    Place(
        "discard", "admin:deliveries_delivery_discard", _to_delivery(status="dead"), _discard_first
    ),
    Place(
        "delivery-history",
        f"{DELIVERY}_history",
        lambda sample: reverse(f"{DELIVERY}_history", args=[sample.newest(status="dead").pk]),
    ),
    Place(
        "batches",
        "admin:deliveries_batch_changelist",
        to("admin:deliveries_batch_changelist"),
        is_also_empty=True,
    ),
    Place("batch", "admin:deliveries_batch_change", _of_batch(status="delivered")),
    Place(
        "refusals",
        "admin:deliveries_refusal_changelist",
        to("admin:deliveries_refusal_changelist"),
        is_also_empty=True,
    ),
    Place(
        "refusal",
        "admin:deliveries_refusal_change",
        lambda sample: reverse("admin:deliveries_refusal_change", args=[refusal().pk]),
    ),
    Place("bulk-actions", f"{BULK}_changelist", to(f"{BULK}_changelist"), is_also_empty=True),
    Place("bulk-retry", f"{BULK}_ask", to(f"{BULK}_ask", "retry", status="rejected")),
    Place("bulk-discard", f"{BULK}_ask", to(f"{BULK}_ask", "discard", status="dead")),
    Place("bulk-replay", f"{BULK}_ask", to(f"{BULK}_ask", "replay"), is_also_empty=True),
    Place(
        "bulk-running",
        f"{BULK}_change",
        lambda sample: reverse(f"{BULK}_change", args=[sample.bulk_action("running").pk]),
    ),
    Place(
        "bulk-done",
        f"{BULK}_change",
        lambda sample: reverse(f"{BULK}_change", args=[sample.bulk_action("done").pk]),
    ),
    Place(
        "sources",
        "admin:destinations_source_changelist",
        to("admin:destinations_source_changelist"),
        is_also_empty=True,
    ),
    Place("source", "admin:destinations_source_change", _of_source("change")),
    Place(
        "source-add",
        "admin:destinations_source_add",
        to("admin:destinations_source_add"),
        is_also_empty=True,
    ),
    Place("source-events", "admin:destinations_source_events", _of_source("events")),
    Place("source-events-open", "admin:destinations_source_events", _open_event("source")),
    Place(
        "source-unconnected",
        "admin:destinations_source_change",
        lambda sample: reverse(
            "admin:destinations_source_change", args=[sample.sources["Landing page"].pk]
        ),
    ),
    Place(
        "source-unrouted",
        "admin:destinations_source_unrouted",
        lambda sample: reverse(
            "admin:destinations_source_unrouted", args=[sample.sources["Landing page"].pk]
        ),
    ),
    Place("source-rotate", "admin:destinations_source_rotate", _of_source("rotate")),
    Place("source-history", "admin:destinations_source_history", _of_source("history")),
    Place(
        "destinations",
        "admin:destinations_destination_changelist",
        to("admin:destinations_destination_changelist"),
        is_also_empty=True,
    ),
    Place(
        "destination", "admin:destinations_destination_change", _of_destination("Pinterest Germany")
    ),
    Place("destination-events", EVENTS, _of_destination("Pinterest Germany", "events")),
    Place("destination-events-open", EVENTS, _open_event("destination")),
    Place("destination-events-without-sources", EVENTS, _of_destination("Try-out", "events")),
    Place(
        "destination-connection",
        "admin:destinations_destination_change",
        _of_destination("Pinterest Germany", tab="connection"),
    ),
    Place(
        "destination-settings",
        "admin:destinations_destination_change",
        _of_destination("Pinterest Germany", tab="settings"),
        _unfold_all,
    ),
    Place(
        "destination-sandbox",
        "admin:destinations_destination_change",
        _of_destination("Try-out", tab="connection"),
    ),
    Place(
        "destination-paused",
        "admin:destinations_destination_change",
        _of_destination("Garden brand"),
    ),
    Place(
        "destination-archived",
        "admin:destinations_destination_change",
        _of_destination("Client of last year"),
    ),
    Place(
        "destinations-archived",
        "admin:destinations_destination_changelist",
        to("admin:destinations_destination_changelist", archived="1"),
    ),
    Place(
        "destination-archive",
        "admin:destinations_destination_archive",
        _of_destination("Pinterest Germany", "archive"),
    ),
    Place(
        "destination-add",
        "admin:destinations_destination_add",
        to("admin:destinations_destination_add"),
        is_also_empty=True,
    ),
    Place(
        "destination-mistakes",
        "admin:destinations_destination_add",
        to("admin:destinations_destination_add"),
        _save_wrongly,
    ),
    Place(
        "destination-check",
        "admin:destinations_destination_check",
        _of_destination("Pinterest Germany"),
        _ask("Check now", "relay-check"),
    ),
    Place(
        "destination-check-failed",
        "admin:destinations_destination_check",
        _of_destination("Garden brand"),
        _ask("Check now", "relay-check"),
    ),
    Place(
        "destination-preview",
        "admin:destinations_destination_change",
        _of_destination("Pinterest Germany", tab="settings"),
        _ask("Preview", "relay-preview"),
    ),
    Place(
        "destination-filtered",
        "admin:destinations_destination_filtered",
        _of_destination("Pinterest Germany", tab="settings"),
        _ask("Count recent events", "relay-filtered"),
    ),
    Place(
        "destination-history",
        "admin:destinations_destination_history",
        _of_destination("Pinterest Germany", "history"),
    ),
    Place(
        "preview",
        "admin:destinations_destination_preview",
        _to_preview,
        press("Order Completed in a browser"),
    ),
    Place(
        "preview-rejected",
        "admin:destinations_destination_preview",
        _to_preview,
        press("An event without match data"),
    ),
    Place(
        "preview-batch",
        "admin:destinations_destination_preview",
        _to_preview,
        _try_a_batch,
    ),
    Place(
        "preview-blank",
        "admin:destinations_destination_preview_new",
        to("admin:destinations_destination_preview_new"),
        is_also_empty=True,
    ),
    Place("users", "admin:auth_user_changelist", to("admin:auth_user_changelist")),
    Place("user", "admin:auth_user_change", _of_user("change")),
    Place("user-add", "admin:auth_user_add", to("admin:auth_user_add")),
    Place("user-link", "admin:auth_user_link", _of_colleague("link")),
    Place(
        "user-link-created",
        "admin:auth_user_link",
        _of_colleague("link"),
        press("Create a link"),
    ),
    Place("user-password", "admin:auth_user_password_change", _of_user("password_change")),
    Place(
        "user-delete",
        "admin:auth_user_delete",
        lambda sample: reverse(
            "admin:auth_user_delete", args=[User.objects.get(username="mei").pk]
        ),
    ),
    Place("user-history", "admin:auth_user_history", _of_user("history")),
    Place("groups", "admin:auth_group_changelist", to("admin:auth_group_changelist")),
    Place(
        "group",
        "admin:auth_group_change",
        lambda sample: reverse("admin:auth_group_change", args=[sample.group.pk]),
    ),
    Place("group-add", "admin:auth_group_add", to("admin:auth_group_add")),
    Place(
        "group-delete",
        "admin:auth_group_delete",
        lambda sample: reverse("admin:auth_group_delete", args=[sample.group.pk]),
    ),
    Place(
        "history",
        "admin:admin_logentry_changelist",
        to("admin:admin_logentry_changelist"),
        is_also_empty=True,
    ),
    Place(
        "history-entry",
        "admin:admin_logentry_change",
        lambda sample: reverse("admin:admin_logentry_change", args=[sample.log_entry.pk]),
    ),
    Place("own-password", "admin:password_change", to("admin:password_change")),
    Place("own-password-done", "admin:password_change_done", to("admin:password_change_done")),
    Place("two-factor", "two_factor", to("two_factor"), is_also_empty=True),
    Place("two-factor-set-up", "two_factor_set_up", to("two_factor_set_up")),
    Place(
        "two-factor-codes",
        "two_factor_set_up",
        to("two_factor_set_up"),
        _turn_two_factor_on,
        user="sara",
    ),
    Place(
        "two-factor-on",
        "two_factor",
        to("two_factor_set_up"),
        _turn_two_factor_on_and_return,
        user="noor",
    ),
    Place(
        "user-two-factor-off",
        "admin:auth_user_two_factor_off",
        lambda sample: reverse(
            "admin:auth_user_two_factor_off", args=[User.objects.get(username="lena").pk]
        ),
    ),
    Place("documentation", "documentation", to("documentation", "operations")),
    Place("status", "status", to("status"), is_also_empty=True),
    Place("people-remembered", "people", to("people"), is_also_empty=True),
    Place("api-docs", "", to("ingest:docs"), user="", markup_of="Swagger UI"),
    Place("forbidden", "", to("admin:auth_user_changelist"), user="mei", status=403),
    Place("form-too-old", "", to("admin:login"), _forget_cookies_and_log_in, user=""),
    Place("not-found", "", lambda sample: "/admin/no/such/page/", status=404),
    Place("signed-out", "admin:logout", to("admin:index"), _sign_out),
)
