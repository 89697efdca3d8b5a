"""The pages of alerts."""

from __future__ import annotations

from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.place import Place, press, to
from tests.browser.sample_alerts import failing_channel, open_alert


def _save_channel_wrongly(page: Page) -> None:
    page.get_by_label("Name").fill("Chat")
    page.get_by_label("Webhook URL").fill("https://example.com/hook")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_load_state()


ALERT_PLACES: tuple[Place, ...] = (
    Place("alerts", "alerts", to("alerts"), is_also_empty=True),
    Place("alert", "alert", lambda sample: reverse("alert", args=[open_alert().pk])),
    Place("alert-rules", "alert_rules", to("alert_rules"), is_also_empty=True),
    Place("alert-rule", "alert_rule", to("alert_rule", "undelivered")),
    Place(
        "alert-rule-past",
        "alert_rule",
        to("alert_rule", "dead"),
        press("What would have fired"),
    ),
    Place("alert-channels", "alert_channels", to("alert_channels"), is_also_empty=True),
    Place(
        "alert-channel",
        "alert_channel",
        lambda sample: reverse("alert_channel", args=[failing_channel().pk]),
    ),
    Place("alert-channel-add", "alert_channel_add", to("alert_channel_add", "email")),
    Place(
        "alert-channel-mistakes",
        "alert_channel_add",
        to("alert_channel_add", "slack"),
        _save_channel_wrongly,
    ),
)
