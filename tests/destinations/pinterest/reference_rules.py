"""Every way in which our conversions may differ from the reference destination's, by name.

A rule takes one difference and says whether it explains it. Each of them holds only if our value
is the one that the mapping, restated in ``law``, asks for: a rule never excuses a mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tests.destinations.pinterest import reference_mapping
from tests.destinations.pinterest.mapping_rows import PATHS
from tests.destinations.pinterest.reference_mapping import ABSENT

NO_DIGEST = sha256(b"").hexdigest()


@dataclass(frozen=True)
class Difference:
    """One field that differs; ``conversion`` is ours, ``config`` RudderStack's."""

    field: str
    ours: Any
    theirs: Any
    event: dict
    config: dict
    conversion: dict

    @property
    def name(self) -> str:
        return self.field.rpartition(".")[2]

    def is_lawful(self) -> bool:
        return self.ours == reference_mapping.value_of(self.event, self.field)

    def received(self) -> list[Any]:
        """Every value at the field's paths, lists taken apart."""
        section = {"user_data": "4", "custom_data": "5"}.get(self.field.rpartition(".")[0], "3")
        found: list[Any] = []
        for path in PATHS.get(f"{section}.{self.name}", ()):
            value = reference_mapping.at(self.event, path)
            found += value if isinstance(value, list) else [value]
        return found


Rule = Callable[[Difference], bool]


def is_hashed_field(d: Difference) -> bool:
    return d.field.startswith("user_data.") and d.name in reference_mapping.HASHED


def is_text_field(d: Difference) -> bool:
    return d.name in (
        *reference_mapping.EVENT_TEXTS,
        *reference_mapping.CUSTOM_TEXTS,
        *reference_mapping.USER_TEXTS,
        "click_id",
        "language",
    )


def is_written_out(theirs: Any) -> bool:
    """An object or array, or its JSON as the reference writes it into text fields."""
    if isinstance(theirs, str) and theirs[:1] in ("{", "["):
        return isinstance(json.loads(theirs), dict | list)
    return isinstance(theirs, dict | list)


# -- user_data -------------------------------------------------------------------------------------


def every_value_is_hashed(d: Difference) -> bool:
    """sendingUnHashedData has no meaning: a plain value is hashed whatever the toggle says."""
    return is_hashed_field(d) and d.config.get("sendingUnHashedData") is not True and d.is_lawful()


def nothing_empty_is_hashed(d: Difference) -> bool:
    """The reference sends the digest of "" for blanks and for phones without digits."""
    return is_hashed_field(d) and NO_DIGEST in d.theirs and d.is_lawful()


def hashed_values_pass(d: Difference) -> bool:
    """64 hex digits are a digest already; the reference hashes them again."""
    known = [
        v for v in d.received() if isinstance(v, str) and re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", v)
    ]
    return is_hashed_field(d) and bool(known) and d.is_lawful()


def numbers_count_as_text(d: Difference) -> bool:
    """A number as ID, phone, postal code or birthday; the reference takes it for empty."""
    return (
        is_hashed_field(d) and any(map(reference_mapping.is_number, d.received())) and d.is_lawful()
    )


def unusable_values_vanish(d: Difference) -> bool:
    """Null, blanks, booleans, objects and what a field's own rule drops never hide another
    value."""

    def is_unusable(value: Any) -> bool:
        return not reference_mapping.digests(d.name, value)

    return is_hashed_field(d) and any(map(is_unusable, d.received())) and d.is_lawful()


def normalised_as_pinterest_asks(d: Difference) -> bool:
    """YYYYMMDD birthdays, cities without spaces, two-letter states and countries, both forms of a
    postal code, trimmed IDs, lower-case device IDs, every spelling of a gender, any digits."""
    names = ("em", "ph", "ge", "db", "ct", "st", "zp", "country", "hashed_maids", "external_id")
    return is_hashed_field(d) and d.name in names and d.is_lawful()


def equal_digests_are_sent_once(d: Difference) -> bool:
    """The reference repeats them."""
    return (
        is_hashed_field(d)
        and d.theirs != ABSENT
        and len(set(d.theirs)) < len(d.theirs)
        and d.is_lawful()
    )


def an_ip_address_is_usable_and_the_visitors(d: Difference) -> bool:
    """It parses, is not 0.0.0.0, and request_ip counts for channel web and mobile only."""
    return d.field == "user_data.client_ip_address" and d.is_lawful()


# -- texts -----------------------------------------------------------------------------------------


def text_fields_are_text(d: Difference) -> bool:
    """A number or boolean is sent as text, which Pinterest's schema demands."""
    return is_text_field(d) and d.ours == reference_mapping.text(d.theirs) and d.is_lawful()


