"""Messages reach real sockets: mail, a webhook, and a service like Slack; secrets stay secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.utils import timezone

from deliveries.alerts import guard
from deliveries.alerts.channels import SERVICES, Unusable, build, seal
from deliveries.alerts.models import Alert, Channel, Message
from deliveries.alerts.sending import send_message, send_test
from deliveries.alerts.wording import say
from tests.deliveries.alerts.conftest import SECRET
from tests.deliveries.alerts.receivers import FakeSMTP, HTTPReceiver, text_of
from tests.factories import make_destination

pytestmark = pytest.mark.django_db

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture
def smtp(settings: Any) -> Iterator[FakeSMTP]:
    settings.ALERTS_ALLOW_PRIVATE = True
    settings.PUBLIC_URL = "https://relay.example.com"
    with FakeSMTP() as running:
        yield running


def make_message(channel: Channel, **fields: Any) -> Message:
    now = timezone.now()
    destination = make_destination(
        name="Germany & Söhne", paused_at=now, paused_reason="No.", paused_code="unauthorized"
    )
    alert = Alert.objects.create(
        condition="paused",
        subject=f"destination:{destination.pk}",
        destination=destination,
        severity="critical",
        since=now,
        fired_at=now,
        seen_at=now,
        figures={"waiting": 3, "reason": "No."},
        **fields,
    )
    return Message.objects.create(alert=alert, channel=channel, kind="fired")


def mail_channel(smtp: FakeSMTP, **options: str) -> Channel:
    return Channel.objects.create(
        name="Mail",
        kind="email",
        options={
            "recipients": "anna@example.com, tom@example.com",
            "sender": "relay@example.com",
            "server": "127.0.0.1",
            "port": str(smtp.port),
            "security": "insecure",
            **options,
        },
    )


def test_a_mail_has_the_whole_message(smtp: FakeSMTP) -> None:
    channel = mail_channel(smtp)
    message = make_message(channel)
    result = send_message(channel, message)
    assert result.is_sent, result.answer
    assert sorted(smtp.recipients) == ["anna@example.com", "tom@example.com"]
    mail = smtp.mails[0]
    text = text_of(mail)
    assert "Germany & Söhne is paused" in text + str(mail["Subject"]) or "paused" in mail["Subject"]
    assert "3 deliveries wait." in text
    assert (
        "https://relay.example.com/admin/deliveries/delivery/?status=pending%2Csending&destination="
        in text
    )
    assert f"https://relay.example.com/admin/alerts/{message.alert_id}/" in text
    assert mail["X-Message-Key"] == f"capi-relay-alert-{message.alert_id}"


def test_a_mail_that_is_refused_says_why(smtp: FakeSMTP) -> None:
    smtp.refuses = True
    result = send_test(mail_channel(smtp))
    assert not result.is_sent
    assert "No such mailbox" in result.answer or "Connection error" in result.answer


def test_a_mail_server_that_is_away_is_a_failure(smtp: FakeSMTP) -> None:
    result = send_test(mail_channel(smtp, port="1"))
    assert not result.is_sent
    assert result.answer


def test_a_webhook_is_signed_and_says_all_in_json(channel: Channel, receiver: HTTPReceiver) -> None:
    message = make_message(channel)
    assert send_message(channel, message).is_sent
    (got,) = receiver.received
    assert got.path == "/hook?token=hidden-token"
    time, _, signature = got.headers["x-capi-relay-signature"].partition(",")
    signed = time.removeprefix("t=").encode() + b"." + got.body
    assert signature == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(int(time.removeprefix("t=")) - timezone.now().timestamp()) < 60
    assert got.json["id"] == got.headers["idempotency-key"] == message.key
    assert got.json["alert"]["name"] == "Germany & Söhne"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_not_followed(channel: Channel, receiver: HTTPReceiver) -> None:
    with HTTPReceiver() as other:
        receiver.status, receiver.location = 302, f"{other.url}/inside"
        result = send_test(channel)
        assert (result.is_sent, other.received) == (False, [])
        assert result.answer.startswith("HTTP 302")


def test_a_service_like_slack_gets_its_own_format(
    receiver: HTTPReceiver, monkeypatch: Any, settings: Any
) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"{receiver.url}/services")
    channel = Channel.objects.create(name="Slack", kind="slack", secrets=seal({"url": SLACK}))
    assert send_message(channel, make_message(channel)).is_sent
    (got,) = receiver.received
    assert got.path.startswith("/services/T1JJ3T3L2/")
    assert "Germany &amp; Söhne is paused" in orjson.dumps(got.json).decode()
    receiver.status, receiver.answer = 403, b"invalid_token TIiajkdnlazkcOXrIdevi7FQ"
    result = send_test(channel)
    assert not result.is_sent
    assert "403" in result.answer
    assert "invalid_token" in result.answer
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in result.answer


MAIL = {"port": "587", "security": "starttls"}


def test_an_incident_is_closed_when_the_alert_is_resolved(
    receiver: HTTPReceiver, monkeypatch: Any
) -> None:
    from apprise.plugins import pagerduty

    receiver.status = 202
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{receiver.url}/v2/enqueue")
    key = "0123456789abcdef0123456789abcdef"
    channel = Channel.objects.create(
        name="Pager", kind="pagerduty", options={"region": "us"}, secrets=seal({"key": key})
    )
    message = make_message(channel)
    assert send_message(channel, message).is_sent
    message.kind = "resolved"
    assert send_message(channel, message).is_sent
    sent = [(one.json["event_action"], one.json["dedup_key"]) for one in receiver.received]
    incident = f"capi-relay-alert-{message.alert_id}"
    assert sent == [("trigger", incident), ("resolve", incident)]
    assert receiver.received[0].json["payload"]["severity"] == "critical"
    assert "Germany & Söhne is paused" in receiver.received[0].json["payload"]["summary"]


VALUES: dict[str, dict[str, str]] = {
    "email": {
        "recipients": "a@example.com",
        "sender": "b@example.com",
        "server": "192.0.2.1",
        **MAIL,
    },
    "slack": {"url": SLACK},
    "teams": {
        "url": "https://prod-15.uksouth.logic.azure.com:443/workflows/3XXX5/triggers/manual/paths/"
        "invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=iXXXU"
    },
    "google_chat": {"url": "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k1&token=t1"},
    "discord": {"url": "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"},
    "pagerduty": {"key": "0123456789abcdef0123456789abcdef", "region": "eu"},
    "opsgenie": {"key": "01234567-89ab-cdef-0123-456789abcdef", "region": "eu"},
    "ntfy": {"server": "https://192.0.2.1", "topic": "alerts-x", "token": "tk_12345678"},
    "telegram": {"token": "123456789:alphanumeric_token_123456", "chat": "12315544"},
}


@pytest.mark.parametrize("kind", VALUES)
def test_every_service_can_be_built_from_its_entries(kind: str, settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE = True
    channel = Channel.objects.create(name=kind, kind=kind, secrets=seal(VALUES[kind]))
    service = build(channel, "capi-relay-alert-7")
    assert service.redirects is False
    assert "capi-relay-alert-7" in service.url() or kind not in ("pagerduty", "opsgenie", "email")


def test_no_other_service_can_be_entered() -> None:
    assert set(SERVICES) == {*VALUES, "webhook"}
    for kind in ("slack", "teams", "google_chat", "discord"):
        for url in ("json://127.0.0.1", "file:///etc/passwd", "https://example.com/services/x"):
            channel = Channel(name="x", kind=kind, secrets=seal({"url": url}))
            with pytest.raises(Unusable):
                build(channel, "x")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "224.0.0.1"),
    ],
)
def test_addresses_of_the_own_network_are_refused(address: str, settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE = False
    assert not guard.is_public(address)
    host = f"[{address}]" if ":" in address else address
    channel = Channel(
        name="x", kind="webhook", secrets=seal({"url": f"https://{host}/", "secret": SECRET})
    )
    result = send_test(channel)
    assert not result.is_sent
    assert "ALERTS_ALLOW_PRIVATE" in result.answer


def test_public_addresses_are_allowed() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"):
        assert guard.is_public(address)


def test_a_name_with_one_private_address_is_refused(monkeypatch: Any, settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE = False
    answers = [(2, 1, 6, "", (one, 443)) for one in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(guard.Refused):
        guard.find_address("rebinding.example.com", 443)


def test_http_and_short_secrets_are_refused(settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE = False
    for values in (
        {"url": "http://example.com/", "secret": SECRET},
        {"url": "https://example.com/", "secret": "short"},
        {"url": "file:///etc/passwd", "secret": SECRET},
    ):
        channel = Channel(name="x", kind="webhook", secrets=seal(values))
        assert not send_test(channel).is_sent


def test_secrets_are_encrypted_at_rest(channel: Channel) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM alerts_channel")
        row = str(cursor.fetchall())
    assert SECRET not in row
    assert "hidden-token" not in row


def test_messages_are_in_the_language_of_their_channel(
    channel: Channel, receiver: HTTPReceiver
) -> None:
    channel.language = "de"
    message = make_message(channel)
    send_message(channel, message)
    assert "Kritisch: Germany & Söhne ist pausiert" in receiver.received[0].json["title"]


def test_links_are_those_that_the_admin_has(channel: Channel) -> None:
    """They are written without loading the pages, so they're compared here."""
    from django.urls import resolve

    from deliveries.alerts.conditions import CONDITIONS
    from tests.factories import make_source

    destination, source = make_destination(), make_source()
    now = timezone.now()
    for condition in CONDITIONS.values():
        for kind in condition.subjects:
            alert = Alert(
                pk=1,
                condition=condition.key,
                destination=destination if kind == "destination" else None,
                source=source if kind == "source" else None,
                since=now,
                fired_at=now,
                seen_at=now,
                error_status="rejected",
                figures=FIGURES,
            )
            words = say(alert)
            assert resolve(words.path.partition("?")[0])
            assert words.title
            assert words.numbers or condition.key == "retention"


FIGURES = {
    **{"waiting": 3, "failures": 4, "percent": 12.5, "ended": 80, "minutes": 30, "rejected": 9},
    **{"dead": 1, "seconds": 4000, "count": 20, "is_more": False, "usual": 80, "weeks": 8},
    **{"total": 100, "refused": 30, "before": 70.0, "delivered": 500, "megabytes": 900},
    **{"expires_at": "2026-11-30T12:00:00+00:00", "ending": "x8Qf", "direction": "less"},
}
