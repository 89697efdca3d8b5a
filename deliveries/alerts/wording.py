"""What an alert says to a person: what, how bad, why, what to do, and where the rows are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import dateformat
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, ngettext

from deliveries.alerts.conditions import CONDITIONS
from deliveries.alerts.models import Alert
from deliveries.error_codes import meaning_of, remedy_of
from deliveries.phrases import group_digits, say_duration
from destinations.connection_check import advise

LOG = "deliveries/delivery/"
REFUSALS = "deliveries/refusal/"


@dataclass(frozen=True, slots=True)
class Words:
    """``path`` leads to the rows it's about (``link_label`` says what they are); ``reason`` is the
    most frequent error, with its ``remedy``. Blank is what there isn't."""

    title: str
    numbers: str
    reason: str
    remedy: str
    path: str
    link_label: str


def say(alert: Alert) -> Words:
    """In the language that is active."""
    figures = alert.figures
    reason = meaning_of(alert.error_code)
    if alert.condition == "paused" and not reason:
        reason = figures.get("reason", "")
    remedy = remedy_of(alert.error_code, alert.error_status)
    if verdict := figures.get("verdict"):
        reason, remedy = advise(verdict)
    elif not remedy:
        remedy = _REMEDIES.get(alert.condition, lambda _: "")(figures)
    path, label = _link(alert)
    return Words(_title(alert), _numbers(alert), reason, remedy, path, label)


def name_of(alert: Alert) -> str:
    row = alert.destination or alert.source
    return row.name if row is not None else ""


def say_took(alert: Alert) -> str:
    """How long it lasted, or has lasted until it was last seen."""
    end = alert.clear_since or alert.resolved_at or alert.seen_at
    return say_duration((end - alert.since).total_seconds())


def say_moment(moment: datetime) -> str:
    """In UTC: a message is read anywhere."""
    return dateformat.format(moment.astimezone(UTC), gettext("d M H:i")) + " UTC"


def _title(alert: Alert) -> str:
    name = {"name": name_of(alert)}
    condition, figures = alert.condition, alert.figures
    if condition == "paused":
        if figures.get("verdict"):
            return gettext("%(name)s isn't connected") % name
        return gettext("%(name)s is paused") % name
    if condition == "volume":
        if figures.get("direction") == "more":
            return gettext("%(name)s has far more events than usual") % name
        return gettext("%(name)s has far fewer events than usual") % name
    titles = {
        "failing": gettext("%(name)s isn't accepting requests"),
        "undelivered": gettext("Many conversions of %(name)s aren't delivered"),
        "oldest_waiting": gettext("Deliveries of %(name)s wait too long"),
        "dead": gettext("%(name)s has failed deliveries"),
        "invalid": gettext("%(name)s sends many invalid events"),
        "match_quality": gettext("Match quality of %(name)s fell"),
        "worker": gettext("No worker is running"),
        "disk": gettext("The disk is nearly full"),
        "retention": gettext("Retention isn't running"),
        "key_expiring": gettext("%(name)s still uses an old key that expires soon"),
    }
    return titles.get(condition, condition) % name


def _numbers(alert: Alert) -> str:
    if alert.condition not in CONDITIONS:
        return ""
    say_it = _NUMBERS[alert.condition]
    return say_it(alert.figures)


def _waiting(figures: dict[str, Any]) -> str:
    count = figures.get("waiting", 0)
    if count > 10_000:
        return gettext("More than 10,000 deliveries wait.")
    if not count:
        return gettext("No deliveries wait yet.")
    return ngettext("%(count)s delivery waits.", "%(count)s deliveries wait.", count) % {
        "count": group_digits(count)
    }


def _failing(figures: dict[str, Any]) -> str:
    count = figures["failures"]
    if not count:
        return _waiting(figures)
    failed = ngettext(
        "%(count)s request in a row failed.", "%(count)s requests in a row failed.", count
    ) % {"count": count}
    return f"{failed} {_waiting(figures)}"


def _undelivered(figures: dict[str, Any]) -> str:
    return gettext(
        "%(percent)s%% of %(ended)s conversions in %(minutes)s minutes: %(rejected)s rejected, "
        "%(dead)s failed."
    ) % {
        "percent": figures["percent"],
        "ended": group_digits(figures["ended"]),
        "minutes": figures["minutes"],
        "rejected": group_digits(figures["rejected"]),
        "dead": group_digits(figures["dead"]),
    }