def objects_and_arrays_are_no_text(d: Difference) -> bool:
    """The reference sends them, or their JSON."""
    return is_text_field(d) and is_written_out(d.theirs) and d.is_lawful()


def blanks_and_null_count_as_absent(d: Difference) -> bool:
    """The reference sends "" and null, and lets them hide a later path."""
    blank = d.theirs is None or (isinstance(d.theirs, str) and not d.theirs.strip())
    hidden = d.theirs == ABSENT and any(v is None or v == "" or v == [] for v in d.received())
    return is_text_field(d) and (blank or hidden) and d.is_lawful()


def true_and_zero_are_values(d: Difference) -> bool:
    """The reference drops numbers and booleans from some text fields."""
    scalars = [v for v in d.received() if isinstance(v, bool) or reference_mapping.is_number(v)]
    return is_text_field(d) and d.theirs == ABSENT and bool(scalars) and d.is_lawful()


def false_is_no_text(d: Difference) -> bool:
    """The reference sends false, or its JSON, where a text is expected."""
    return is_text_field(d) and d.theirs in (False, "false") and d.is_lawful()


def a_carrier_needs_no_partner_name(d: Difference) -> bool:
    """The reference looks at properties.partnerName before it sends device_carrier."""
    return d.name == "device_carrier" and d.theirs == ABSENT and d.is_lawful()


def a_language_is_two_letters(d: Difference) -> bool:
    """en-US becomes en; the reference sends any text, and does not read context.locale so far."""
    return d.name == "language" and d.is_lawful()


# -- booleans, times, IDs --------------------------------------------------------------------------


def opt_out_needs_true_or_false(d: Difference) -> bool:
    """The reference negates null, 0 and any text."""
    return d.name == "opt_out" and d.is_lawful()


def wifi_false_is_sent(d: Difference) -> bool:
    """The reference leaves false out, and takes the text "false" for true."""
    return d.name == "wifi" and d.is_lawful()


def tracking_permission_belongs_to_apps(d: Difference) -> bool:
    """advertiser_tracking_enabled is sent with v5 and app sources only, and always there."""
    if d.name != "advertiser_tracking_enabled":
        return False
    allowed = reference_mapping.is_set(d.event, "context.device.adTrackingEnabled")
    is_app = d.conversion["action_source"] in ("app_ios", "app_android")
    is_v5 = d.config.get("apiVersion") != "legacyApi"
    return d.ours == (allowed if is_app and is_v5 and allowed is not None else ABSENT)


def an_epoch_is_told_by_its_size(d: Difference) -> bool:
    """The reference takes seconds for milliseconds."""
    return d.name == "event_time" and d.is_lawful()


def an_event_id_is_usable_text(d: Difference) -> bool:
    """Numbers become text, padding comes off; objects, arrays, booleans, blanks and 0 fall through
    to
    the message ID."""
    if d.name != "event_id":
        return False
    message_id = reference_mapping.text(d.event.get("messageId"))
    if str(d.theirs) in reference_mapping.NOBODY:
        return d.ours == message_id or (message_id is None and len(d.ours) == 36)
    written = reference_mapping.text(d.theirs) if d.theirs != ABSENT else None
    if reference_mapping.is_number(d.theirs) or (written and written != d.theirs):
        return bool(d.ours == written)
    usable = isinstance(d.theirs, str) and d.theirs.strip() and d.theirs != ABSENT
    return not usable and message_id is not None and d.ours == message_id


def an_event_id_is_never_missing(d: Difference) -> bool:
    """Ingest gives every event a message ID; here, without ingest, one is made."""
    unusable = d.theirs == ABSENT or isinstance(d.theirs, dict | list | bool | None)
    return d.name == "event_id" and unusable and not d.event.get("messageId") and len(d.ours) == 36


def v5_is_the_default(d: Difference) -> bool:
    """Without an apiVersion the reference sends v3, with the advertiser ID inside the event."""
    no_v3 = d.config.get("apiVersion") != "legacyApi"
    return d.name == "advertiser_id" and no_v3 and d.ours == ABSENT


def account_and_app_ids_are_text(d: Difference) -> bool:
    """The reference sends a number as it is, and null or "" for none."""
    if d.name not in ("advertiser_id", "app_id"):
        return False
    return bool(d.ours == (reference_mapping.text(d.theirs) or ABSENT))


# -- custom_data -----------------------------------------------------------------------------------


def pages_and_screens_have_custom_data(d: Difference) -> bool:
    """The reference sends it for track calls only."""
    is_track = str(d.event.get("type")).strip().lower() == "track"
    return (
        d.field.startswith("custom_data.") and not is_track and d.theirs == ABSENT and d.is_lawful()
    )


