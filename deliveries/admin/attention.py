"""What a person should do something about, worst first: the strip at the top of the home page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from deliveries.destination_states import State
from deliveries.models import Heartbeat
from deliveries.phrases import say_duration
from deliveries.source_states import SourceState
from deliveries.stats.health import SWEEP
from destinations.models import Destination, Source

EXACT_SECONDS = 120
"""For so long the seconds without a worker are told one by one."""


@dataclass(frozen=True, slots=True)
class Attention:
    """``command`` is what to type on the server; ``url`` and ``action`` lead on, or are ""."""

    icon: str
    title: str
    text: str
    url: str = ""
    action: str = ""
    command: str = ""


def read_attention(
    destinations: Sequence[tuple[Destination, State]],
    sources: Sequence[tuple[Source, SourceState]],
    now: datetime,
) -> list[Attention]:
    """One query, for the worker."""
    found = [one for one in (_worker(now),) if one is not None]
    ranked = sorted(destinations, key=lambda pair: pair[1].rank)
    found += [_destination(*pair) for pair in ranked if pair[1].needs_attention]
    found += [_source(*pair) for pair in sources if pair[1].needs_attention]
    return found


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
