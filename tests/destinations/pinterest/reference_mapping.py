"""The mapping restated as plainly as possible, slow and without the transform's code.

``value_of(event, config, field)`` is what a field must be. The paths come from ``mapping_rows``;
fields of ``user_data`` and ``custom_data`` are named like ``user_data.em``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from math import floor, isfinite
from typing import Any
from unicodedata import category, decimal

from tests.destinations.pinterest.mapping_rows import PATHS

ABSENT = "(absent)"
USER_TEXTS = ("client_user_agent", "partner_id")
HASHED = [
    "em",
    "ph",
    "ge",
    "db",
    "ln",
    "fn",
    "ct",
    "st",
    "zp",
    "country",
    "hashed_maids",
    "external_id",
]
EVENT_TEXTS = [
    "event_source_url",
    "app_name",
    "app_version",
    "device_brand",
    "device_model",
    "device_type",
    "os_version",
    "device_carrier",
    "partner_name",
]
CUSTOM_TEXTS = [
    "order_id",
    "search_string",
    "opt_out_type",
    "content_name",
    "content_category",
    "content_brand",
    "np",
]
# What stands for nothing in the reference's events.
NOBODY = ("0", "-1", sha256(b"").hexdigest())
COUNTRIES = {"united states": "us", "us": "us", "de": "de", "fr": "fr", "gb": "gb", "in": "in"}
STATES = {
    "california": "ca",
    "texas": "tx",
    "new york": "ny",
    "ontario": "on",
    **{code: code for code in ("ca", "tx", "ny", "on")},
}
# Regions of other countries in the reference's events: their country and their code.
REGIONS = {
    "île-de-france": ("fr", "idf"),
    "nsw": ("au", "nsw"),
    "wb": ("in", "wb"),
    "bayern": ("de", "by"),
}
ISO_DAY = re.compile(r"(\d{4})[-/]?(\d\d)[-/]?(\d\d)(?:T.*)?", re.ASCII)


def at(event: Any, path: str) -> Any:
    for key in path.split("."):
        event = event.get(key) if isinstance(event, dict) else None
    return event


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def decimal_text(value: Any) -> str | None:
    if is_number(value):
        written = format(Decimal(repr(value)), "f")
        return written.rstrip("0").rstrip(".") if "." in written else written
    if isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", value.strip(), re.A):
        try:
            number = Decimal(value.strip())
        except InvalidOperation:
            return None
        return value.strip() if "e" not in value.lower() else format(number, "f")
    return amount(value) if isinstance(value, str) else None


def amount(value: str) -> str | None:
    """A number as people write it, as far as the reference's events have such."""
    bare = re.sub(r"^([$€£]|[A-Z]{3})\s*|\s*([$€£]|[A-Z]{3})$", "", value.strip())
    if re.fullmatch(r"\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,}", bare, re.A):
        return bare.replace(",", "")
    if re.fullmatch(r"\d+,\d{1,2}|\d{1,3}(\.\d{3})+,\d+", bare, re.A):
        return bare.replace(".", "").replace(",", ".")
    return bare if re.fullmatch(r"\d+(\.\d{1,2})?", bare, re.A) and bare != value.strip() else None


def value_of_order(value: Any) -> str | None:
    """Pinterest takes no value of zero or less."""
    written = decimal_text(value)
    return written if written and Decimal(written) > 0 else None


def not_negative(value: Any) -> str | None:
    written = decimal_text(value)
    return written if written and not written.startswith("-") else None


def text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else None
    if isinstance(value, str):
        return " ".join(value.split()) or None
    return decimal_text(value) if is_number(value) else None


def integer(value: Any) -> int | None:
    written = decimal_text(value)
    return int(Decimal(written)) if written and Decimal(written) % 1 == 0 else None


def count(value: Any) -> int | None:
    found = integer(value)
    return found if found is not None and found >= 0 else None


def first(event: dict, paths: Iterable[str], read: Callable[[Any], Any]) -> Any:
    found = (read(at(event, path)) for path in paths)
    return next((value for value in found if value is not None), ABSENT)


# -- user_data -------------------------------------------------------------------------------------


def digits(value: str) -> str:
    return "".join(str(decimal(sign)) for sign in value if sign.isdecimal())


def day(value: str) -> list[str]:
    found = ISO_DAY.fullmatch(value)
    if not found:
        return []
    try:
        return [date(*map(int, found.groups())).strftime("%Y%m%d")]
    except ValueError:
        return []


def gender(value: str) -> list[str]:
    letters = re.sub(r"[^a-z]", "", value.lower())
    for normal, spellings in {
        "f": ("f", "female", "woman"),
        "m": ("m", "male", "man"),
        "n": ("n", "nonbinary", "nb", "other"),
    }.items():
        if letters in spellings:
            return [normal]
    return []


