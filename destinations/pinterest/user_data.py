"""Who it was: ``user_data``. Every value is normalised, then hashed; nothing personal leaves plain.

Rules: https://developers.pinterest.com/docs/api/v5/events-create/ (normalisation, SHA-256, hex).
The table ``HASHED_FIELDS`` is the mapping; its third column are the functions of ``normalise``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from .addresses import PRIVATE, REFUSED, visitor_address
from .cleaning import clean, is_placeholder, well_formed
from .digests import (
    DIGEST_LENGTH,
    HashedField,
    digest_of,
    digests_of,
)
from .event import CONTEXT, Sections, Shape, Step, paths, steps_within, under
from .findings import EventRejected, Finding
from .normalise import (
    GENDERS,
    Normalised,
    advertising_id,
    birthday,
    city,
    country,
    email,
    first_name,
    gender,
    identifier,
    last_name,
    postal_code,
)
from .nothing import DIGESTS_OF_NOTHING, DIGESTS_OF_SURNAMES
from .phones import Home, phones_in, plain_phone
from .regions import COUNTRY_OF_DIGEST, state_code
from .texts import TextField, TextRow, read_texts, rows_within, wrong_type
from .values import usable_text

MAX_SHARED = 10_000
_MAX_SHARED_TEXT = 60


def _known(spellings: dict[str, str]) -> dict[str, str]:
    """Digests by spelling, each as written, in lower, upper and title case."""
    return {
        cased: sha256(normal.encode()).hexdigest()
        for spelling, normal in spellings.items()
        for cased in (spelling, spelling.lower(), spelling.upper(), spelling.title())
    }


_TRAITS = ("traits", "context.traits")


def _address_paths(address_keys: tuple[str, ...], flat_keys: tuple[str, ...]) -> tuple[str, ...]:
    in_address = (f"{parent}.address.{key}" for key in address_keys for parent in _TRAITS)
    flat = (f"{parent}.{key}" for key in flat_keys for parent in _TRAITS)
    return (*in_address, *flat)


def _nobody(name: str) -> frozenset[str]:
    """The digests that are no identifier in a field."""
    return DIGESTS_OF_NOTHING - DIGESTS_OF_SURNAMES if name == "ln" else DIGESTS_OF_NOTHING


_FIELDS: tuple[HashedField, ...] = (
    HashedField(
        "em",
        paths("traits.email", "context.traits.email", "properties.email"),
        email,
        code="email_invalid",
        message="This isn't a complete email address.",
    ),
    HashedField(
        "ge",
        paths("traits.gender", "context.traits.gender"),
        gender,
        _known(GENDERS),
        code="gender_unknown",
        message="This gender isn't a known spelling of female, male, or non-binary.",
    ),
    HashedField(
        "db",
        paths(
            *under(_TRAITS, "birthday", "dateOfBirth", "dateofbirth", "dob", "DOB"),
            "context.dateofbirth",
        ),
        birthday,
        code="birthday_invalid",
        message="This birthday isn't YYYYMMDD, an ISO date, or YYYY/MM/DD, or the day doesn't "
        "exist.",
    ),
    HashedField(
        "ln",
        paths(*under(_TRAITS, "lastName", "lastname", "last_name")),
        last_name,
        {},
        is_shared=True,
    ),
    HashedField(
        "fn",
        paths(*under(_TRAITS, "firstName", "firstname", "first_name")),
        first_name,
        {},
        is_shared=True,
    ),
    HashedField("ct", paths(*_address_paths(("city",), ("city",))), city, {}, is_shared=True),
    HashedField(
        "zp",
        paths(*_address_paths(("zip", "postalCode", "postal_code"), ("zip", "postalCode"))),
        postal_code,
    ),
    HashedField(
        "country",
        paths(*_address_paths(("country",), ("country",))),
        country,
        {},
        "country_unknown",
        "This isn't the code or name of a country.",
        is_shared=True,
    ),
    HashedField(
        "hashed_maids",
        paths("context.device.advertisingId", "context.device.idfa", "context.device.aaid"),
        advertising_id,
    ),
    HashedField(
        "external_id",
        paths(
            "userId",
            "traits.userId",
            "traits.id",
            "context.traits.userId",
            "context.traits.id",
            "anonymousId",
        ),
        identifier,
    ),
)
HASHED_FIELDS = tuple(field._replace(nobody=_nobody(field.name)) for field in _FIELDS)
"""Everything that is hashed. ``context.externalId`` is read apart: it is a list of objects, and so
are
the state and the phone number, which depend on the country."""

PHONE_PATHS = paths("traits.phone", "context.traits.phone", "properties.phone")
STATE_PATHS = paths(*_address_paths(("state",), ("state",)))

PLAIN_FIELDS: tuple[TextField, ...] = (
    TextField(
        "client_user_agent", paths("context.userAgent", "properties.userAgent"), is_shared=True
    ),
    TextField(
        "click_id",
        paths(
            *under(
                ("properties", "context"),
                "clickId",
                "click_id",
                "epik",
                "_epik",
            )
        ),
    ),
    TextField("partner_id", paths("traits.partnerId", "context.traits.partnerId")),
)
"""What Pinterest takes unhashed; ``client_ip_address`` and ``epik=`` in a URL are read apart."""

IP_PATHS = paths("context.ip", "context.requestIP", "properties.ip", "properties.clientIpAddress")
REQUEST_IP = paths("request_ip")
CLICK_URLS = paths("context.page.url", "context.page.search", "properties.url", "properties.search")
_REQUEST_IP_STEPS = tuple((path.section, path.key, path.text) for path in REQUEST_IP)
# Other networks have a click_id, too; Pinterest's begin with dj0 ("v=" in Base64).
_EPIK = re.compile(r"(?:^|[?&#;])(?:_?epik=|click(?:Id|_id)=(?=dj0))([^&#]+)")


Normalise = Callable[[str], Normalised]
HashedRow = tuple[
    str, int, str, str, tuple[Step, ...], Normalise, dict[str, str], bool, HashedField
]
"""A ``HashedField`` as a plain tuple: name, the first path an event can have taken apart, the other
paths, and how to make digests."""


class UserPlan(NamedTuple):
    """The tables of this module with only the paths that an event with certain objects can have."""

    hashed: tuple[HashedRow, ...]
    phones: tuple[Step, ...]
    states: tuple[Step, ...]
    plain: tuple[TextRow, ...]
    ip_addresses: tuple[Step, ...]
    click_urls: tuple[Step, ...]


def user_plan(shape: Shape) -> UserPlan:
    """The plan for events of this shape."""
    hashed = []
    for field in HASHED_FIELDS:
        steps = steps_within(field.paths, shape)
        if steps:
            hashed.append(
                (
                    field.name,
                    *steps[0],
                    steps[1:],
                    field.normalise,
                    field.known,
                    field.is_shared,
                    field,
                )
            )
    return UserPlan(
        tuple(hashed),
        steps_within(PHONE_PATHS, shape),
        steps_within(STATE_PATHS, shape),
        rows_within(PLAIN_FIELDS, shape),
        steps_within(IP_PATHS, shape),
        steps_within(CLICK_URLS, shape),
    )


def read_user_data(
    plan: UserPlan,
    sections: Sections,
    *,
    send_external_id: bool,
    default_country: str,
    sender_is_visitor: bool,
    warnings: list[Finding],
) -> dict[str, Any]:
    """``user_data`` of an event: arrays of SHA-256 hex digests and a few plain texts.

    ``default_country``: whose national phone numbers to assume where the event says nothing,
    alpha-2 in lower case, or "". ``sender_is_visitor``: the address the event came from is the
    visitor's own, not a server's. Whether it is enough to match anybody says ``require_person``.
    """
    user_data: dict[str, Any] = {}
    hashed, phones, states, plain, ip_addresses, click_urls = plan
    for name, section, key, path, others, normalise, known, is_shared, field in hashed:
        value = sections[section].get(key)
        # One plain text at the first path is by far the most frequent: it does without a call.
        if type(value) is str and (text := value.strip()) and len(text) < DIGEST_LENGTH:
            if text in known:
                user_data[name] = [known[text]]
                continue
            normal = normalise(text)
            if type(normal) is str and normal:
                try:
                    digest = sha256(normal.encode()).hexdigest()
                except UnicodeEncodeError:
                    digest = digest_of(normal)
                user_data[name] = [digest]
                if is_shared and len(known) < MAX_SHARED and len(text) <= _MAX_SHARED_TEXT:
                    known[text] = digest
                continue
        if value is not None:
            digests = digests_of(value, field, path, warnings)
            if digests:
                user_data[name] = digests
                continue
        for section, key, path in others:
            value = sections[section].get(key)
            if value is not None:
                digests = digests_of(value, field, path, warnings)
                if digests:
                    user_data[name] = digests
                    break
    for section, key, path in phones:
        value = sections[section].get(key)
        if type(value) is str and value and (digits := plain_phone(value)):
            user_data["ph"] = [sha256(digits.encode()).hexdigest()]
            break
        if value is not None:
            field = phone_field(homes(user_data, sections, default_country))
            digests = digests_of(value, field, path, warnings)
            if digests:
                user_data["ph"] = digests
                break
    if states:
        countries = user_data.get("country")
        country = countries[0] if countries and len(countries) == 1 else None
        row = _STATE_FIELDS.get(country)
        section, key, path = states[0]
        value = sections[section].get(key)
        if row is not None and type(value) is str and value in row.known:
            user_data["st"] = [row.known[value]]
        else:
            digests = _state(states, sections, country, warnings)
            if digests:
                user_data["st"] = digests
    if not send_external_id and "external_id" in user_data:
        del user_data["external_id"]
    if "em" not in user_data:
        digests = _emails_among_external_ids(sections[CONTEXT].get("externalId"))
        if digests:
            user_data["em"] = digests
    if sender_is_visitor:
        ip_addresses += _REQUEST_IP_STEPS
    ip_address = _ip_address(ip_addresses, sections, warnings)
    if ip_address:
        user_data["client_ip_address"] = ip_address
    read_texts(plain, sections, user_data, warnings)
    # The address of the landing page is newer than anything that was stored before.
    click_id = _click_id_in_urls(click_urls, sections)
    if click_id:
        user_data["click_id"] = click_id
    return user_data


def homes(user_data: dict[str, Any], sections: Sections, default_country: str) -> tuple[Home, ...]:
    """The countries whose national phone numbers an event may have, the likeliest first."""
    countries = user_data.get("country")
    address = COUNTRY_OF_DIGEST.get(countries[0]) if countries and len(countries) == 1 else None
    locale = sections[CONTEXT].get("locale")
    region = _REGION.match(locale) if type(locale) is str else None
    named = ((address, "address"), (region and region[1].lower(), "locale"))
    homes = [Home(country, source) for country, source in named if country]
    if default_country:
        homes.append(Home(default_country, "destination's default country"))
    return tuple(homes)


@lru_cache(maxsize=1024)
def phone_field(homes: tuple[Home, ...]) -> HashedField:
    """The phone's row for the countries of one event."""
    return HashedField(
        "ph",
        PHONE_PATHS,
        partial(phones_in, homes=homes),
        {},
        "phone_invalid",
        "This isn't a phone number of 7 to 15 digits.",
        nobody=DIGESTS_OF_NOTHING,
    )


