"""What a person should do something about, worst first: the strip at the top of the home page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from deliveries.admin.alert_pages import AlertLine
from deliveries.admin.log_links import log_url
from deliveries.alerts.models import SYSTEM, Channel
from deliveries.destination_states import State
from deliveries.models import Heartbeat
from deliveries.phrases import say_duration
from deliveries.source_states import SourceState
from deliveries.stats.health import SWEEP
from deliveries.stats.rising import Rise
from destinations.models import Destination, Source

EXACT_SECONDS = 120
"""For so long the seconds without a worker are told one by one."""


_NOTHING_RISES: Mapping[int, Rise] = {}
SAME_AS_A_STATE = ("paused", "failing", "oldest_waiting")
"""Conditions of alerts that say of a destination what its state says."""


@dataclass(frozen=True, slots=True)
class Attention:
    """``command`` is what to type on the server; ``url`` and ``action`` lead on, or are "".

    ``alert_url`` leads to the open alert of the same problem, if there is one.
    """

    icon: str
    title: str
    text: str
    url: str = ""
    action: str = ""
    command: str = ""
    alert_url: str = ""


def read_attention(
    destinations: Sequence[tuple[Destination, State]],
    sources: Sequence[tuple[Source, SourceState]],
    now: datetime,
    alerts: Sequence[AlertLine] = (),
    channels: Sequence[Channel] = (),
    may_set_up: bool = False,
    rising: Mapping[int, Rise] = _NOTHING_RISES,
) -> list[Attention]:
    """One query, for the worker. ``alerts``: the open ones, of which those that say the same as a
    state are only linked; ``channels``: those that don't get their messages; ``rising``: shares of
    warnings by destination."""
    known = {(one.alert.condition, one.alert.subject): one for one in alerts}

    def alert_of(subject: str, *conditions: str) -> str:
        said = [known.pop((one, subject), None) for one in conditions]
        return next((one.url for one in said if one is not None), "")

    found = []
    if (worker := _worker(now)) is not None:
        found.append(replace(worker, alert_url=alert_of(SYSTEM, "worker")))
    for destination, state in sorted(destinations, key=lambda pair: pair[1].rank):
        if state.needs_attention:
            url = alert_of(f"destination:{destination.pk}", *SAME_AS_A_STATE)
            found.append(replace(_destination(destination, state), alert_url=url))
    found += [_alert(one) for one in known.values()]
    found += [_source(*pair) for pair in sources if pair[1].needs_attention]
    found += [_rise(one, rising[one.pk]) for one, _ in destinations if one.pk in rising]
    found += [_channel(one, may_set_up) for one in channels]
    return found


def _rise(destination: Destination, rise: Rise) -> Attention:
    return Attention(
        "trending_up",
        gettext("%(destination)s: more warnings") % {"destination": destination},
        gettext(
            "%(recent)s of its deliveries in the last 24 hours lost something on the way, such as "
            "a value or currency. In the week before, it was %(before)s."
        )
        % {"recent": f"{rise.recent:.0%}", "before": f"{rise.before:.0%}"},
        log_url(rise.since, status="delivered", warning="any", destination=destination.pk),
        gettext("Show these deliveries"),
    )


def _alert(line: AlertLine) -> Attention:
    return Attention(
        "error" if line.alert.severity == "critical" else "warning",
        line.words.title,
        " ".join(part for part in (line.words.numbers, line.words.remedy) if part),
        line.url,
        gettext("Open the alert"),
    )


def _channel(channel: Channel, may_open: bool) -> Attention:
    return Attention(
        "notifications_off",
        gettext("The channel “%(name)s” doesn't accept messages.") % {"name": channel.name},
        channel.last_error,
        reverse("alert_channel", args=[channel.pk]) if may_open else "",
        gettext("Open the channel") if may_open else "",
    )


def _worker(now: datetime) -> Attention | None:
    """None while one is at work, and before anything was ever run."""
    seen_at = Heartbeat.objects.filter(name=SWEEP).values_list("seen_at", flat=True).first()
    if seen_at is None:
        return None
    seconds = (now - seen_at).total_seconds()
    if seconds <= settings.READY_WORKER_SECONDS:
        return None
    said = f"{seconds:.0f} s" if seconds < EXACT_SECONDS else say_duration(seconds)
    return Attention(
        "cloud_off",
        gettext("No worker for %(duration)s") % {"duration": said},
        gettext("Events are stored, and nothing is sent until a worker runs. Look at its output:"),
        command="docker compose logs --tail 50 worker",
    )


def _destination(destination: Destination, state: State) -> Attention:
    return Attention(
        state.icon,
        f"{destination}: {state.word}",
        " ".join(part for part in (state.sentence, state.remedy) if part),
        reverse("admin:destinations_destination_change", args=[destination.pk]),
        gettext("Open the destination"),
    )


def _source(source: Source, state: SourceState) -> Attention:
    return Attention(
        state.icon,
        gettext("“%(source)s” has no destination that is on.") % {"source": source},
        state.sentence,
        reverse("admin:destinations_source_change", args=[source.pk]),
        gettext("Choose its destinations"),
    )
