"""How much Pinterest gets to match people by, against what it recommends; in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_lazy

from deliveries.stats.figures import Flow

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

GOOD_SHARE = 0.9
FAIR_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Coverage:
    """One key: the share of conversions that have it, and what that means."""

    key: str
    title: StrOrPromise
    advice: StrOrPromise
    """What Pinterest says of it, and where it comes from."""
    percent: int
    """Of the conversions that can have it at all."""
    share: str
    verdict: str
    look: str
    own_percent: int = 0
    """The part of ``percent`` that the events themselves had; the rest is remembered."""
    remembered_share: str = ""

    @property
    def remembered_percent(self) -> int:
        return self.percent - self.own_percent


_KEYS: Sequence[tuple[str, StrOrPromise, str, StrOrPromise]] = (
    (
        "em",
        gettext_lazy("Hashed email"),
        "all",
        gettext_lazy("The best match key. From traits.email."),
    ),
    (
        "external_id",
        gettext_lazy("External ID"),
        "all",
        gettext_lazy("Recommended for every event. From userId, with “Send external ID” on."),
    ),
    (
        "click_id",
        gettext_lazy("Click ID"),
        "online",
        gettext_lazy(
            "Recommended for every event. From the _epik cookie: properties.clickId, or "
            "epik= in the page's URL. Only visitors who came from an ad have one."
        ),
    ),
    (
        "ip_ua",
        gettext_lazy("IP address and user agent"),
        "online",
        gettext_lazy(
            "Enough for a match when there's no email. From context.ip and context.userAgent."
        ),
    ),
    (
        "ph",
        gettext_lazy("Hashed phone number"),
        "all",
        gettext_lazy("Helps when the email differs. From traits.phone."),
    ),
    (
        "hashed_maids",
        gettext_lazy("Hashed advertising ID"),
        "app",
        gettext_lazy("For apps, if the user allowed it. From context.device.advertisingId."),
    ),
)
_NEVER_FOR_ALL = frozenset({"click_id", "hashed_maids", "ph"})
"""Nobody can have these for every conversion, so a small share is no fault."""

_NONE_TO_COUNT: dict[str, StrOrPromise] = {
    "online": gettext_lazy("offline events only"),
    "app": gettext_lazy("no app events"),
}
"""Why a key has no share: there was no conversion that can have it."""


def read_coverage(total: Flow) -> list[Coverage]:
    """Coverage of the delivered conversions for each key; empty if there are none."""
    delivered, of_app = total.delivered, total.match_count("of_app")
    bases = {
        "all": delivered,
        "online": delivered - total.match_count("of_offline"),
        "app": of_app,
    }
    if not delivered:
        return []
    return [
        _coverage(
            key, title, advice, total.match_count(key), total.remembered_count(key), bases[base]
        )
        if bases[base]
        else Coverage(key, title, advice, 0, "–", str(_NONE_TO_COUNT[base]), "discarded")
        for key, title, base, advice in _KEYS
    ]


def _coverage(
    key: str, title: StrOrPromise, advice: StrOrPromise, count: int, remembered: int, base: int
) -> Coverage:
    share = min(1.0, count / base)
    if share >= GOOD_SHARE:
        verdict, look = gettext("good"), "delivered"
    elif key in _NEVER_FOR_ALL:
        verdict, look = (gettext("fair"), "filtered") if count else (gettext("missing"), "pending")
    elif share >= FAIR_SHARE:
        verdict, look = gettext("could be improved"), "pending"
    else:
        verdict, look = (gettext("low") if count else gettext("missing")), "pending"
    percent = min(round(share * 100), 100 if count >= base else 99)
    own_percent = round(max(count - remembered, 0) / base * 100) if remembered else percent
    return Coverage(
        key,
        title,
        advice,
        percent,
        _say_percent(count, percent),
        verdict,
        look,
        min(own_percent, percent),
        _say_percent(remembered, min(round(remembered / base * 100), 100)),
    )


def _say_percent(count: int, percent: int) -> str:
    return (
        gettext("below 1%")
        if count and not percent
        else gettext("%(percent)s%%") % {"percent": percent}
    )