def postal_codes(value: str) -> list[str]:
    with_letters = "".join(sign for sign in value.lower() if sign.isalnum())
    return [with_letters, digits(value)] if not with_letters.isdecimal() else [digits(value)]


NORMAL: dict[str, Callable[[str], list[str]]] = {
    "em": lambda value: [value.lower()] if re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", value) else [],
    "ge": gender,
    "db": day,
    "ln": lambda value: [value.lower()],
    "fn": lambda value: [value.lower()],
    "ct": lambda value: ["".join(c for c in value.lower() if category(c)[0] in "LMN")],
    "zp": postal_codes,
    "country": lambda value: [COUNTRIES[value.lower()]] if value.lower() in COUNTRIES else [],
    "hashed_maids": lambda value: [value.lower()] if value.strip("0-") else [],
    "external_id": lambda value: [value],
}


def phone(value: str, event: dict) -> list[str]:
    """E.164 digits; a national number of the reference's events gets its country's code."""
    written = re.sub(r";ext=\d+$", "", value)
    found = digits(written).lstrip("0")
    is_whole = "+" in written or written.startswith("00")
    locale = at(event, "context.locale")
    region = locale[3:].lower() if isinstance(locale, str) else ""
    for country in () if is_whole else (country_of(event), region):
        code, national = NATIONAL_PHONES.get(country or "", ("", "$-"))
        if re.fullmatch(national, found, re.A):
            found = code + found
            break
    return [found] if 7 <= len(found) <= 15 else []


# Calling codes, and what the national numbers of the reference's events look like there.
NATIONAL_PHONES = {"us": ("1", r"[2-9]\d{9}"), "de": ("49", r"4[0-8]\d{3,13}|[57]\d{5,14}")}


def state(value: str, country: str | None) -> list[str]:
    written = value.lower()
    home, code = REGIONS.get(written, (None, ""))
    if code and country in (None, home):
        return [code]
    if written == "n.y." and country in (None, "us"):
        return ["ny"]
    if written in STATES:
        return [STATES[written]]
    return [] if country in (None, "us") else [written]


def country_of(event: dict) -> str | None:
    found = hashed(event, "country")
    known = {sha256(code.encode()).hexdigest(): code for code in COUNTRIES.values()}
    return known.get(found[0]) if found != ABSENT and len(found) == 1 else None


def user_paths(field: str) -> list[str]:
    return [path for path in PATHS[f"4.{field}"] if path != "context.externalId"]


def digests(
    field: str, value: Any, country: str | None = None, event: dict | None = None
) -> list[str]:
    found: list[str] = []
    for one in value if isinstance(value, list) else [value]:
        written = None if isinstance(one, bool) else text(one)
        if written is None:
            continue
        if written in NOBODY:
            continue
        if re.fullmatch(r"[0-9a-fA-F]{64}", written.strip()):
            found.append(written.strip().lower())
        else:
            trimmed = written.strip()
            if field == "st":
                normal = state(trimmed, country)
            elif field == "ph":
                normal = phone(trimmed, event or {})
            else:
                normal = NORMAL[field](trimmed)
            found += [sha256(form.encode()).hexdigest() for form in normal if form]
    return list(dict.fromkeys(found))


def hashed(event: dict, field: str) -> Any:
    country = country_of(event) if field == "st" else None
    found = first(
        event, user_paths(field), lambda value: digests(field, value, country, event) or None
    )
    if found == ABSENT and field == "em":
        entries = at(event, "context.externalId")
        ids = [entry.get("id") for entry in entries or [] if isinstance(entry, dict)]
        flat = [one for value in ids for one in (value if isinstance(value, list) else [value])]
        mails = [one for one in flat if isinstance(one, str) and re.search(r"\S@\S", one)]
        return digests("em", mails) or ABSENT
    return found


def ip_address(event: dict) -> Any:
    paths = list(PATHS["4.client_ip_address"])
    if event.get("channel") not in ("web", "mobile"):
        paths.remove("request_ip")
    usable = []
    for path in paths:
        try:
            address = ipaddress.ip_address((text(at(event, path)) or "").strip())
        except ValueError:
            continue
        if int(address) == 0:
            return ABSENT  # a refusal
        documentation = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
        if address.is_global or str(address).startswith(documentation):
            usable.append(str(at(event, path)).strip())
    return usable[0] if usable else ABSENT


def click_id(event: dict) -> Any:
    for path in PATHS["4.click_id"][:4]:
        url = at(event, path)
        found = re.search(r"[?&]epik=([^&#]*)", url) if isinstance(url, str) else None
        if found and found[1].strip():
            return found[1]
    return first(event, PATHS["4.click_id"][4:], text)