def _oldest(figures: dict[str, Any]) -> str:
    return gettext("The oldest was received %(age)s ago. %(waiting)s") % {
        "age": say_duration(figures["seconds"]),
        "waiting": _waiting(figures),
    }


def _dead(figures: dict[str, Any]) -> str:
    count = group_digits(figures["count"]) + ("+" if figures["is_more"] else "")
    return ngettext(
        "%(count)s delivery has no attempts left.",
        "%(count)s deliveries have no attempts left.",
        figures["count"],
    ) % {"count": count}


def _volume(figures: dict[str, Any]) -> str:
    return gettext(
        "%(count)s in %(minutes)s minutes; at this time of the week, %(usual)s are usual "
        "(%(weeks)s weeks compared)."
    ) % {
        "count": group_digits(figures["count"]),
        "minutes": figures["minutes"],
        "usual": group_digits(figures["usual"]),
        "weeks": figures["weeks"],
    }


def _invalid(figures: dict[str, Any]) -> str:
    return gettext("%(percent)s%% of %(total)s events in %(minutes)s minutes: %(refused)s.") % {
        "percent": figures["percent"],
        "total": group_digits(figures["total"]),
        "minutes": figures["minutes"],
        "refused": group_digits(figures["refused"]),
    }


def _match(figures: dict[str, Any]) -> str:
    return gettext(
        "%(percent)s%% of %(delivered)s conversions in the last 24 hours have a hashed email; "
        "in the week before, it was %(before)s%%."
    ) % {
        "percent": figures["percent"],
        "before": figures["before"],
        "delivered": group_digits(figures["delivered"]),
    }


def _worker(figures: dict[str, Any]) -> str:
    broker = (
        gettext("The broker doesn't respond.")
        if figures.get("reaches_broker") is False
        else gettext("The broker responds.")
    )
    return f"{broker} {_waiting(figures)}"


def _disk(figures: dict[str, Any]) -> str:
    return gettext("%(percent)s%% of the disk is free (%(megabytes)s MB).") % {
        "percent": figures["percent"],
        "megabytes": group_digits(figures["megabytes"]),
    }


def _key(figures: dict[str, Any]) -> str:
    moment = parse_datetime(figures["expires_at"])
    assert moment is not None
    return gettext("The key ending in %(ending)s expires on %(when)s.") % {
        "ending": figures["ending"],
        "when": say_moment(moment),
    }


_NUMBERS = {
    "paused": _waiting,
    "failing": _failing,
    "undelivered": _undelivered,
    "oldest_waiting": _oldest,
    "dead": _dead,
    "volume": _volume,
    "invalid": _invalid,
    "match_quality": _match,
    "worker": _worker,
    "disk": _disk,
    "retention": lambda figures: "",
    "key_expiring": _key,
}

_REMEDIES = {
    "paused": lambda figures: gettext("Resume it when the cause is resolved."),
    "failing": lambda figures: gettext(
        "Nothing is lost: CAPI Relay sends one request at a time until Pinterest responds again."
    ),
    "oldest_waiting": lambda figures: gettext(
        "Open the rows to see what they wait for. If the number keeps growing, add workers."
    ),
    "volume": lambda figures: gettext(
        "Check whether tracking changed or a sender stopped, and compare with the event catalog."
    ),
    "invalid": lambda figures: gettext("Open the invalid events: each says what's wrong with it."),
    "match_quality": lambda figures: gettext(
        "Check whether your site still sends traits.email, for example after a release."
    ),
    "worker": lambda figures: (
        gettext("Start the broker. Nothing is lost: deliveries wait in the database.")
        if figures.get("reaches_broker") is False
        else gettext(
            "Start the worker and beat processes. Nothing is lost: deliveries wait in the database."
        )
    ),
    "disk": lambda figures: gettext(
        "Free or add space, or lower BODY_RETENTION_DAYS and LOG_RETENTION_DAYS."
    ),
    "retention": lambda figures: gettext(
        "Check that a worker handles the maintenance queue, and look for errors of the task "
        "“prune” in its log."
    ),
    "key_expiring": lambda figures: gettext(
        "Give the sender the new key, or extend the old one on the source's page."
    ),
}


