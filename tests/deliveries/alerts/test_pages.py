"""Acknowledge, silence, rules with what would have fired, and channels with hidden secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from deliveries.alerts.channels import values_of
from deliveries.alerts.conditions import default_rule, read_rules
from deliveries.alerts.models import Alert, AlertRule, Channel, Silence
from deliveries.alerts.past import look_back
from deliveries.alerts.run import evaluate
from deliveries.stats.tallies import append
from tests.deliveries.alerts.conftest import SECRET
from tests.deliveries.alerts.receivers import HTTPReceiver
from tests.deliveries.alerts.test_channels import FIGURES
from tests.factories import make_destination

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert() -> Alert:
    now = timezone.now()
    make_destination(
        name="Garden brand",
        paused_at=now,
        paused_reason="Pinterest doesn't accept the token.",
        paused_code="unauthorized",
    )
    evaluate(now)
    return Alert.objects.get()


def page(client: Client, name: str, *arguments: Any) -> str:
    response = client.get(reverse(name, args=arguments))
    assert response.status_code == 200
    return response.content.decode()


def test_open_alerts_are_on_their_page_and_on_home(admin_client: Client, alert: Alert) -> None:
    assert "Garden brand is paused" in page(admin_client, "alerts")
    home = page(admin_client, "admin:index")
    assert "Garden brand: Paused" in home  # its state says the same, once
    assert "Garden brand is paused" not in home
    for shown in (home, page(admin_client, "alerts")):
        assert reverse("alert", args=[alert.pk]) in shown
    Alert.objects.update(condition="undelivered", figures=FIGURES)
    assert "Many conversions of Garden brand" in page(admin_client, "admin:index")
    assert "Nobody is told of alerts outside of this page." in page(admin_client, "alerts")


def test_an_alert_is_acknowledged_by_somebody_with_a_note(
    admin_client: Client, admin_user: Any, alert: Alert
) -> None:
    url = reverse("alert_acknowledge", args=[alert.pk])
    admin_client.post(url, {"note": "New token is ordered."})
    alert.refresh_from_db()
    assert alert.acknowledged_by == admin_user
    assert "New token is ordered." in page(admin_client, "alert", alert.pk)
    assert "acknowledged by admin" in page(admin_client, "alerts")


def test_a_silence_needs_a_reason_and_ends(admin_client: Client, alert: Alert) -> None:
    url = reverse("alert_silence", args=[alert.pk])
    admin_client.post(url, {"hours": "8", "reason": " "})
    assert not Silence.objects.exists()
    admin_client.post(url, {"hours": "8", "reason": "Maintenance"})
    silence = Silence.objects.get()
    assert timedelta(hours=7.9) < silence.until - timezone.now() <= timedelta(hours=8)
    assert "Maintenance" in page(admin_client, "alert", alert.pk)
    admin_client.post(reverse("alert_end_silence", args=[alert.pk]))
    silence.refresh_from_db()
    assert silence.until <= timezone.now()


def test_a_rule_shows_what_would_have_fired_before_it_is_saved(admin_client: Client) -> None:
    destination = make_destination(name="Germany")
    now = timezone.now()
    for days in (2, 5, 20):
        append(
            {"delivered": 80, "rejected:x": 20},
            now - timedelta(days=days),
            destination_id=destination.pk,
        )
    url = reverse("alert_rule", args=["undelivered"]) + f"?for=destination:{destination.pk}"
    fields = {"enabled": "on", "severity": "warning", "minutes": 30, "at_least": 50}
    shown = admin_client.post(url, {**fields, "percent": 10, "preview": "1"})
    assert "With these limits: 3 alerts in the last 30 days" in shown.content.decode()
    shown = admin_client.post(url, {**fields, "percent": 30, "preview": "1"})
    assert "With these limits: 0 alerts" in shown.content.decode()
    assert not AlertRule.objects.exists()
    admin_client.post(url, {**fields, "percent": 30, "save": "1"})
    rules = read_rules()
    assert rules.of("undelivered", f"destination:{destination.pk}").limits["percent"] == 30
    assert rules.of("undelivered", "destination:0") == default_rule("undelivered")
    assert LogEntry.objects.count() == 1
    admin_client.post(url, {"reset": "1"})
    assert not AlertRule.objects.exists()


def test_limits_beyond_what_is_kept_are_refused(admin_client: Client) -> None:
    url = reverse("alert_rule", args=["undelivered"])
    fields = {"severity": "warning", "minutes": 600, "at_least": 50, "percent": 10, "save": "1"}
    assert admin_client.post(url, fields).status_code == 200
    assert not AlertRule.objects.exists()
    assert admin_client.get(reverse("alert_rule", args=["other"])).status_code == 404
    assert admin_client.get(url + "?for=destination:77").status_code == 404


def test_match_quality_and_failed_deliveries_are_recalculated_too() -> None:
    destination = make_destination()
    now = timezone.now()
    for days in range(1, 9):
        email = 20 if days == 1 else 80
        append(
            {"delivered": 300, "match:em": 3 * email, "dead:x": 1},
            now - timedelta(days=days),
            destination_id=destination.pk,
        )
    limits = default_rule("match_quality").limits
    assert len(look_back("match_quality", "", limits, now).firings) == 1
    assert len(look_back("dead", "", {"at_least": 1}, now).firings) == 8
    assert len(look_back("dead", "", {"at_least": 2}, now).firings) == 0
    assert look_back("disk", "", {}, now).is_recalculated is False


def test_a_channel_is_set_up_tested_and_its_secrets_are_never_shown(
    admin_client: Client, receiver: HTTPReceiver
) -> None:
    common = {
        "name": "Hook",
        "enabled": "on",
        "least_severity": "warning",
        "repeat_hours": "24",
        "language": "en",
        "zone": "Europe/Berlin",
    }
    url = f"{receiver.url}/hook?token=hidden-token"
    add = reverse("alert_channel_add", args=["webhook"])
    refused = admin_client.post(add, {**common, "url": url, "secret": "short"})
    assert "at least 16 characters" in refused.content.decode()
    assert "hidden-token" not in refused.content.decode()
    admin_client.post(add, {**common, "url": url, "secret": SECRET})
    channel = Channel.objects.get()
    shown = page(admin_client, "alert_channel", channel.pk)
    assert "hidden-token" not in shown
    assert SECRET not in shown

    tested = admin_client.post(reverse("alert_channel_test", args=[channel.pk]), follow=True)
    assert "The test was sent. Response: HTTP 200 ok" in tested.content.decode()
    receiver.status, receiver.answer = 410, b"gone"
    tested = admin_client.post(reverse("alert_channel_test", args=[channel.pk]), follow=True)
    assert "HTTP 410 gone" in tested.content.decode()

    change = reverse("alert_channel", args=[channel.pk])
    admin_client.post(change, {**common, "name": "Renamed", "url": "", "secret": ""})
    channel.refresh_from_db()
    assert channel.name == "Renamed"
    assert values_of(channel) == {"url": url, "secret": SECRET}
    assert LogEntry.objects.count() == 2
    admin_client.post(reverse("alert_channel_delete", args=[channel.pk]))
    assert not Channel.objects.exists()


def test_a_channel_that_fails_is_shown_on_home(admin_client: Client, channel: Channel) -> None:
    Channel.objects.update(failure_count=2, last_error="HTTP 410 gone")
    for name in ("admin:index", "alerts", "alert_channels"):
        assert "HTTP 410 gone" in page(admin_client, name)


def test_private_addresses_and_wrong_times_are_refused_in_the_form(
    admin_client: Client, settings: Any
) -> None:
    settings.ALERTS_ALLOW_PRIVATE = False
    add = reverse("alert_channel_add", args=["webhook"])
    fields = {
        "name": "Hook",
        "least_severity": "warning",
        "repeat_hours": "24",
        "language": "en",
        "zone": "UTC",
        "url": "https://169.254.169.254/latest/meta-data",
        "secret": SECRET,
    }
    assert "private or local address" in admin_client.post(add, fields).content.decode()
    wrong = admin_client.post(add, {**fields, "zone": "Mars/Phobos", "quiet_from": "22:00"})
    assert "isn&#x27;t a time zone" in wrong.content.decode().replace("&#39;", "&#x27;")
    assert not Channel.objects.exists()


def test_a_channel_whose_key_is_gone_is_entered_again(
    admin_client: Client, channel: Channel, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    url = reverse("alert_channel", args=[channel.pk])
    tested = admin_client.post(reverse("alert_channel_test", args=[channel.pk]), follow=True)
    assert "can&#x27;t be decrypted" in tested.content.decode()
    fields = {
        "name": "On call",
        "least_severity": "warning",
        "repeat_hours": "24",
        "language": "en",
        "zone": "UTC",
    }
    blank = admin_client.post(url, {**fields, "url": "", "secret": ""})
    assert blank.status_code == 200  # nothing to keep
    again = {**fields, "url": "https://127.0.0.1/hook", "secret": SECRET}
    assert admin_client.post(url, again).status_code == 302
    channel.refresh_from_db()
    assert values_of(channel)["secret"] == SECRET
