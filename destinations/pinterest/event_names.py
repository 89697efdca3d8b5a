"""Which Pinterest name an event gets: two closed tables, and what may be a name of one's own.

The 22 API names and their Pinterest Tag spellings are those of
https://developers.pinterest.com/docs/conversions/event/.
"""

from __future__ import annotations

import re

from .cleaning import clean

CLASSIC_NAMES: tuple[str, ...] = (
    "checkout",
    "add_to_cart",
    "page_visit",
    "signup",
    "watch_video",
    "lead",
    "search",
    "view_category",
    "custom",
)
"""The nine that Pinterest had from the beginning and RudderStack offers."""

NEWER_NAMES: tuple[str, ...] = (
    "add_payment_info",
    "add_to_wishlist",
    "app_install",
    "app_open",
    "contact",
    "customize_product",
    "find_location",
    "initiate_checkout",
    "schedule",
    "start_trial",
    "submit_application",
    "subscribe",
    "view_content",
)

STANDARD_NAMES: tuple[str, ...] = CLASSIC_NAMES + NEWER_NAMES
"""Every API name, classic ones first."""

ECOMMERCE_NAMES: dict[str, str] = {
    "order completed": "checkout",
    "product added": "add_to_cart",
    "products searched": "search",
    "product list filtered": "search",
}
"""RudderStack's ecommerce events, case-folded → API name."""

_STANDARD = frozenset(STANDARD_NAMES)
_BY_SPELLING: dict[str, str] = {name.replace("_", ""): name for name in STANDARD_NAMES}
_SEPARATORS = re.compile(r"[\s_-]+")
_OWN_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_SPELLING = 60


def standard_name(name: str) -> str | None:
    """The API name that ``name`` spells in any way (``AddToCart``, ``watch video``), else None."""
    if len(name) > _MAX_SPELLING:
        return None
    return _BY_SPELLING.get(_SEPARATORS.sub("", name).casefold())


def is_own_name(name: str) -> bool:
    """Whether Pinterest takes ``name`` as a user-defined event name."""
    return name in _STANDARD or _OWN_NAME.fullmatch(name) is not None


def target_name(name: str) -> str:
    """The API name for the ``to`` of an event map row; "" when nothing of it can be a name.

    A name that Pinterest could take stays exactly as written, because it has to match the one
    defined at Pinterest. Anything else is lower-cased, its strange characters made ``_``.
    """
    trimmed = clean(name)
    standard = standard_name(trimmed)
    if standard is not None:
        return standard
    if is_own_name(trimmed):
        return trimmed
    return _NOT_IN_A_NAME.sub("_", trimmed.lower()).strip("_")[:100]
