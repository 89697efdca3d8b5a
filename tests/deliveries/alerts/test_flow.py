"""Each condition fires and resolves by a real fault, and exactly one message says so each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from deliveries.actions.operations import resume, retry
from deliveries.alerts.models import Alert, AlertRule, Channel, Message, Silence
from deliveries.alerts.run import run_alerts
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Circuit, Delivery, Heartbeat
from deliveries.stats.health import note_prune, note_sweep
from deliveries.stats.tallies import append
from destinations.models import Destination, FormerWriteKey
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.alerts.receivers import HTTPReceiver
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db


class Clock:
    """The time of a story; ``pass_`` goes on with it and runs the alerts as their task does."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def run(self, minutes: float = 0) -> None:
        """Go on, and run the alerts every thirty seconds."""
        for _ in range(int(minutes * 2)):
            self.now += timedelta(seconds=30)
            note_sweep(self.now)
            run_alerts(self.now)
        if not minutes:
            run_alerts(self.now)


@pytest.fixture
def clock() -> Clock:
    note_sweep(timezone.now())
    return Clock()


def told(receiver: HTTPReceiver) -> list[tuple[str, str]]:
    """(type, condition) of each message, in order."""
    return [(one.json["type"], one.json["alert"]["condition"]) for one in receiver.received]


def ids_behind(receiver: HTTPReceiver) -> set[int]:
    """The deliveries that the link of the last message opens."""
    url = urlsplit(receiver.received[-1].json["alert"]["url"])
    assert url.netloc == "relay.example.com"
    client = Client()
    client.force_login(
        User.objects.get_or_create(username="x", is_superuser=True, is_staff=True)[0]
    )
    response = client.get(f"{url.path}?{url.query}")
    assert response.status_code == 200
    return {one.pk for one in response.context["cl"].result_list}