# -- custom_data -----------------------------------------------------------------------------------


def products(event: dict) -> dict[str, Any]:
    """``content_ids``, ``contents`` and ``num_items`` as far as the event has products."""
    properties = event.get("properties")
    if not isinstance(properties, dict):
        return {}
    listed = properties.get("products")
    if isinstance(listed, list):
        entries = [one for one in listed if isinstance(one, dict)]
    elif isinstance(listed, dict) and {"product_id", "sku", "id", "name", "price"} & listed.keys():
        entries = [listed]
    else:
        alone = any(text(properties.get(key)) for key in ("product_id", "product_sku", "sku", "id"))
        alone = alone or decimal_text(properties.get("price")) is not None
        alone = alone or integer(properties.get("quantity")) is not None
        entries = [properties] if alone else []
    contents = []
    for entry in entries:
        identity = first(entry, ("product_id", "product_sku", "sku", "id"), text)
        own = {
            "id": identity,
            "item_price": first(entry, ["price"], not_negative),
            "item_name": first(entry, ["name"], text),
            "item_category": first(entry, ["category"], text),
            "item_brand": first(entry, ["brand"], text),
            "quantity": first(entry, ["quantity"], count),
        }
        own = {key: value for key, value in own.items() if value != ABSENT}
        if own:
            shared = {
                "item_price": not_negative(properties.get("price")),
                "quantity": count(properties.get("quantity")),
            }
            shared = {key: value for key, value in shared.items() if value is not None}
            contents.append({"quantity": 1} | shared | own)
    found: dict[str, Any] = {}
    if contents:
        found["contents"] = contents
        found["num_items"] = sum(content["quantity"] for content in contents)
    if any("id" in content for content in contents):
        found["content_ids"] = [content["id"] for content in contents if "id" in content]
    stated = first(event, PATHS["5.num_items"], count)
    return found | ({"num_items": stated} if stated != ABSENT else {})


# -- the event -------------------------------------------------------------------------------------


def true_or_false(value: Any) -> bool | None:
    yes, no = ("true", "1", "yes"), ("false", "0", "no")
    written = str(value).strip().lower()
    return True if written in yes else False if written in no else None


def is_set(event: dict, path: str) -> Any:
    value = at(event, path)
    return true_or_false(value)


def event_time(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d+", value):
        value = int(value)
    if is_number(value):
        in_unit = [value / unit for unit in (1, 1e3, 1e6) if 9e8 < value / unit < 3.2e9]
        return floor(in_unit[0]) if in_unit else None
    if not isinstance(value, str):
        return None
    for layout in ("%a, %d %b %Y %H:%M:%S GMT", "%B %d, %Y %H:%M:%S UTC"):
        try:
            return int(datetime.strptime(value, layout).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def language(value: Any) -> str | None:
    for one in value if isinstance(value, list) else [value]:
        found = (
            re.fullmatch(r"([A-Za-z]{2})([-_].*)?", one.strip()) if isinstance(one, str) else None
        )
        if found:
            return {"iw": "he", "in": "id"}.get(found[1].lower(), found[1].lower())
    return None


def currency(value: Any) -> str | None:
    matches = isinstance(value, str) and re.fullmatch(r"[A-Za-z]{3}", value.strip())
    return value.strip().upper() if matches else None


def value_of(event: dict, field: str) -> Any:
    """What ``field`` must be in a conversion of ``event``, wherever the event alone decides it."""
    section, _, name = field.rpartition(".")
    if section == "user_data":
        if name in HASHED:
            return hashed(event, name)
        readers = {"client_ip_address": ip_address, "click_id": click_id}
        return readers[name](event) if name in readers else first(event, PATHS[f"4.{name}"], text)
    if section == "custom_data":
        if name in ("contents", "content_ids", "num_items"):
            return products(event).get(name, ABSENT)
        read = {"value": value_of_order, "predicted_ltv": decimal_text, "currency": currency}
        return first(event, PATHS[f"5.{name}"], read.get(name, text))
    if name == "event_time":
        return first(event, PATHS["3.event_time"], event_time)
    if name == "language":
        return first(event, PATHS["3.language"], language)
    if name == "opt_out":
        allowed = is_set(event, "context.device.adTrackingEnabled")
        return ABSENT if allowed is None else not allowed
    if name == "wifi":
        raw = at(event, "context.network.wifi")
        connected = bool(raw) if raw in (0.0, 1.0) else is_set(event, "context.network.wifi")
        return ABSENT if connected is None else connected
    paths = [path for path in PATHS[f"3.{name}"] if not path.startswith("destination.")]
    return first(event, paths, text)