def _link(alert: Alert) -> tuple[str, str]:
    """(path, label): exactly the rows that the numbers are about."""
    if alert.condition in ("paused", "failing", "oldest_waiting"):
        return _log(status="pending,sending", destination=alert.destination_id), gettext(
            "Show the waiting deliveries"
        )
    if alert.condition == "undelivered":
        return (
            _log(
                status="rejected,dead",
                destination=alert.destination_id,
                settled_since=_written(alert.since),
                zone="UTC",
            ),
            gettext("Show the rejected and failed deliveries"),
        )
    if alert.condition == "dead":
        return _log(status="dead", destination=alert.destination_id), gettext(
            "Show the failed deliveries"
        )
    if alert.condition == "invalid":
        url = f"{page(REFUSALS)}?{urlencode({'source': alert.source_id})}"
        return url, gettext("Show the invalid events")
    if alert.condition in ("volume", "match_quality"):
        row = {"source": alert.source_id} if alert.source_id else {}
        row = {"destination": alert.destination_id} if alert.destination_id else row
        return _log(since=_written(alert.since), zone="UTC", **row), gettext("Show the deliveries")
    if alert.condition == "worker":
        return _log(status="pending,sending"), gettext("Show the waiting deliveries")
    if alert.condition == "key_expiring":
        return page(f"destinations/source/{alert.source_id}/change/"), gettext("Open the source")
    return page("documentation/operations/"), gettext("Open the documentation")


def page(path: str) -> str:
    """A path of the admin. Not through ``reverse``: that loads every page, which no worker needs
    (tests/deliveries/alerts/test_wording.py compares them)."""
    prefix = f"/{settings.URL_PREFIX}" if settings.URL_PREFIX else ""
    return f"{prefix}/admin/{path}"


def _log(**query: Any) -> str:
    return f"{page(LOG)}?{urlencode({key: one for key, one in query.items() if one})}"


def _written(moment: datetime) -> str:
    whole = moment.astimezone(UTC).replace(second=0, microsecond=0, tzinfo=None)
    return whole.isoformat(timespec="minutes")


def absolute(path: str) -> str:
    """The address to send to people; the path alone if PUBLIC_URL isn't set."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else path


def alert_path(alert: Alert) -> str:
    return page(f"alerts/{alert.pk}/")


@dataclass(frozen=True, slots=True)
class Text:
    """A message as it's sent; ``url`` opens the rows, ``alert_url`` the alert."""

    title: str
    body: str
    url: str
    alert_url: str


def write(alert: Alert, kind: str) -> Text:
    """What a channel is told, in the language that is active. ``kind``: ``Message.Kind``."""
    words = say(alert)
    url, alert_url = absolute(words.path), absolute(alert_path(alert))
    if kind == "resolved":
        lines = [
            gettext("Resolved after %(took)s (since %(since)s).")
            % {"took": say_took(alert), "since": say_moment(alert.since)},
            gettext("Details: %(url)s") % {"url": alert_url},
        ]
        return Text(
            gettext("Resolved: %(title)s") % {"title": words.title}, _join(lines), url, alert_url
        )
    lasts = alert.seen_at - alert.since
    since = gettext("Since %(since)s (%(duration)s).") % {
        "since": say_moment(alert.since),
        "duration": say_duration(max(lasts, timedelta()).total_seconds()),
    }
    lines = [
        f"{since} {words.numbers}".strip(),
        f"{words.reason} ({alert.error_code})"
        if words.reason and alert.error_code
        else words.reason,
        gettext("What to do: %(remedy)s") % {"remedy": words.remedy} if words.remedy else "",
        f"{words.link_label}: {url}",
        gettext("Acknowledge or silence: %(url)s") % {"url": alert_url},
    ]
    severity = alert.get_severity_display()
    title = f"{severity}: {words.title}"
    if kind == "repeated":
        title = gettext("Still open: %(title)s") % {"title": words.title}
    return Text(title, _join(lines), url, alert_url)


def _join(lines: list[str]) -> str:
    return "\n".join(filter(None, lines))
