"""Which deliveries a person means: the filters of the log, and a choice of them that can be stored.

A filter is one field of ``Selection``. What the address calls it, how it is read, which rows it
leaves, whether an index helps and how it is said stands there and nowhere else; the log's bar, the
query string, the scan, counts, exports and bulk actions ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from django.db.models import Q, QuerySet
from django.utils import dateformat, timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, gettext_lazy

from deliveries.models import Delivery, Event
from deliveries.querysets import DeliveryQuerySet
from deliveries.search.readers import (
    ANY_WARNING,
    Reader,
    number_of,
    one_of,
    read_memory,
    read_text,
    several,
)
from deliveries.search.zones import read_moment
from deliveries.statuses import OPEN, DeliveryStatus

CLOSED_WITHIN = timedelta(days=7)
"""``settled_since`` is about what came in so long before at most: ids tell nothing of closing."""


class Names(NamedTuple):
    """What destinations and sources are called, by their ids."""

    destinations: Mapping[int, str]
    sources: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """All that anybody needs to know of a filter.

    ``parameter`` is its name in the address, ``title`` and ``label`` what a person reads in a
    sentence and in the bar, ``control`` the template of its form control there. ``narrow`` leaves
    the deliveries that fit a value; ``narrow_events`` the events, None if a replay cannot go by it.
    ``has_index``: what fits is few and has an index; ``is_few``: a thousand rows at most.
    ``is_thin``: an index by ID alone holds what can fit: a stretch without any costs nothing.
    ``reads_event``: it costs a look at the event of each delivery.
    """

    parameter: str
    title: Any
    read: Reader
    narrow: Callable[[DeliveryQuerySet, Any], DeliveryQuerySet]
    narrow_events: Callable[[QuerySet[Event], Any], QuerySet[Event]] | None = None
    say: Callable[[Any, Names], str] = lambda value, names: str(value)
    label: Any = ""
    control: str = "text"
    has_index: bool = False
    is_few: bool = False
    is_thin: bool = False
    reads_event: bool = False


def _about(**about: Any) -> dict[str, Filter]:
    return {"filter": Filter(**about)}


def _in_statuses(found: DeliveryQuerySet, statuses: tuple[str, ...]) -> DeliveryQuerySet:
    found = found.filter(status__in=sorted(statuses))
    if set(statuses) <= OPEN:  # said twice, so that the small index of what is due can be used
        found = found.filter(due_at__isnull=False)
    return found


def _name(pk: int, names: Mapping[int, str]) -> str:
    return names.get(pk) or gettext("no. %(number)s") % {"number": pk}


def _say_statuses(statuses: tuple[str, ...], names: Names) -> str:
    labels = dict(DeliveryStatus.choices)
    return ", ".join(str(labels[status]) for status in statuses)


def _say_moment(moment: datetime, names: Names) -> str:
    return dateformat.format(timezone.localtime(moment), gettext("d M Y H:i T"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Deliveries by what the log can be filtered by; nothing given means all.

    ``since <= created_at < until`` (for a replay: the event's ``received_at``). Raises ValueError
    for a status that there is not and for a moment without a time zone.
    """

    statuses: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            parameter="status",
            title=gettext_lazy("Status"),
            label=gettext_lazy("status"),
            control="choice",
            read=several,
            narrow=_in_statuses,
            say=_say_statuses,
        ),
    )
    destination_ids: tuple[int, ...] = field(
        default=(),
        metadata=_about(
            parameter="destination",
            title=gettext_lazy("Destination"),
            label=gettext_lazy("destination"),
            control="choice",
            read=one_of(number_of("destination")),
            narrow=lambda found, ids: found.filter(destination_id__in=ids),
            narrow_events=lambda found, ids: found,  # those that the destinations' sources sent
            say=lambda ids, names: ", ".join(_name(pk, names.destinations) for pk in ids),
        ),
    )
    source_id: int | None = field(
        default=None,
        metadata=_about(
            parameter="source",
            title=gettext_lazy("Source"),
            label=gettext_lazy("source"),
            control="choice",
            read=number_of("source"),
            narrow=lambda found, pk: found.of_source(pk),
            narrow_events=lambda found, pk: found.filter(source_id=pk),
            say=lambda pk, names: _name(pk, names.sources),
            reads_event=True,
        ),
    )
    event_name: str = field(
        default="",
        metadata=_about(
            parameter="source_event",
            title=gettext_lazy("Source event"),
            label=gettext_lazy("source event"),
            read=read_text,
            narrow=lambda found, name: found.of_event_name(name),
            narrow_events=lambda found, name: found.filter(name=name),
            reads_event=True,
        ),
    )
    conversion_name: str = field(
        default="",
        metadata=_about(
            parameter="pinterest_event",
            title=gettext_lazy("Pinterest event"),
            read=read_text,
            narrow=lambda found, name: found.filter(conversion_name=name),
        ),
    )
    error_code: str = field(
        default="",
        metadata=_about(
            parameter="error_code",
            title=gettext_lazy("Error code"),
            label=gettext_lazy("error code"),
            control="choice",
            read=read_text,
            # Without the first condition the planner may not see that the partial index fits.
            narrow=lambda found, code: found.filter(~Q(error_code=""), error_code=code),
            has_index=True,
        ),
    )
    memory: str = field(
        default="",
        metadata=_about(
            parameter="memory",
            title=gettext_lazy("Identity memory"),
            label=gettext_lazy("identity memory"),
            control="choice",
            read=read_memory,
            narrow=lambda found, memory: found.exclude(completed=""),
            say=lambda memory, names: gettext("completed from memory"),
        ),
    )
    warning: str = field(
        default="",
        metadata=_about(
            parameter="warning",
            title=gettext_lazy("Warnings"),
            label=gettext_lazy("warnings"),
            control="choice",
            read=read_text,
            narrow=lambda found, code: found.with_warnings("" if code == ANY_WARNING else code),
            say=lambda code, names: gettext("any") if code == ANY_WARNING else code,
            is_thin=True,
        ),
    )
    batch_id: int | None = field(
        default=None,
        metadata=_about(
            parameter="batch",
            title=gettext_lazy("Batch"),
            label=gettext_lazy("batch"),
            read=number_of("batch"),
            narrow=lambda found, pk: found.filter(batch_id=pk),
            has_index=True,
            is_few=True,
        ),
    )
    event_id: int | None = field(
        default=None,
        metadata=_about(
            parameter="event",
            title=gettext_lazy("Event"),
            label=gettext_lazy("event"),
            control="text_if_set",  # a link chose it: its number stands nowhere to be typed
            read=number_of("event"),
            narrow=lambda found, pk: found.filter(event_id=pk),
            narrow_events=lambda found, pk: found.filter(pk=pk),
            say=lambda pk, names: gettext("no. %(number)s") % {"number": pk},
            has_index=True,
            is_few=True,
        ),
    )
    since: datetime | None = field(
        default=None,
        metadata=_about(
            parameter="since",
            title=gettext_lazy("Received from"),
            label=gettext_lazy("from"),
            control="minute",
            read=read_moment,
            narrow=lambda found, moment: found.filter(created_at__gte=moment),
            narrow_events=lambda found, moment: found.filter(received_at__gte=moment),
            say=_say_moment,
        ),
    )
    until: datetime | None = field(
        default=None,
        metadata=_about(
            parameter="until",
            title=gettext_lazy("Received before"),
            label=gettext_lazy("before"),
            control="minute",
            read=read_moment,
            narrow=lambda found, moment: found.filter(created_at__lt=moment),
            narrow_events=lambda found, moment: found.filter(received_at__lt=moment),
            say=_say_moment,
        ),
    )
    settled_since: datetime | None = field(
        default=None,
        metadata=_about(
            parameter="settled_since",
            title=gettext_lazy("Finished since"),
            label=gettext_lazy("finished since"),
            control="moment",
            read=read_moment,
            # Only what a person retries can be closed later after it came in.
            narrow=lambda found, moment: found.filter(
                created_at__gte=moment - CLOSED_WITHIN, settled_at__gte=moment
            ),
            say=_say_moment,
        ),
    )

    def __post_init__(self) -> None:
        if unknown := set(self.statuses) - set(DeliveryStatus.values):
            raise ValueError(f"Unknown status: {', '.join(sorted(unknown))}.")
        for _, one, value in self.given():
            if one.read is read_moment and value.tzinfo is None:
                raise ValueError("A time needs a time zone.")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What ``to_json`` made. Raises ValueError for anything else."""
        if unknown := set(stored) - set(FILTERS):
            raise ValueError(f"Deliveries can't be filtered by {', '.join(sorted(unknown))}.")
        values = dict(stored)
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = tuple(value)
            elif value and FILTERS[name].read is read_moment:
                values[name] = parse_datetime(value)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The filters that are set, as JSON can hold them."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if _is_given(value)
        }

    def given(self) -> Iterator[tuple[str, Filter, Any]]:
        """(field, filter, value) of each filter that is set."""
        for name, one in FILTERS.items():
            if _is_given(value := getattr(self, name)):
                yield name, one, value

    def narrow(self, found: DeliveryQuerySet) -> DeliveryQuerySet:
        """Those of ``found`` that are meant."""
        for _, one, value in self.given():
            found = one.narrow(found, value)
        return found

    def deliveries(self, statuses: frozenset[str]) -> DeliveryQuerySet:
        """The deliveries meant that are in one of ``statuses``."""
        wanted = (statuses & set(self.statuses)) if self.statuses else statuses
        if not wanted:
            return Delivery.objects.none()
        return replace(self, statuses=tuple(wanted)).narrow(Delivery.objects.all())

    def events(self) -> QuerySet[Event]:
        """The events of the time range, source and name: what a replay plans again."""
        found: QuerySet[Event] = Event.objects.all()
        for _, one, value in self.given():
            if one.narrow_events is not None:
                found = one.narrow_events(found, value)
        return found

    def is_about_events(self) -> bool:
        """Whether every filter that is set can be asked of an event, as a replay needs it."""
        return all(one.narrow_events is not None for _, one, _ in self.given())

    def say(self, names: Names) -> list[tuple[str, str]]:
        """(what, which) for each filter that is set."""
        return [(str(one.title), one.say(value, names)) for _, one, value in self.given()]


FILTERS: dict[str, Filter] = {one.name: one.metadata["filter"] for one in fields(Selection)}
"""Field of ``Selection`` → its filter, in the order of the log's bar."""


def _is_given(value: object) -> bool:
    return value not in ((), [], "", None)
