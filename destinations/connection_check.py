"""Is a destination's token good, is its account there, and can it be reached at all?

One made-up event goes out with ``?test=true``: the service judges it and records nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from django.utils import timezone
from django.utils.translation import gettext_lazy

from destinations.connections import send_as_test
from destinations.models import ConnectionCheck, Destination
from destinations.pinterest.client import NoReply, Reply
from destinations.pinterest.replies import read_reply
from destinations.pinterest.transform import transform
from destinations.secrets import SecretUnreadable

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CHECK_AGAIN_AFTER = timedelta(hours=23)
"""A day, less what a task may come late after an outage."""

Verdict = ConnectionCheck.Verdict

_ADVICE: dict[str, tuple[StrOrPromise, StrOrPromise]] = {
    Verdict.FINE: (gettext_lazy("Connected."), ""),
    Verdict.BAD_TOKEN: (
        gettext_lazy("Pinterest doesn't accept the conversion token."),
        gettext_lazy(
            "Create a new one in Ads Manager → Conversions → Conversions API → Set up "
            "API, paste it here and save."
        ),
    ),
    Verdict.FORBIDDEN_ACCOUNT: (
        gettext_lazy("The token is valid, but not for this ad account."),
        gettext_lazy(
            "Compare the advertiser ID with the number in the Ads Manager URL, or use a "
            "token created in this account."
        ),
    ),
    Verdict.UNKNOWN_ACCOUNT: (
        gettext_lazy("No ad account has this advertiser ID."),
        gettext_lazy("Copy the advertiser ID again from the Ads Manager URL."),
    ),
    Verdict.UNREACHABLE: (
        gettext_lazy("The service couldn't be reached."),
        gettext_lazy(
            "The token and account look fine. Check this server's network: DNS, firewall, proxy."
        ),
    ),
    Verdict.BUSY: (
        gettext_lazy("The service is busy or has a problem, so the check gave no result."),
        gettext_lazy("Try again in a few minutes. Deliveries are retried automatically."),
    ),
    Verdict.UNCLEAR: (
        gettext_lazy("The service returned an unexpected response."),
        gettext_lazy(
            "Check the service, API version and advertiser ID. The exact response is below."
        ),
    ),
    Verdict.UNREADABLE_TOKEN: (
        gettext_lazy("This server can't decrypt the stored token."),
        gettext_lazy(
            "Restore the old key at the end of TOKEN_ENCRYPTION_KEYS, or enter the token again."
        ),
    ),
}
"""Verdict → what it means, and what to do."""

_BY_STATUS: dict[int, str] = {
    401: Verdict.BAD_TOKEN,
    403: Verdict.FORBIDDEN_ACCOUNT,
    404: Verdict.UNKNOWN_ACCOUNT,
    408: Verdict.BUSY,
    429: Verdict.BUSY,
}
_BY_CODE: dict[str, str] = {
    "unusable_token": Verdict.BAD_TOKEN,
    "unusable_account": Verdict.UNKNOWN_ACCOUNT,
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to; ``detail`` is the service's (or the network's) own sentence."""

    verdict: str
    detail: str = ""
    status: int | None = None
    duration_ms: int | None = None

    @property
    def is_fine(self) -> bool:
        return self.verdict == Verdict.FINE

    @property
    def meaning(self) -> str:
        return str(_ADVICE[self.verdict][0])

    @property
    def remedy(self) -> str:
        return str(_ADVICE[self.verdict][1])


def advise(verdict: str) -> tuple[str, str]:
    """What a stored verdict means, and what to do about it."""
    meaning, remedy = _ADVICE.get(verdict, _ADVICE[Verdict.UNCLEAR])
    return str(meaning), str(remedy)


def check_connection(destination: Destination, now: datetime) -> CheckResult:
    """Ask the destination's service about its token and account. Writes and changes nothing."""
    try:
        reply = send_dummy(destination, now)
    except SecretUnreadable:
        return CheckResult(Verdict.UNREADABLE_TOKEN)
    outcome = read_reply(reply, 1).outcomes[0]
    return CheckResult(
        _judge(reply),
        outcome.message,
        reply.status if isinstance(reply, Reply) else None,
        reply.duration_ms,
    )


def send_dummy(destination: Destination, now: datetime) -> Reply | NoReply:
    """Send the made-up event as a test. Raises SecretUnreadable."""
    return send_as_test(destination, [_dummy_conversion(destination, now)])


def check_and_record(destination: Destination, now: datetime | None = None) -> CheckResult:
    """Check the saved destination and remember the result. Never pauses it: a check only warns."""
    now = now or timezone.now()
    result = check_connection(destination, now)
    ConnectionCheck.objects.update_or_create(
        destination=destination,
        defaults={
            "checked_at": now,
            "verdict": result.verdict,
            "detail": result.detail,
            "status_code": result.status,
        },
    )
    return result


def check_all_connections(
    now: datetime, is_over: Callable[[], bool] = lambda: False
) -> dict[str, int]:
    """Check every destination that is on and was not checked for a day, until ``is_over``.

    Returns how many came to which verdict.
    """
    counts: dict[str, int] = {}
    waiting = Destination.objects.filter(enabled=True).exclude(
        connection_check__checked_at__gt=now - CHECK_AGAIN_AFTER
    )
    for destination in waiting.order_by("pk"):
        if is_over():
            break
        verdict = check_and_record(destination).verdict
        counts[verdict] = counts.get(verdict, 0) + 1
    return counts


def _judge(reply: Reply | NoReply) -> str:
    if isinstance(reply, NoReply):
        return _BY_CODE.get(reply.code, Verdict.UNREACHABLE)
    if 200 <= reply.status < 300 or reply.status == 422:
        return Verdict.FINE  # 422 judges the event, and so has let token and account pass
    if reply.status >= 500:
        return Verdict.BUSY
    return _BY_STATUS.get(reply.status, Verdict.UNCLEAR)


def _dummy_conversion(destination: Destination, now: datetime) -> bytes:
    """Made by the destination's own transform, so that it has the form its API version wants."""
    event: dict[str, Any] = {
        "type": "track",
        "event": "Connection check",
        "messageId": f"connection-check-{int(now.timestamp())}",
        "channel": "server",
        "timestamp": now.isoformat(),
        "context": {"traits": {"email": "connection-check@example.com"}},
    }
    config = replace(
        destination.transform_config((), ()),
        dedup_key="",
        max_age_seconds=None,
        # It has nobody's consent, and no rule is about it.
        consent_mode="off",
        us_privacy="ignore",
        event_list="off",
        bots="send",
    )
    return orjson.dumps(transform(event, "custom", config, now.timestamp()).fields)