def a_currency_is_three_capitals(d: Difference) -> bool:
    """The reference sends anything as it is."""
    return d.field == "custom_data.currency" and d.is_lawful()


def a_value_is_decimal_text(d: Difference) -> bool:
    """No exponent, no "null", "12,50" as 12.50, nothing of zero or less; what is no number gives
    way to
    the next path."""
    return d.field in ("custom_data.value", "custom_data.predicted_ltv") and d.is_lawful()


def products_are_those_of_the_event(d: Difference) -> bool:
    """No fillers where there is no product; the ID in content_ids is the one in contents;
    quantities
    are whole numbers and num_items is their sum; prices are decimal text; nothing is null."""
    return (
        d.field in ("custom_data.contents", "custom_data.content_ids", "custom_data.num_items")
        and d.is_lawful()
    )


def more_paths_are_read(d: Difference) -> bool:
    """orderId, content_name, idfa and the like, and epik= in a URL."""
    return d.theirs == ABSENT and (is_text_field(d) or is_hashed_field(d)) and d.is_lawful()


RULES: tuple[Rule, ...] = (
    every_value_is_hashed,
    nothing_empty_is_hashed,
    hashed_values_pass,
    numbers_count_as_text,
    unusable_values_vanish,
    equal_digests_are_sent_once,
    normalised_as_pinterest_asks,
    an_ip_address_is_usable_and_the_visitors,
    pages_and_screens_have_custom_data,
    objects_and_arrays_are_no_text,
    a_language_is_two_letters,
    text_fields_are_text,
    blanks_and_null_count_as_absent,
    a_carrier_needs_no_partner_name,
    true_and_zero_are_values,
    false_is_no_text,
    opt_out_needs_true_or_false,
    wifi_false_is_sent,
    tracking_permission_belongs_to_apps,
    an_epoch_is_told_by_its_size,
    an_event_id_is_usable_text,
    an_event_id_is_never_missing,
    v5_is_the_default,
    account_and_app_ids_are_text,
    a_currency_is_three_capitals,
    a_value_is_decimal_text,
    products_are_those_of_the_event,
    more_paths_are_read,
)


# -- names and refusals ----------------------------------------------------------------------------


def folded(name: Any) -> str:
    return name.strip().casefold() if isinstance(name, str) else ""


def standard(name: str) -> str:
    """A spelling without case and separators."""
    return re.sub(r"[\s_-]", "", name).casefold()


STANDARD = {
    standard(name): name
    for name in [
        "checkout",
        "add_to_cart",
        "page_visit",
        "signup",
        "watch_video",
        "lead",
        "search",
        "view_category",
        "custom",
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
    ]
}
ECOMMERCE = {
    "order completed": "checkout",
    "product added": "add_to_cart",
    "products searched": "search",
    "product list filtered": "search",
}


def lawful_names(event: dict, config: dict) -> list[str]:
    """The names that mapping §2 gives this event under RudderStack's config."""
    if folded(event.get("type")) == "page":
        paths = PATHS["2.view_category"]
        return [
            "view_category"
            if reference_mapping.first(event, paths, reference_mapping.text) != ABSENT
            else "page_visit"
        ]
    name = next((event[k].strip() for k in ("event", "name") if folded(event.get(k))), "")
    mapped = [
        STANDARD.get(standard(row["to"]), own_name(row["to"]))
        for row in config.get("eventsMapping") or []
        if folded(row["from"]) == name.casefold() and row["to"].strip()
    ]
    if mapped:
        return list(dict.fromkeys(mapped))
    known = ECOMMERCE.get(name.casefold()) or STANDARD.get(standard(name))
    return [known or ("custom" if config.get("sendAsCustomEvent") else name)]


def own_name(name: str) -> str:
    """As it is written when Pinterest can take it, else lower case with _ for what it cannot."""
    name = name.strip()
    return (
        name
        if re.fullmatch(r"[\w-]+", name, re.A)
        else re.sub(r"[^\w-]+", "_", name.lower(), flags=re.A)
    )


def names_by_table_and_any_case(ours: list[str], event: dict, config: dict) -> bool:
    """Event maps and standard names match in any case and spelling, each target counts once, an
    empty target not at all, and no name is split by a regular expression."""
    return ours == lawful_names(event, config)


def nobody_could_be_matched(code: str, event: dict) -> bool:
    """The reference counts emails that are no address, digests of "" and 0.0.0.0 as user data."""

    def has(field: str) -> bool:
        return reference_mapping.value_of(event, f"user_data.{field}") != ABSENT

    pair = has("client_ip_address") and has("client_user_agent")
    return code == "missing_user_data" and not (has("em") or has("hashed_maids") or pair)
