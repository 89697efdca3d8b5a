"""The only place that sends to channels: through Apprise, or a signed POST to a webhook."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi
import orjson
import urllib3
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext

from deliveries.alerts import wording
from deliveries.alerts.channels import (
    LEAST_SECRET_CHARACTERS,
    WEBHOOK,
    Unusable,
    build,
    secrets_of,
    values_of,
)
from deliveries.alerts.guard import Refused, find_address
from deliveries.alerts.models import Alert, Channel, Message
from destinations.secrets import SecretUnreadable

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_CHARACTERS = 500
SIGNATURE_HEADER = "X-CAPI-Relay-Signature"
KEY_HEADER = "Idempotency-Key"

_RESOLVED, _CRITICAL = "success", "failure"


@dataclass(frozen=True, slots=True)
class Result:
    """What the service said; nothing in ``answer`` is secret."""

    is_sent: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Note:
    """What's sent: ``key`` is the message's, ``alert_key`` the same for all of one alert.

    ``data`` is what a webhook gets; ``level``: Apprise's type of a notification.
    """

    key: str
    alert_key: str
    title: str
    body: str
    level: str
    data: dict[str, Any]


def send_message(channel: Channel, message: Message) -> Result:
    """Tell a channel of an alert, in the channel's language. Never raises for what it may meet."""
    with translation.override(channel.language or settings.LANGUAGE_CODE):
        text = wording.write(message.alert, message.kind)
        level = _CRITICAL if message.alert.severity == "critical" else "warning"
        return send(
            channel,
            Note(
                message.key,
                f"capi-relay-alert-{message.alert_id}",
                text.title,
                text.body,
                _RESOLVED if message.kind == Message.Kind.RESOLVED else level,
                {
                    "type": f"alert.{message.kind}",
                    "alert": _describe(message.alert, text),
                },
            ),
        )


def send_test(channel: Channel) -> Result:
    """A message that says it's a test."""
    with translation.override(channel.language or settings.LANGUAGE_CODE):
        title = gettext("Test message from CAPI Relay")
        body = gettext("If you can read this, the channel works.")
        now = timezone.now()
        key = f"test-{channel.pk}-{int(now.timestamp() * 1000)}"
        # PagerDuty and Opsgenie open nothing for a success.
        level = "info" if channel.kind not in ("pagerduty", "opsgenie") else "warning"
        return send(channel, Note(key, key, title, body, level, {"type": "test"}))


def send(channel: Channel, note: Note) -> Result:
    try:
        if channel.kind == WEBHOOK:
            return _post(channel, note)
        return _notify(channel, note)
    except (Unusable, Refused, SecretUnreadable) as error:
        return Result(False, gettext(str(error)))


def _describe(alert: Alert, text: wording.Text) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "condition": alert.condition,
        "severity": alert.severity,
        "subject": alert.subject,
        "name": wording.name_of(alert),
        "since": _iso(alert.since),
        "fired_at": _iso(alert.fired_at),
        "resolved_at": _iso(alert.resolved_at),
        "figures": alert.figures,
        "error_code": alert.error_code,
        "title": text.title,
        "text": text.body,
        "url": text.url,
        "alert_url": text.alert_url,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None


# --- Apprise -------------------------------------------------------------------------------------


def _notify(channel: Channel, note: Note) -> Result:
    service = build(channel, note.alert_key)
    service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT_SECONDS / 2
    from apprise import NotifyType

    with _answers() as lines:
        is_sent = bool(
            service.notify(title=note.title, body=note.body, notify_type=NotifyType(note.level))
        )
    said = " ".join(lines) or (gettext("Accepted.") if is_sent else gettext("No answer."))
    return Result(is_sent, hide(said, secrets_of(channel)))


class _Lines(logging.Handler):
    """Keeps what Apprise says in this thread of the answer, and nothing of the request."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread:
            return
        text = record.getMessage()
        told = ("Response Details", "Socket Exception", "SMTP")
        if record.levelno >= logging.INFO or text.startswith(told):
            self.lines.append(re.sub(r"\s+", " ", text.replace("\\r\\n", " ")).strip())


@contextmanager
def _answers() -> Iterator[list[str]]:
    """Apprise says whether it went well; what the service answered is only in its log."""
    handler = _Lines()
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Without the secrets, their parts, and anything that looks like an address; cut short."""
    parts = {part for secret in secrets for part in (secret, *re.split(r"[/?&=@:]", secret))}
    for part in sorted((part for part in parts if len(part) >= 6), key=len, reverse=True):
        text = text.replace(part, "•••")
    text = re.sub(r"(?<![a-z])[a-z]+://\S+", "•••", text)
    return text[:MAX_ANSWER_CHARACTERS]


# --- Webhooks ------------------------------------------------------------------------------------


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """What the signature header holds: the time, and HMAC-SHA256 of ``{time}.{body}`` in hex."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def check_webhook(channel: Channel) -> tuple[SplitResult, str, str]:
    """(URL, signing secret, address to connect to). Raises Unusable or Refused."""
    values = values_of(channel)
    url, secret = values.get("url", ""), values.get("secret", "")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Unusable(gettext("The URL must start with https://.")) from None
    allowed = ("https", "http") if settings.ALERTS_ALLOW_PRIVATE else ("https",)
    if parts.scheme not in allowed or not parts.hostname:
        raise Unusable(gettext("The URL must start with https://."))
    if len(secret) < LEAST_SECRET_CHARACTERS:
        raise Unusable(gettext("The signing secret must have at least 16 characters."))
    return parts, secret, find_address(parts.hostname, port)


def _post(channel: Channel, note: Note) -> Result:
    """One POST to the address that was checked; redirects aren't followed."""
    parts, secret, address = check_webhook(channel)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    now = timezone.now()
    body = orjson.dumps(
        {
            "id": note.key,
            "created_at": _iso(now),
            "title": note.title,
            "text": note.body,
            **note.data,
        }
    )
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "CAPI-Relay",
        "Host": parts.netloc.rpartition("@")[2],
        KEY_HEADER: note.key,
        SIGNATURE_HEADER: sign(secret, int(now.timestamp()), body),
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with _pool(parts.scheme, address, port, parts.hostname or "") as pool:
            answer = pool.request(
                "POST", target, body=body, headers=headers, redirect=False, preload_content=False
            )
            said = answer.read(MAX_ANSWER_CHARACTERS).decode(errors="replace")
            status = answer.status
            answer.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return Result(False, type(error).__name__)
    return Result(
        200 <= status < 300, hide(f"HTTP {status} {said}".strip(), [parts.geturl(), secret])
    )


def _pool(scheme: str, address: str, port: int, host: str) -> urllib3.HTTPConnectionPool:
    options: dict[str, Any] = {
        "maxsize": 1,
        "retries": False,
        "timeout": urllib3.Timeout(connect=TIMEOUT_SECONDS / 2, read=TIMEOUT_SECONDS),
    }
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, **options)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        server_hostname=host,
        assert_hostname=host,
        ca_certs=certifi.where(),
        **options,
    )
