"""In which time zone a person reads and types times.

The zone is the browser's (see ``capi_project.viewer_zone``). An address that holds moments says in
its parameter ``zone`` which zone they are of, so that a link means the same for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from django.utils.translation import gettext

ZONE = "zone"
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""What is typed beyond them means them: a little can be added to any moment, and taken away."""


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def find_zone(name: str | None) -> ZoneInfo | None:
    """The zone of this name, or None when there is none: anybody can write anything there."""
    return ZoneInfo(name) if name and name in _known_zones() else None


def zone_of(address: Mapping[str, str]) -> tzinfo:
    """The zone in which the moments of an address are meant: its own, else the viewer's."""
    return find_zone(address.get(ZONE)) or timezone.get_current_timezone()


def zone_name(zone: tzinfo) -> str:
    return str(zone)


def read_moment(text: str, zone: tzinfo | None = None) -> datetime:
    """``2026-11-23T20:15``, in ``zone`` (None: the viewer's) unless it names one.

    Raises ValueError with a sentence.
    """
    try:
        moment = datetime.fromisoformat(text)
        aware = timezone.make_aware(moment, zone) if timezone.is_naive(moment) else moment
        return min(max(aware, EARLIEST), LATEST)
    except (ValueError, OverflowError):
        raise ValueError(
            gettext(
                "“%(text)s” isn't a valid date and time. Use a format such as 2026-11-23T20:15."
            )
            % {"text": text[:40]}
        ) from None


def write_moment(moment: datetime) -> str:
    """As the log's address holds it, in the viewer's zone: to the minute, or as exact as it is."""
    exactness = "minutes" if not (moment.second or moment.microsecond) else "auto"
    return timezone.localtime(moment).replace(tzinfo=None).isoformat(timespec=exactness)
