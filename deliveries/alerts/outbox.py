"""What channels are owed: rows, written with the alerts, sent afterwards, each until it got there.

A message is claimed by one UPDATE and sent outside of any transaction. If the process dies in
between, its lease ends and it's sent again with the same key, by which a receiver can tell.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Q

from deliveries.alerts.machine import Changes
from deliveries.alerts.models import Alert, Channel, Message, Severity, Silence
from deliveries.alerts.sending import Result

logger = logging.getLogger(__name__)

Kind, Status = Message.Kind, Message.Status

BACKOFF_SECONDS = (30, 60, 120, 300, 600, 1800, 3600)
"""After the first, second … failure of a channel; the last one from then on."""
GIVEN_UP_AFTER = timedelta(days=3)
LEASE = timedelta(minutes=5)
"""Longer than one sending may last (``sending.TIMEOUT_SECONDS`` for each of its steps)."""
MAX_AT_ONCE = 100
KEPT = timedelta(days=90)


# --- Writing -------------------------------------------------------------------------------------


def queue(changes: Changes, now: datetime) -> int:
    """Write what the changes make due for each channel; in the transaction of the alerts.

    Returns how many messages. Five queries at most.
    """
    channels = list(Channel.objects.filter(enabled=True))
    if not channels or not (changes.fired or changes.resolved or changes.lasting):
        return 0
    silenced = set(Silence.objects.filter(until__gt=now).values_list("condition", "subject"))
    rows: list[Message] = []
    for alert in changes.fired:
        if (alert.condition, alert.subject) not in silenced:
            rows += [
                _message(alert, channel, Kind.FIRED, 0, now)
                for channel in channels
                if _wants(channel, alert)
            ]
    rows += _resolutions(changes.resolved, {one.pk: one for one in channels}, now)
    lasting = [
        one
        for one in changes.lasting
        if one.acknowledged_at is None
        and one.clear_since is None
        and (one.condition, one.subject) not in silenced
    ]
    rows += _open_messages(lasting, channels, now)
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _wants(channel: Channel, alert: Alert) -> bool:
    return channel.least_severity == Severity.WARNING or alert.severity == Severity.CRITICAL


def _message(alert: Alert, channel: Channel, kind: str, number: int, now: datetime) -> Message:
    due_at = now if alert.severity == Severity.CRITICAL else after_quiet_hours(channel, now)
    return Message(
        alert=alert, channel=channel, kind=kind, number=number, due_at=due_at, created_at=now
    )


def after_quiet_hours(channel: Channel, now: datetime) -> datetime:
    """``now``, or the end of the channel's quiet hours if it's in them."""
    begin, end = channel.quiet_from, channel.quiet_until
    if begin is None or end is None or begin == end:
        return now
    local = now.astimezone(ZoneInfo(channel.zone))
    clock = local.time().replace(tzinfo=None)
    is_quiet = begin <= clock < end if begin < end else (clock >= begin or clock < end)
    if not is_quiet:
        return now
    over = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return over if over > local else over + timedelta(days=1)


def _resolutions(
    resolved: Iterable[Alert], channels: Mapping[int, Channel], now: datetime
) -> list[Message]:
    """Who was told, or is being told in vain, is told that it's over; what quiet hours still hold
    back isn't sent any more, because that says the same."""
    by_pk = {one.pk: one for one in resolved}
    if not by_pk:
        return []
    told = Message.objects.filter(alert__in=by_pk)
    told.filter(
        ~Q(kind=Kind.RESOLVED), status=Status.PENDING, attempt_count=0, due_at__gt=now
    ).update(status=Status.CANCELLED, due_at=None)
    pairs = told.filter(kind=Kind.FIRED).values_list("alert_id", "channel_id")
    return [
        _message(by_pk[alert_id], channels[channel_id], Kind.RESOLVED, 0, now)
        for alert_id, channel_id in pairs
        if channel_id in channels
    ]