# en-US, en_US.UTF-8, zh-Hant-TW
_REGION = re.compile(r"\s*[A-Za-z]{2,3}(?:[-_][A-Za-z]{4})?[-_]([A-Za-z]{2})(?![A-Za-z])")


def _state(
    steps: tuple[Step, ...],
    sections: Sections,
    country: str | None,
    warnings: list[Finding],
) -> list[str]:
    """The digests of the state; ``country``: the digest of the event's, as far as it has one."""
    field = _STATE_FIELDS.get(country) or state_field(country)
    for section, key, path in steps:
        value = sections[section].get(key)
        if value is None:
            continue
        digests = digests_of(value, field, path, warnings)
        if digests:
            if (
                type(value) is str
                and len(digests) == 1
                and len(value) <= _MAX_SHARED_TEXT
                and len(field.known) < MAX_STATES
            ):
                field.known[value] = digests[0]
            return digests
    return []


# By the digest of the country, as ``user_data`` has it.
_EXTERNAL_EMAIL = HASHED_FIELDS[0]
_STATE_FIELDS: dict[str | None, HashedField] = {}
MAX_STATES = 1_000


def state_field(country: str | None) -> HashedField:
    """The state's row for one country; ``known`` fills with what its customers write."""
    code = COUNTRY_OF_DIGEST.get(country) if country else None
    field = HashedField(
        "st",
        STATE_PATHS,
        partial(_state_code, country=code),
        {},
        "state_unknown",
        "This is neither a state of the US or Canada nor a region of the event's country.",
        nobody=DIGESTS_OF_NOTHING,
    )
    if code or country is None:
        _STATE_FIELDS[country] = field
    return field


