"""The home page: does it flow, what went wrong, is it set up? Read from tallies, never the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import dateformat, timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from deliveries.admin.alert_pages import MAY_SET_UP, failing_channels, open_alert_lines
from deliveries.admin.attention import read_attention
from deliveries.admin.charts import Chart, draw_bars
from deliveries.admin.log_links import LOG, log_url
from deliveries.destination_states import State, read_states
from deliveries.error_codes import meaning_of, remedy_of
from deliveries.models import Batch, Event
from deliveries.phrases import group_digits, say_duration, show_status
from deliveries.source_states import SourceState, has_route, read_source_states
from deliveries.stats.figures import (
    DEFAULT_SPAN,
    MAX_COUNTED,
    SPANS,
    Figures,
    Flow,
    Span,
    Waiting,
    read_figures,
    read_waiting,
)
from deliveries.stats.match_coverage import read_coverage
from deliveries.stats.rising import read_rising_warnings
from deliveries.stats.tallies import DELIVERED
from destinations.models import Destination, Source

MAX_ERRORS = 12
MAX_CARDS = 3
WAITING = "pending,sending"
MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class DestinationCard:
    """One destination on the home page."""

    destination: Destination
    state: State
    flow: Flow
    chart: Chart
    waiting: str
    oldest: str
    """How long ago the oldest that waits came in; "" if nothing waits."""
    median: str
    slowest: str
    share: str
    matched: str
    """The share of delivered ones with a hashed email address."""
    is_sandbox: bool
    delivered_url: str
    waiting_url: str
    waiting_count: int
    ended: list[tuple[str, int, str]]
    """(name, count, address in the log) of what was rejected, dead or filtered in the range."""


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """All failures with one code and the same end."""

    badge: SafeString
    status: str
    code: str
    count: int
    meaning: str
    remedy: str
    url: str
    share: str = ""
    """Of filtered ones: their part of all that ended."""


@dataclass(frozen=True, slots=True)
class WarningLine:
    """All delivered ones with a warning of one code."""

    code: str
    count: int
    meaning: str
    remedy: str
    url: str


def add_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what ``admin/index.html`` shows to its context (django-unfold's DASHBOARD_CALLBACK).

    A constant number of queries, however many destinations and deliveries there are.
    """
    user = request.user
    now = timezone.now()
    span = next((one for one in SPANS if one.key == request.GET.get("range")), DEFAULT_SPAN)
    sees_destinations = user.has_perm("destinations.view_destination")
    sees_log = user.has_perm("deliveries.view_delivery")
    context |= {"span": span, "spans": SPANS, "sees_log": sees_log}
    destinations = list(Destination.objects.active())
    sources = list(Source.objects.active().prefetch_related("destinations"))
    alerts = open_alert_lines() if sees_log else []
    channels = failing_channels() if sees_log else []
    may_set_up = user.has_perm(MAY_SET_UP)
    figures = read_figures(span, now)
    context["steps"] = _steps(sources, destinations, figures)
    source_states: list[tuple[Source, SourceState]] = []
    if user.has_perm("destinations.view_source"):
        states = read_source_states(sources, now)
        source_states = [(one, states[one.pk]) for one in sources]
    if not destinations or not (sees_destinations or sees_log):
        context["attention"] = read_attention([], source_states, now, alerts, channels, may_set_up)
        return context
    waiting = read_waiting(one.pk for one in destinations)
    cards: list[DestinationCard] = []
    if sees_destinations:
        cards = _cards(destinations, figures, waiting, span, now)
        context |= _arranged(request, cards, span)
    shown = [(card.destination, card.state) for card in cards]
    rising = read_rising_warnings(now) if sees_log else {}
    context["attention"] = read_attention(
        shown, source_states, now, alerts, channels, may_set_up, rising
    )
    sandboxes = {one.service == Destination.Service.SANDBOX for one in destinations}
    context["accepted_by"] = (
        gettext("Accepted by Pinterest")
        if sandboxes == {False}
        else gettext("Accepted by the sandbox")
        if sandboxes == {True}
        else gettext("Accepted by Pinterest or the sandbox")
    )
    if sees_log and (context["steps"] is None or Event.objects.exists()):
        context["summary"] = _summary(figures, list(waiting.values()), now)
        context["errors"] = errors_of(figures.total, figures.starts[0])
        context["warnings"] = _warnings(figures.total, figures.starts[0])
        context["coverage"] = read_coverage(figures.total)
    return context


