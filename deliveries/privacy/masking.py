"""Hiding personal data in what is shown to people who may not see it. Pure.

Only what is known to be harmless stays readable: a value whose field is in ``READABLE`` and which
stands below no field of ``PERSONAL_BRANCHES``. Everything else is hidden, because an event may
hold anything under names of its own. The structure stays: objects, lists, booleans and nulls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.utils.formats import number_format
from django.utils.translation import gettext

from deliveries.privacy.known_values import (
    HIDDEN as HIDDEN,
)
from deliveries.privacy.known_values import (
    NOTHING_KNOWN,
    SHORTEST_CONTAINED,
    KnownValues,
)

_PERSONAL_BRANCHES = """
    traits usertraits userdata userproperties identifiers externalid externalids address
    billingaddress shippingaddress customer user profile person people
"""
_READABLE = """
    type event category channel version messageid anonymizeip integrations all timestamp sentat
    originaltimestamp receivedat requestid eventname eventid eventtime eventids actionsource
    library os app build namespace locale timezone device model manufacturer wifi bluetooth
    cellular carrier networktype density adtrackingenabled contextversion
    orderid checkoutid cartid value revenue total subtotal price tax shipping discount currency
    quantity numitems productid productids sku variant brand coupon couponid contentid contentids
    contentcategory contenttype contentname contentbrand itemprice position listid promotionid
    paymentmethod shippingmethod
    optout optouttype appid appname appversion devicebrand devicemodel devicetype osversion
    language partnername predictedltv ldp isswift
    status code numeventsreceived numeventsprocessed exceptiontype loc
"""
"""Of the event and its context, of commerce, of the conversion, and of the answer."""
NAMES_OF_THINGS = frozenset({"products", "contents", "library", "os", "app", "items", "campaign"})
"""Below these a ``name``, ``id`` or ``category`` is that of a thing."""
LINKS = frozenset({"url", "eventsourceurl", "referrer", "initialreferrer", "imageurl", "pageurl"})
_QUOTABLE = """
    userdata customdata em ph ge db ln fn ct st zp country externalid clickid hashedmaids
    clientipaddress clientuseragent partnerid data events userid anonymousid traits properties
    context email phone
"""
"""Names that a sentence may quote, beside the readable ones."""
# Compared as ``_plain`` leaves them: in lower case, without _ and -.
PERSONAL_BRANCHES = frozenset(_PERSONAL_BRANCHES.split())
READABLE = frozenset(_READABLE.split())
PERSONAL_FIELD_NAMES = frozenset(_QUOTABLE.split())
SENTENCES = frozenset({"message", "errormessage", "warningmessage", "msg", "detail"})

_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$ .:-]{0,63}\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?\Z")
_PERSONAL_TEXT = re.compile(
    # An email address. It is looked for where a word begins, or each of its characters would be
    # taken for the beginning of one and cost a look at the rest.
    r"""(?<![^\s'"<>,;])(?=[^\s'"<>,;]*?[^\s'"<>,;]@[^\s'"<>,;])[^\s'"<>,;]+"""
    r"|\b[0-9a-fA-F]{16,}\b"  # a hash
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<!\w)(?:[0-9a-fA-F]{0,4}:){2,}[0-9a-fA-F.]*"  # IP addresses
    r"|\+?\d(?:[\s().-]{0,2}\d){6,}"  # telephone numbers
)
_QUOTED = re.compile(
    r"""(?<!\w)'.*?(?:'(?!\w)|\Z)|".*?(?:"|\Z)|“.*?(?:”|\Z)|‘.*?(?:’|\Z)|`.*?(?:`|\Z)""", re.DOTALL
)
_CLOSING = {"'": "'", '"': '"', "“": "”", "‘": "’", "`": "`"}
_PATH_SEPARATOR = re.compile(r"\.|\[|\]\.?")


def mask(value: Any, known: KnownValues = NOTHING_KNOWN) -> Any:
    """A copy of the JSON ``value`` with its personal values hidden.

    ``known`` are personal values from elsewhere (``personal_values`` of the event): they are
    hidden wherever they turn up, as are the value's own.
    """
    return _mask(value, "", "", False, known | _hidden_texts(value, "", "", False))


def mask_text(text: str, known: KnownValues = NOTHING_KNOWN) -> str:
    """A sentence without what it quotes (field names stay), addresses, numbers and hashes."""

    def unquote(found: re.Match[str]) -> str:
        quoted = found.group()
        return quoted if _is_path(quoted[1:-1]) else quoted[0] + HIDDEN + _CLOSING[quoted[0]]

    text = known.without(text)
    return _PERSONAL_TEXT.sub(HIDDEN, _QUOTED.sub(unquote, text))


def holds_personal_text(text: str) -> bool:
    """Whether an address, a long number or a hash stands in a text that is to be kept."""
    return bool(_PERSONAL_TEXT.search(text))