def _emails_among_external_ids(external_ids: Any) -> list[str]:
    """Digests of the external IDs that are email addresses: RudderStack lists {type, id}."""
    if external_ids is None:
        return []
    found: dict[str, None] = {}
    for entry in external_ids if type(external_ids) is list else [external_ids]:
        ids = entry.get("id") if type(entry) is dict else entry
        for value in ids if type(ids) is list else [ids]:
            if type(value) is str and "@" in value:
                found.update(dict.fromkeys(digests_of(value, _EXTERNAL_EMAIL, "", [])))
    return list(found)


def _state_code(text: str, country: str | None) -> Normalised:
    # N/A without its punctuation is the code of Naples.
    cleaned = clean(text)
    return "" if is_placeholder(cleaned) else state_code(cleaned, country)


def _ip_address(steps: tuple[Step, ...], sections: Sections, warnings: list[Finding]) -> str | None:
    """The first public address; None as soon as one of the paths refuses that any is collected."""
    address = None
    for section, key, path in steps:
        value = sections[section].get(key)
        if value is None:
            continue
        found = visitor_address(value)
        if found == REFUSED:
            warnings.append(Finding("ip_address_refused", path, _IP_REFUSED))
            return None
        if address is not None:
            continue
        if found == PRIVATE:
            warnings.append(Finding("ip_address_private", path, _IP_PRIVATE))
        elif found is not None:
            address = found
            if found != value and not (type(value) is str and clean(value) == found):
                warnings.append(Finding("ip_address_repaired", path, _IP_REPAIRED))
        elif type(value) is dict or value is True:
            warnings.append(wrong_type(path))
        elif value and not (type(value) is str and usable_text(value) is None):
            message = "This isn't an IPv4 or IPv6 address."
            warnings.append(Finding("ip_address_invalid", path, message))
    return address