def _steps(
    sources: list[Source], destinations: list[Any], figures: Figures
) -> list[dict[str, Any]] | None:
    """The first steps with what is done already; None once Pinterest has taken an event: the
    sandbox is a trial."""
    kinds = dict(Destination.objects.values_list("pk", "service"))
    real = {pk for pk, service in kinds.items() if service != Destination.Service.SANDBOX}
    if any(figures.of_destination[pk].delivered for pk in real & figures.of_destination.keys()) or (
        real and Batch.objects.filter(destination__in=real, delivered_count__gt=0).exists()
    ):
        return None
    has_event = Event.objects.exists()
    is_tried = bool(figures.total.delivered)
    where = gettext("The delivery log shows every delivery with Pinterest's response.")
    missing = gettext("Nothing has been delivered yet: open the log to see why.")
    loose = [one for one in sources if one.enabled and not has_route(one)]
    return [
        {
            "done": bool(sources),
            "title": gettext("Add a source"),
            "text": gettext("A website or app that sends events. Each has its own write key."),
            "url": "admin:destinations_source_add",
        },
        {
            "done": bool(destinations),
            "title": gettext("Add a destination"),
            "text": gettext("Your Pinterest ad account and its conversion token, or the sandbox."),
            "url": "admin:destinations_destination_add",
        },
        {
            "done": bool(sources) and not loose,
            "title": gettext("Connect them"),
            "text": _say_loose(loose) or gettext("Select the destination on the source's page."),
            "url": "admin:destinations_source_changelist",
        },
        {
            "done": has_event,
            "title": gettext("Send an event"),
            "text": gettext("The source's page has a curl command and SDK snippets ready to copy."),
            "url": "admin:destinations_source_changelist",
        },
        {
            "done": is_tried,
            "title": gettext("See it delivered"),
            "text": f"{where} {missing}" if has_event and not is_tried else where,
            "url": LOG,
        },
        *(
            [
                {
                    "done": False,
                    "title": gettext("Send to Pinterest"),
                    "text": gettext(
                        "So far, only the sandbox has accepted events. Add a destination with your "
                        "ad account and its conversion token."
                    ),
                    "url": "admin:destinations_destination_add",
                }
            ]
            if is_tried
            else []
        ),
    ]


def _say_loose(sources: list[Source]) -> str:
    """Which sources no destination gets events of; "" if there is none."""
    if not sources:
        return ""
    names = ", ".join(f"“{one}”" for one in sources[:MAX_NAMES])
    return gettext(
        "Select the destination on the source's page. These sources have none that's on: %(names)s."
    ) % {"names": names + (" …" if len(sources) > MAX_NAMES else "")}


def _summary(figures: Figures, waiting: list[Waiting], now: datetime) -> dict[str, Any]:
    total = figures.total
    urls = [url for _, _, url in ended_of(total, figures.starts[0])]
    return {
        "received": figures.received,
        "refused": figures.refused,
        "delivered": total.delivered,
        "rejected": total.rejected,
        "dead": total.dead,
        "filtered": total.filtered,
        "delivered_url": log_url(figures.starts[0], status=DELIVERED),
        "waiting": say_count(waiting),
        "share": say_share(total.delivered_share),
        "oldest": _say_oldest(waiting, now),
        "median": say_latency(total.latency_seconds(0.5)),
        "slowest": say_latency(total.latency_seconds(0.95)),
        **dict(zip(("rejected_url", "dead_url", "filtered_url"), urls, strict=True)),
    }


def _cards(
    destinations: list[Destination],
    figures: Figures,
    waiting: dict[int, Waiting],
    span: Span,
    now: datetime,
) -> list[DestinationCard]:
    states = read_states(destinations, now, waiting)
    cards = []
    for destination in destinations:
        flow = figures.of_destination.get(destination.pk, Flow())
        its_waiting = waiting.get(destination.pk, Waiting())
        cards.append(
            DestinationCard(
                destination=destination,
                state=states[destination.pk],
                flow=flow,
                chart=draw_bars(slots_of(flow, figures, span)),
                waiting=say_count([its_waiting]),
                oldest=_say_oldest([its_waiting], now),
                median=say_latency(flow.latency_seconds(0.5)),
                slowest=say_latency(flow.latency_seconds(0.95)),
                share=say_share(flow.delivered_share),
                matched=say_share(flow.match_count("em") / flow.delivered)
                if flow.delivered
                else "–",
                is_sandbox=destination.service == Destination.Service.SANDBOX,
                delivered_url=log_url(
                    figures.starts[0], status=DELIVERED, destination=destination.pk
                ),
                waiting_url=f"{reverse(LOG)}?status={WAITING}&destination={destination.pk}",
                waiting_count=its_waiting.count,
                ended=ended_of(flow, figures.starts[0], destination=destination.pk),
            )
        )
    return sorted(cards, key=lambda card: card.state.rank)


