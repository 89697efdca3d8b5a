"""Alerts of the sample: made by the product from what the sample has, and some that are over."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from deliveries.alerts.channels import seal
from deliveries.alerts.models import Alert, AlertRule, Channel, Message
from deliveries.alerts.outbox import send_due
from deliveries.alerts.run import evaluate
from deliveries.alerts.sending import Result
from destinations.models import Destination


def add_alerts(admin: User, now: datetime) -> None:
    Channel.objects.create(
        name="On-call chat",
        kind="slack",
        secrets=seal(
            {"url": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"}
        ),
        quiet_from="22:00",
        quiet_until="07:00",
        zone="Europe/Berlin",
    )
    Channel.objects.create(
        name="Marketing mailbox",
        kind="email",
        options={
            "recipients": "marketing@example.com",
            "sender": "relay@example.com",
            "server": "smtp.example.com",
            "port": "587",
            "security": "starttls",
            "username": "relay",
        },
    )
    germany = Destination.objects.get(name="Pinterest Germany")
    for hours, minutes, condition, figures in (
        (30, 18, "failing", {"waiting": 1204, "failures": 9}),
        (76, 41, "oldest_waiting", {"waiting": 3310, "seconds": 2460}),
    ):
        began = now - timedelta(hours=hours)
        ended = began + timedelta(minutes=minutes)
        Alert.objects.create(
            condition=condition,
            subject=f"destination:{germany.pk}",
            destination=germany,
            severity="critical" if condition == "failing" else "warning",
            since=began,
            fired_at=began + timedelta(minutes=10),
            seen_at=ended,
            clear_since=ended,
            resolved_at=ended,
            figures=figures,
            acknowledged_at=began + timedelta(minutes=12),
            acknowledged_by=admin,
        )
    AlertRule.objects.create(
        condition="undelivered",
        subject=f"destination:{germany.pk}",
        severity="critical",
        limits={"percent": 5},
    )
    evaluate(now)
    send_due(
        lambda channel, message: Result(
            channel.kind == "slack",
            "Connection refused" if channel.kind == "email" else "Accepted.",
        ),
        now,
    )
    assert Message.objects.filter(status="sent").exists()


def open_alert() -> Alert:
    return Alert.objects.filter(resolved_at=None).order_by("pk")[0]


def failing_channel() -> Channel:
    return Channel.objects.get(failure_count__gt=0)