_IP_REFUSED = "The sender asked not to collect an IP address, so none was sent."
_IP_PRIVATE = "This is a private, local, or reserved address, not a visitor's. It was omitted."
_IP_REPAIRED = "The first public address in this text was sent, in its usual format."


def _click_id_in_urls(steps: tuple[Step, ...], sections: Sections) -> str | None:
    """The ``epik`` that Pinterest puts into the landing page's address."""
    for section, key, _ in steps:
        url = sections[section].get(key)
        if type(url) is str and ("epik=" in url or "=dj0" in url):
            for found in _EPIK.finditer(url):
                click_id = usable_text(unquote_plus(well_formed(found[1])))
                if click_id:
                    return click_id
    return None


def require_person(user_data: dict[str, Any], warnings: list[Finding]) -> None:
    """Raises EventRejected ``missing_user_data`` when Pinterest could not match anybody."""
    if "em" in user_data or "hashed_maids" in user_data:
        return
    has_address = "client_ip_address" in user_data
    has_agent = "client_user_agent" in user_data
    if has_address and has_agent:
        return
    if has_address:
        has = "only an IP address"
    elif has_agent:
        has = "only a user agent"
    else:
        has = "none of them"
    message = (
        "Pinterest needs an email (em), a mobile advertising ID (hashed_maids), or both an IP "
        f"address (client_ip_address) and a user agent (client_user_agent); this event has {has}."
    )
    raise EventRejected((Finding("missing_user_data", "", message),), tuple(warnings))