def _arranged(request: HttpRequest, cards: list[DestinationCard], span: Span) -> dict[str, Any]:
    """Cards for up to MAX_CARDS destinations; a table that can be searched and sorted for more."""
    if len(cards) <= MAX_CARDS:
        return {"cards": cards}
    named = request.GET.get("name", "").strip()[:100]
    sort = request.GET.get("sort", "")
    orders: dict[str, Callable[[DestinationCard], Any]] = {
        "status": lambda card: card.state.rank,
        "name": lambda card: str(card.destination).casefold(),
        "delivered": lambda card: -card.flow.delivered,
        "rate": lambda card: -(card.flow.delivered_share or -1),
        "waiting": lambda card: -card.waiting_count,
    }
    sort = sort if sort in orders else "status"
    shown = [card for card in cards if named.casefold() in str(card.destination).casefold()]
    heads = (
        ("name", gettext("Destination")),
        ("status", gettext("Status")),
        ("", span.short),
        ("delivered", gettext("Delivered")),
        ("rate", gettext("Delivery rate")),
        ("waiting", gettext("Pending now")),
        ("", gettext("Hashed email")),
    )
    query = {"range": span.key, **({"name": named} if named else {})}
    return {
        "cards": sorted(shown, key=orders[sort]),
        "as_table": True,
        "named": named,
        "sort": sort,
        "sorts": [
            (key, words, key == sort, f"?{urlencode({**query, 'sort': key})}" if key else "")
            for key, words in heads
        ],
    }


def slots_of(flow: Flow, figures: Figures, span: Span) -> list[tuple[str, int, int]]:
    return [
        (
            _say_start(timezone.localtime(start), span),
            flow.slots[position][DELIVERED],
            max(flow.slots[position]["failed"], 0),
        )
        for position, start in enumerate(figures.starts)
    ]


def _say_start(start: datetime, span: Span) -> str:
    """A slot is named for when it begins; days are those of UTC, and begin elsewhere at some
    hour."""
    is_day = span.slot_seconds >= 86_400 and (start.hour, start.minute) == (0, 0)
    return dateformat.format(start, gettext("d M") if is_day else gettext("d M H:i"))


def errors_of(total: Flow, since: datetime, **filters: Any) -> list[ErrorLine]:
    """What stays undone first, then what is tried again, then what was left out on purpose."""
    ranks = {"rejected": 0, "dead": 0, "pending": 1, "filtered": 2}
    ended = total.delivered + total.rejected + total.dead + total.filtered
    lines = [
        ErrorLine(
            badge=show_status(status, label=gettext("Retried") if status == "pending" else ""),
            status=status,
            code=code,
            count=count,
            meaning=meaning_of(code),
            remedy=remedy_of(code, status),
            url=log_url(since, status=status, error_code=code, **filters),
            share=say_share(count / ended) if status == "filtered" else "",
        )
        for status, code, count in total.codes()
    ]
    lines.sort(key=lambda line: (ranks[line.status], -line.count, line.code))
    return lines[:MAX_ERRORS]


def _warnings(total: Flow, since: datetime) -> list[WarningLine]:
    return [
        WarningLine(
            code=code,
            count=count,
            meaning=meaning_of(code),
            remedy=remedy_of(code),
            url=log_url(since, status=DELIVERED, warning=code),
        )
        for code, count in total.warnings()[:MAX_ERRORS]
    ]


def ended_of(flow: Flow, since: datetime, **filters: Any) -> list[tuple[str, int, str]]:
    """(name, count, its part of the log or "") for what ended and was not delivered."""
    counts = (
        ("rejected", gettext("rejected"), flow.rejected),
        ("dead", gettext("failed"), flow.dead),
        ("filtered", gettext("filtered"), flow.filtered),
    )
    return [
        (name, count, log_url(since, status=status, **filters) if count else "")
        for status, name, count in counts
    ]


def say_count(waiting: list[Waiting]) -> str:
    """``1,234``, or ``10,000+`` where counting stopped."""
    total = sum(min(one.count, MAX_COUNTED) for one in waiting)
    return group_digits(total) + ("+" if any(one.count > MAX_COUNTED for one in waiting) else "")


def _one_decimal(number: float) -> str:
    return number_format(f"{number:.1f}")


def say_share(share: float | None) -> str:
    """``98.4%``; never 100% while anything failed, never 0% while anything went well."""
    if share is None:
        return "–"
    said = (
        f"{share:.0%}"[:-1] if share in (0, 1) else _one_decimal(min(max(share * 100, 0.1), 99.9))
    )
    return gettext("%(percent)s%%") % {"percent": said}


def say_latency(seconds: float | None) -> str:
    """``about 340 ms``, ``about 4 s``: figures of a scale of steps, so in round numbers."""
    if seconds is None:
        return "–"
    if seconds < 0.95:
        return gettext("about %(milliseconds)s ms") % {
            "milliseconds": f"{round(seconds * 1000, -1 if seconds >= 0.1 else 0):.0f}"
        }
    return (
        (gettext("about %(seconds)s s") % {"seconds": _one_decimal(seconds)})
        if seconds < 10
        else (gettext("about %(duration)s") % {"duration": say_duration(seconds)})
    )


def _say_oldest(waiting: list[Waiting], now: datetime) -> str:
    moments = [one.oldest_at for one in waiting if one.oldest_at is not None]
    return say_duration((now - min(moments)).total_seconds()) if moments else ""