def without_personal_text(text: str) -> str:
    """The text with HIDDEN in the place of each address, long number and hash."""
    return _PERSONAL_TEXT.sub(HIDDEN, text)


def is_plain_key(key: str) -> bool:
    """Whether a key of an object is a name that somebody gave a field, and nothing personal."""
    return bool(_KEY.match(key)) and not _PERSONAL_TEXT.search(key)


def mask_body(body: bytes) -> bytes:
    """A JSON text with its personal values hidden; anything else is hidden as a whole."""
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.dumps(
            gettext("%(hidden)s (%(count)s bytes that aren't JSON)")
            % {"hidden": HIDDEN, "count": number_format(len(body), force_grouping=True)}
        )
    conversions = whole.get("data") if isinstance(whole, dict) else None
    if isinstance(conversions, list):  # a thousand people: each with the own values only
        rest = mask({key: value for key, value in whole.items() if key != "data"})
        return orjson.dumps({**rest, "data": [mask(one) for one in conversions]})
    return orjson.dumps(mask(whole))


def mask_excerpt(text: str) -> str:
    """The beginning of something refused: cut off JSON cannot be told apart, so it is hidden."""
    if not text:
        return ""
    try:
        return orjson.dumps(mask(orjson.loads(text))).decode()
    except orjson.JSONDecodeError:
        return gettext("%(hidden)s (%(count)s characters)") % {
            "hidden": HIDDEN,
            "count": number_format(len(text), force_grouping=True),
        }


def is_readable_path(steps: Sequence[str]) -> bool:
    """Whether the value at this path of an event is one that ``mask`` leaves as it is."""
    names = [_plain(step) for step in steps if not step.isdecimal()]
    if not names or not PERSONAL_BRANCHES.isdisjoint(names):
        return False
    field, above = names[-1], names[-2] if len(names) > 1 else ""
    return field not in LINKS | SENTENCES and _is_readable(field, above)


def personal_values(*values: Any) -> KnownValues:
    """What ``mask`` hides of JSON values."""
    return KnownValues(text for value in values for text in _hidden_texts(value, "", "", False))


def _mask(value: Any, field: str, above: str, is_personal: bool, known: KnownValues) -> Any:
    if isinstance(value, dict):
        masked: dict[str, Any] = {}
        for key, inner in value.items():
            plain = _plain(key)
            shown = key
            if not _KEY.match(key) or _PERSONAL_TEXT.search(key) or known.holds(key):
                shown = HIDDEN + (f" {len(masked) + 1}" if HIDDEN in masked else "")
            below = is_personal or plain in PERSONAL_BRANCHES
            masked[shown] = _mask(inner, plain, field, below, known)
        return masked
    if isinstance(value, list):
        return [_mask(inner, field, above, is_personal, known) for inner in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    if is_personal or not _is_readable(field, above):
        return HIDDEN
    if isinstance(value, str):
        if field in LINKS:
            return _origin(value, known)
        if field == "field":  # of a finding: the path of what it is about
            return value if _is_path(value) else HIDDEN
        if field in SENTENCES:
            return mask_text(value, known)
        if known.holds(value) or (not _MOMENT.match(value) and "@" in value):
            return HIDDEN
        return value
    text = str(value)
    return HIDDEN if len(text) >= SHORTEST_CONTAINED and known.holds(text) else value


def _hidden_texts(value: Any, field: str, above: str, is_personal: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            plain = _plain(key)
            below = is_personal or plain in PERSONAL_BRANCHES
            yield from _hidden_texts(inner, plain, field, below)
    elif isinstance(value, list):
        for inner in value:
            yield from _hidden_texts(inner, field, above, is_personal)
    elif value is None or isinstance(value, bool) or value == "":
        return
    elif is_personal or not _is_readable(field, above):
        yield str(value)


def _is_readable(field: str, above: str) -> bool:
    if field in ("name", "id", "category"):
        return above in NAMES_OF_THINGS or field == "category"
    return field in READABLE or field in LINKS or field in SENTENCES or field == "field"


def _origin(link: str, known: KnownValues) -> str:
    """``https://shop.example/•••``: paths and queries may hold anything."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return HIDDEN
    if not parts.scheme or not parts.hostname or known.holds(parts.hostname):
        return HIDDEN
    return f"{parts.scheme}://{parts.hostname}/" + (HIDDEN if parts.path.strip("/") else "")


def _is_path(text: str) -> bool:
    """Whether this is the name of a field, or a path of such names: ``user_data.em[0]``."""
    parts = [part for part in _PATH_SEPARATOR.split(text) if part]
    names = [part for part in parts if not (part.isdecimal() and len(part) <= 3)]
    known_names = READABLE | LINKS | PERSONAL_FIELD_NAMES
    return bool(names) and all(_plain(name) in known_names for name in names)


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(" ", "").lower()