def test_a_revoked_token_is_one_message_and_its_end_another(
    sandbox: Sandbox, channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination(name="Germany")
    mine = make_deliveries(destination, 3)
    make_deliveries(make_destination(), 2)
    sandbox.add_fault("status=401")
    deliver_batch(destination.pk, clock=clock)
    clock.run(5)

    assert told(receiver) == [("alert.fired", "paused")]
    alert = receiver.received[0].json["alert"]
    assert alert["title"] == "Critical: Germany is paused"
    assert "3 deliveries wait." in alert["text"]
    assert "What to do: " in alert["text"]
    assert "unauthorized" in alert["text"] or alert["error_code"] in alert["text"]
    assert ids_behind(receiver) == {one.pk for one in mine}

    sandbox.clear_faults()
    resume(destination.pk, clock.now)
    clock.run(3)
    assert told(receiver)[1:] == [("alert.resolved", "paused")]
    assert "Resolved after 5 min" in receiver.received[1].json["text"]


def test_a_thousand_failing_events_are_one_message(
    sandbox: Sandbox, channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination()
    events = [make_event() for _ in range(1000)]
    for event in events:
        event["userId"], event["context"] = "", {}  # nobody can be matched: rejected
    rejected = make_deliveries(destination, events=events)
    while deliver_batch(destination.pk, clock=clock):
        pass
    clock.run(10)

    assert told(receiver) == [("alert.fired", "undelivered")]
    alert = receiver.received[0].json["alert"]
    assert alert["figures"]["rejected"] == 1000
    assert "100.0% of 1,000 conversions" in alert["text"]
    assert alert["error_code"] == "missing_user_data"
    shown = ids_behind(receiver)
    assert shown
    assert shown <= {one.pk for one in rejected}

    clock.run(35)  # the time range is over
    assert told(receiver)[1:] == [("alert.resolved", "undelivered")]


def test_a_destination_that_answers_500_fails_and_recovers(
    sandbox: Sandbox, channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination()
    make_deliveries(destination, 2)
    sandbox.add_fault("status=500")
    for _ in range(12):
        deliver_batch(destination.pk, clock=clock)
        clock.run(1)
    clock.run(30)  # it waits for long by now, and that's the same problem
    assert told(receiver) == [("alert.fired", "failing")]
    assert receiver.received[0].json["alert"]["error_code"] == "server_error"
    assert ids_behind(receiver) == set(Delivery.objects.values_list("pk", flat=True))

    sandbox.clear_faults()
    Circuit.objects.update(hold_until=None)
    Delivery.objects.update(due_at=clock.now - timedelta(minutes=1))
    assert deliver_batch(destination.pk, clock=clock) == 2
    clock.run(3)
    assert told(receiver)[1:] == [("alert.resolved", "failing")]


def test_what_waits_for_long_is_told_of(
    channel: Channel, receiver: HTTPReceiver, clock: Clock, sandbox: Sandbox
) -> None:
    destination = make_destination()
    make_deliveries(destination, 2, age_seconds=29 * 60)
    clock.run(0.5)
    assert told(receiver) == []
    clock.run(2)
    assert told(receiver) == [("alert.fired", "oldest_waiting")]
    deliver_batch(destination.pk, clock=clock)
    clock.run(3)
    assert told(receiver)[1:] == [("alert.resolved", "oldest_waiting")]


def test_failed_deliveries_are_told_of_until_they_are_retried(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination()
    dead, _ = make_deliveries(destination, 2)
    Delivery.objects.filter(pk=dead.pk).update(
        status="dead", due_at=None, settled_at=clock.now, error_code="server_error"
    )
    clock.run(5)
    assert told(receiver) == [("alert.fired", "dead")]
    assert ids_behind(receiver) == {dead.pk}
    retry(Delivery.objects.filter(pk=dead.pk), clock.now)
    clock.run(3)
    assert told(receiver)[1:] == [("alert.resolved", "dead")]


def test_a_stopped_worker_is_told_of_and_nothing_else(
    channel: Channel, receiver: HTTPReceiver, clock: Clock, monkeypatch: Any
) -> None:
    monkeypatch.setattr("deliveries.alerts.figures.reaches_broker", lambda: True)
    make_deliveries(make_destination(), 4, age_seconds=7200)
    AlertRule.objects.create(
        condition="oldest_waiting", severity="warning", limits={"minutes": 10_000}
    )
    for _ in range(20):  # nobody sweeps any more
        clock.now += timedelta(seconds=30)
        run_alerts(clock.now)
    assert told(receiver) == [("alert.fired", "worker")]
    assert "The broker responds. 4 deliveries wait." in receiver.received[0].json["text"]
    clock.run(2)
    assert told(receiver)[1:] == [("alert.resolved", "worker")]


def test_invalid_events_are_told_of(channel: Channel, receiver: HTTPReceiver, clock: Clock) -> None:
    source = make_source(name="Shop")
    append({"received": 90, "refused": 10}, clock.now, source_id=source.pk)
    clock.run(3)
    assert told(receiver) == [("alert.fired", "invalid")]
    assert "10.0% of 100 events" in receiver.received[0].json["text"]
    assert f"source={source.pk}" in receiver.received[0].json["alert"]["url"]
    clock.run(40)
    assert told(receiver)[1:] == [("alert.resolved", "invalid")]


def test_match_quality_that_falls_is_told_of(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination()
    last_week = clock.now - timedelta(days=3)
    append({"delivered": 1000, "match:em": 800}, last_week, destination_id=destination.pk)
    append({"delivered": 300, "match:em": 120}, clock.now, destination_id=destination.pk)
    clock.run(6)
    assert told(receiver) == [("alert.fired", "match_quality")]
    assert "40.0%" in receiver.received[0].json["text"]


def test_retention_that_stopped_and_a_disk_that_fills_are_told_of(
    channel: Channel, receiver: HTTPReceiver, clock: Clock, monkeypatch: Any
) -> None:
    class Disk:
        total, free = 1000, 50

    monkeypatch.setattr("shutil.disk_usage", lambda path: Disk)
    note_prune(clock.now - timedelta(hours=7))
    clock.run(6)
    assert sorted(told(receiver)) == [("alert.fired", "disk"), ("alert.fired", "retention")]
    note_prune(clock.now)
    Disk.free = 500
    clock.run(12)
    assert sorted(told(receiver)[2:]) == [
        ("alert.resolved", "disk"),
        ("alert.resolved", "retention"),
    ]


def test_an_old_key_that_is_in_use_and_expires_soon_is_told_of(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    for used_at in (clock.now, None):
        FormerWriteKey.objects.create(
            source=make_source(),
            digest=str(used_at),
            ending="x8Qf",
            expires_at=clock.now + timedelta(days=2),
            last_used_at=used_at,
        )
    clock.run(1)
    assert told(receiver) == [("alert.fired", "key_expiring")]
    assert "x8Qf" in receiver.received[0].json["text"]


# --- Once, and never lost ------------------------------------------------------------------------


def pause(destination: Destination, now: datetime) -> None:
    Destination.objects.filter(pk=destination.pk).update(
        paused_at=now, paused_code="http_401", paused_reason="Not accepted."
    )


def test_a_channel_that_is_down_gets_it_later_and_once(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    pause(make_destination(), clock.now)
    receiver.status, receiver.answer = 503, b"not now, hidden-token"
    clock.run(3)
    attempts = len(receiver.received)
    assert 2 <= attempts <= 3  # 30 seconds, then a minute, then two
    channel.refresh_from_db()
    assert channel.failure_count == attempts
    assert channel.last_error == "HTTP 503 not now, •••"
    receiver.status = 200
    clock.run(10)
    assert len(receiver.received) == attempts + 1
    assert {one.headers["idempotency-key"] for one in receiver.received} == {
        Message.objects.get().key
    }
    channel.refresh_from_db()
    assert (channel.failure_count, channel.hold_until) == (0, None)


def test_a_restart_sends_nothing_twice(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    pause(make_destination(), clock.now)
    clock.run(1)
    assert len(receiver.received) == 1
    # A process that was killed after the service accepted it, and before it noted that:
    Message.objects.update(status="sending", due_at=clock.now + timedelta(minutes=5), sent_at=None)
    clock.run(4)
    assert len(receiver.received) == 1  # the lease holds
    clock.run(3)
    keys = [one.headers["idempotency-key"] for one in receiver.received]
    assert keys == [keys[0]] * 2  # the receiver can tell that it's the same
    clock.run(10)
    assert len(receiver.received) == 2


def test_two_processes_send_a_message_once(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    from deliveries.alerts.outbox import _claim
    from deliveries.alerts.run import evaluate

    pause(make_destination(), clock.now)
    evaluate(clock.now)
    one, same = Message.objects.get(), Message.objects.get()
    assert _claim(one, clock.now)
    assert not _claim(same, clock.now)


def test_an_alert_that_flickers_stays_one(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    (delivery,) = make_deliveries(make_destination())
    for _ in range(10):
        for status in ("dead", "discarded"):
            Delivery.objects.filter(pk=delivery.pk).update(
                status=status, due_at=None, settled_at=clock.now
            )
            clock.run(1)
    assert told(receiver) == [("alert.fired", "dead")]


def test_a_reminder_comes_after_so_many_hours_and_not_once_acknowledged(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    Channel.objects.update(repeat_hours=2)
    pause(make_destination(), clock.now)
    clock.run(60 * 5)
    assert [kind for kind, _ in told(receiver)] == ["alert.fired"] + ["alert.repeated"] * 2
    assert "Still open: " in receiver.received[-1].json["title"]
    Alert.objects.update(acknowledged_at=clock.now)
    clock.run(60 * 5)
    assert len(receiver.received) == 3


def test_a_silence_holds_messages_back_and_not_the_alert(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination()
    Silence.objects.create(
        condition="paused",
        subject=f"destination:{destination.pk}",
        reason="Maintenance",
        until=clock.now + timedelta(hours=1),
    )
    pause(destination, clock.now)
    clock.run(5)
    assert Alert.objects.filter(resolved_at=None).count() == 1
    assert receiver.received == []
    clock.run(60)  # it ends, and the problem is still there
    assert told(receiver) == [("alert.fired", "paused")]


def test_a_new_channel_is_told_of_what_is_open(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    pause(make_destination(), clock.now)
    clock.run(2)
    Channel.objects.create(name="Other", kind="webhook", secrets=channel.secrets)
    clock.run(2)
    assert told(receiver) == [("alert.fired", "paused")] * 2
    assert len({one.headers["idempotency-key"] for one in receiver.received}) == 2


def test_quiet_hours_hold_back_warnings_and_not_what_is_critical(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    clock.now = clock.now.replace(hour=1, minute=0)
    Channel.objects.update(quiet_from="22:00", quiet_until="07:00", zone="UTC")
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    Delivery.objects.filter(pk=delivery.pk).update(status="dead", due_at=None)
    pause(destination, clock.now)
    clock.run(60)
    assert told(receiver) == [("alert.fired", "paused")]
    clock.run(60 * 5 + 1)
    assert told(receiver)[1:] == [("alert.fired", "dead")]


def test_a_channel_for_critical_alerts_hears_of_no_warning(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    Channel.objects.update(least_severity="critical")
    (delivery,) = make_deliveries(make_destination())
    Delivery.objects.filter(pk=delivery.pk).update(status="dead", due_at=None)
    clock.run(5)
    assert receiver.received == []
    assert Alert.objects.get().severity == "warning"


def test_rules_of_a_destination_come_before_those_for_all(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    quiet, loud = make_destination(), make_destination()
    AlertRule.objects.create(
        condition="paused", subject=f"destination:{quiet.pk}", enabled=False, severity="critical"
    )
    pause(quiet, clock.now)
    pause(loud, clock.now)
    clock.run(3)
    assert list(Alert.objects.values_list("subject", flat=True)) == [f"destination:{loud.pk}"]


def test_an_archived_destination_is_no_longer_told_of(
    channel: Channel, receiver: HTTPReceiver, clock: Clock
) -> None:
    destination = make_destination()
    pause(destination, clock.now)
    clock.run(1)
    Destination.objects.update(archived_at=clock.now, enabled=False)
    clock.run(1)
    assert [kind for kind, _ in told(receiver)] == ["alert.fired", "alert.resolved"]


def test_evaluating_takes_as_many_queries_for_many_as_for_one(
    clock: Clock, django_assert_max_num_queries: Any
) -> None:
    from deliveries.alerts.run import evaluate

    for _ in range(12):
        pause(make_destination(), clock.now)
    Heartbeat.objects.get_or_create(name="prune", defaults={"seen_at": clock.now})
    with django_assert_max_num_queries(40):
        evaluate(clock.now)
    for _ in range(12):
        pause(make_destination(), clock.now)
    with django_assert_max_num_queries(25):
        evaluate(clock.now + timedelta(seconds=30))