def _open_messages(lasting: list[Alert], channels: list[Channel], now: datetime) -> list[Message]:
    """Reminders for channels that were last told longer ago than they want; and the alert itself
    where a channel wasn't told yet: it's new, or a silence has ended."""
    by_pk = {one.pk: one for one in lasting}
    if not by_pk:
        return []
    told = {
        (alert_id, channel_id): (told_at, number)
        for alert_id, channel_id, told_at, number in Message.objects.filter(alert__in=by_pk)
        .values_list("alert_id", "channel_id")
        .annotate(Max("created_at"), Max("number"))
    }
    rows = []
    for alert in lasting:
        for channel in channels:
            if not _wants(channel, alert):
                continue
            last = told.get((alert.pk, channel.pk))
            if last is None:
                rows.append(_message(alert, channel, Kind.FIRED, 0, now))
            elif channel.repeat_hours and now - last[0] >= timedelta(hours=channel.repeat_hours):
                rows.append(_message(alert, channel, Kind.REPEATED, last[1] + 1, now))
    return rows


# --- Sending -------------------------------------------------------------------------------------

Send = Callable[[Channel, Message], Result]


def send_due(send: Send, now: datetime, is_over: Callable[[], bool] = lambda: False) -> int:
    """Send what is due, oldest first in each channel; returns how many were sent.

    A channel that fails is left alone for a while, and holds up no other.
    """
    due = (
        Message.objects.filter(
            due_at__lte=now,
            channel__enabled=True,
        )
        .filter(Q(channel__hold_until__isnull=True) | Q(channel__hold_until__lte=now))
        .select_related("channel", "alert", "alert__destination", "alert__source")
        .order_by("pk")[:MAX_AT_ONCE]
    )
    by_channel: defaultdict[int, list[Message]] = defaultdict(list)
    for message in due:
        by_channel[message.channel_id].append(message)
    count = 0
    for messages in by_channel.values():
        for message in messages:
            if is_over():
                return count
            if not _claim(message, now):
                continue
            result = send(message.channel, message)
            _settle(message, result, now)
            if not result.is_sent:
                break
            count += 1
    return count


def _claim(message: Message, now: datetime) -> bool:
    """Whether this process, and no other, may send it now."""
    claimed = Message.objects.filter(
        pk=message.pk,
        due_at=message.due_at,
        attempt_count=message.attempt_count,
        status__in=(Status.PENDING, Status.SENDING),
    ).update(
        status=Status.SENDING,
        due_at=now + LEASE,
        attempt_count=F("attempt_count") + 1,
    )
    message.attempt_count += 1
    return bool(claimed)


def _settle(message: Message, result: Result, now: datetime) -> None:
    mine = Message.objects.filter(
        pk=message.pk, status=Status.SENDING, attempt_count=message.attempt_count
    )
    channel = Channel.objects.filter(pk=message.channel_id)
    if result.is_sent:
        mine.update(status=Status.SENT, due_at=None, sent_at=now, answer=result.answer)
        channel.update(failure_count=0, hold_until=None, last_sent_at=now)
        return
    logger.warning(
        "Channel %d didn't accept message %s (attempt %d).",
        message.channel_id,
        message.key,
        message.attempt_count,
    )
    failures = message.channel.failure_count + 1
    wait = timedelta(seconds=BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1])
    if now - message.created_at > GIVEN_UP_AFTER:
        mine.update(status=Status.FAILED, due_at=None, answer=result.answer)
    else:
        mine.update(status=Status.PENDING, due_at=now + wait, answer=result.answer)
    channel.update(
        failure_count=F("failure_count") + 1,
        hold_until=now + wait,
        last_error=result.answer,
        last_error_at=now,
    )


def forget_old(now: datetime) -> None:
    """Delete alerts that were resolved long ago, with their messages, and silences that ended."""
    Alert.objects.filter(resolved_at__lt=now - KEPT).delete()
    Silence.objects.filter(until__lt=now - KEPT).delete()
