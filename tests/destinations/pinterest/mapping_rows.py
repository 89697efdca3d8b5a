"""What must be shown by a golden case: RudderStack's documented rows, every path, every rule.

``SEED_ROWS`` lists the tables of RudderStack's page "Pinterest Tag, cloud mode" row by row: the
Pinterest side of the row, and the source paths that the row names (keys of ``PATHS``).
``PATHS`` lists, per Pinterest field, every path it is read from, in the order they are tried.
``RULES`` names every normalisation, rejection, filter and warning.
A golden case says what it shows with the tags ``seed:…``, ``mapping:field:path`` and ``rule:…``.
"""

from __future__ import annotations

TRAITS = ("traits", "context.traits")


def under_traits(*keys: str) -> tuple[str, ...]:
    """Every key under ``traits``, then every key under ``context.traits``."""
    return tuple(f"{root}.{key}" for root in TRAITS for key in keys)


def by_key(*keys: str) -> tuple[str, ...]:
    """Each key under ``traits`` and ``context.traits`` before the next key is tried."""
    return tuple(f"{root}.{key}" for key in keys for root in TRAITS)


def both_cases(camel: str, snake: str) -> tuple[str, ...]:
    return (f"properties.{camel}", f"properties.{snake}")


def product(key: str) -> tuple[str, ...]:
    return (f"properties.products[0].{key}", f"properties.{key}")


PRODUCT_ID = tuple(
    f"{root}.{key}"
    for root in ("properties.products[0]", "properties")
    for key in ("product_id", "product_sku", "sku", "id")
)
BIRTHDAY = ("birthday", "dateOfBirth", "dateofbirth", "dob", "DOB")

PATHS: dict[str, tuple[str, ...]] = {
    "2.event_name": ("event", "name"),
    "2.view_category": ("category", "properties.category"),
    "3.event_time": ("timestamp", "originalTimestamp", "receivedAt"),
    "3.event_id": (
        "integrations.Pinterest Tag.eventId",
        "integrations.PINTEREST_TAG.event_id",
        "integrations.Pinterest Conversions API.event_id",
        "messageId",
    ),
    "3.action_source": (
        "traits.action_source",
        "context.traits.action_source",
        "traits.actionSource",
        "context.traits.actionSource",
        "properties.action_source",
        "properties.actionSource",
        "channel",
    ),
    "3.app_platform": ("context.os.name", "context.device.type"),
    "3.event_source_url": ("context.page.url", "properties.url"),
    "3.opt_out": (
        "context.device.adTrackingEnabled",
        "context.device.attTrackingStatus",
        "context.device.trackingStatus",
    ),
    "3.advertiser_tracking_enabled": (
        "context.device.adTrackingEnabled",
        "context.device.attTrackingStatus",
        "context.device.trackingStatus",
    ),
    "3.app_id": ("destination.app_id",),
    "3.advertiser_id": ("destination.advertiser_id",),
    "3.app_name": ("properties.appName", "context.app.name"),
    "3.app_version": ("properties.appVersion", "context.app.version"),
    "3.device_brand": ("properties.manufacturer", "context.device.manufacturer"),
    "3.device_model": ("properties.deviceModel", "context.device.model"),
    "3.device_type": ("properties.deviceType", "context.device.type"),
    "3.os_version": ("context.os.version",),
    "3.language": ("properties.language", "context.traits.language", "context.locale"),
    "3.device_carrier": ("context.network.carrier",),
    "3.wifi": ("context.network.wifi",),
    "3.partner_name": ("properties.partnerName", "destination.partner_name"),
    "4.em": ("traits.email", "context.traits.email", "properties.email", "context.externalId"),
    "4.ph": ("traits.phone", "context.traits.phone", "properties.phone"),
    "4.ge": under_traits("gender"),
    "4.db": (*under_traits(*BIRTHDAY), "context.dateofbirth"),
    "4.ln": under_traits("lastName", "lastname", "last_name"),
    "4.fn": under_traits("firstName", "firstname", "first_name"),
    "4.ct": by_key("address.city", "city"),
    "4.st": by_key("address.state", "state"),
    "4.zp": by_key("address.zip", "address.postalCode", "address.postal_code", "zip", "postalCode"),
    "4.country": by_key("address.country", "country"),
    "4.hashed_maids": (
        "context.device.advertisingId",
        "context.device.idfa",
        "context.device.aaid",
    ),
    "4.external_id": (
        "userId",
        *under_traits("userId", "id"),
        "anonymousId",
    ),
    "4.client_ip_address": (
        "context.ip",
        "context.requestIP",
        "properties.ip",
        "properties.clientIpAddress",
        "request_ip",
    ),
    "4.client_user_agent": ("context.userAgent", "properties.userAgent"),
    "4.click_id": (
        "context.page.url",
        "context.page.search",
        "properties.url",
        "properties.search",
        "properties.clickId",
        "properties.click_id",
        "properties.epik",
        "properties._epik",
        "context.clickId",
        "context.click_id",
        "context.epik",
        "context._epik",
    ),
    "4.partner_id": under_traits("partnerId"),
    "5.currency": ("properties.currency",),
    "5.value": ("properties.value", "properties.total", "properties.revenue"),
    "5.order_id": both_cases("order_id", "orderId"),
    "5.search_string": ("properties.query", "properties.search_string"),
    "5.opt_out_type": both_cases("optOutType", "opt_out_type"),
    "5.content_name": both_cases("contentName", "content_name"),
    "5.content_category": both_cases("contentCategory", "content_category"),
    "5.content_brand": both_cases("contentBrand", "content_brand"),
    "5.np": ("properties.np",),
    "5.predicted_ltv": both_cases("predictedLtv", "predicted_ltv"),
    "5.content_ids": PRODUCT_ID,
    "5.contents.id": PRODUCT_ID,
    "5.contents.quantity": product("quantity"),
    "5.contents.item_price": product("price"),
    "5.contents.item_name": product("name"),
    "5.contents.item_category": product("category"),
    "5.contents.item_brand": product("brand"),
    "5.num_items": both_cases("numOfItems", "num_items"),
}

SEED_ROWS: dict[str, tuple[str, ...]] = {
    "ecommerce.Order Completed": (),
    "ecommerce.Product Added": (),
    "ecommerce.Products Searched": (),
    "ecommerce.Product List Filtered": (),
    "standard.Checkout": (),
    "standard.AddToCart": (),
    "standard.PageVisit": (),
    "standard.SignUp": (),
    "standard.WatchVideo": (),
    "standard.Lead": (),
    "standard.Search": (),
    "standard.ViewCategory": (),
    "standard.Custom": (),
    "standard.user_defined": (),
    "page.view_category": (),
    "page.page_visit": (),
    "sample.order_completed": (),
    "common.event_name": ("2.event_name:event",),
    "common.action_source": (
        "3.action_source:context.traits.action_source",
        "3.action_source:properties.action_source",
        "3.action_source:channel",
    ),
    "common.event_time": ("3.event_time:timestamp",),
    "common.advertiser_id": ("3.advertiser_id:destination.advertiser_id",),
    "common.event_id": ("3.event_id:integrations.Pinterest Tag.eventId", "3.event_id:messageId"),
    "common.event_source_url": ("3.event_source_url:context.page.url",),
    "common.opt_out": ("3.opt_out:context.device.adTrackingEnabled",),
    "common.app_id": ("3.app_id:destination.app_id",),
    "common.app_name": ("3.app_name:context.app.name", "3.app_name:properties.appName"),
    "common.app_version": (
        "3.app_version:context.app.version",
        "3.app_version:properties.appVersion",
    ),
    "common.device_brand": (
        "3.device_brand:context.device.manufacturer",
        "3.device_brand:properties.manufacturer",
    ),
    "common.device_model": (
        "3.device_model:context.device.model",
        "3.device_model:properties.deviceModel",
    ),
    "common.device_type": (
        "3.device_type:context.device.type",
        "3.device_type:properties.deviceType",
    ),
    "common.os_version": ("3.os_version:context.os.version",),
    "common.language": ("3.language:context.locale",),
    "user.em": tuple(f"4.em:{path}" for path in PATHS["4.em"][:3]),
    "user.ph": tuple(f"4.ph:{path}" for path in PATHS["4.ph"]),
    "user.ge": ("4.ge:context.traits.gender",),
    "user.db": ("4.db:traits.birthday", "4.db:context.traits.birthday"),
    "user.ln": ("4.ln:traits.lastName", "4.ln:context.traits.lastName"),
    "user.fn": ("4.fn:traits.firstName", "4.fn:context.traits.firstName"),
    "user.ct": ("4.ct:traits.address.city", "4.ct:context.traits.address.city"),
    "user.st": ("4.st:traits.address.state", "4.st:context.traits.address.state"),
    "user.zp": ("4.zp:traits.address.zip", "4.zp:context.traits.address.zip"),
    "user.country": (
        "4.country:traits.address.country",
        "4.country:context.traits.address.country",
    ),
    "user.hashed_maids": ("4.hashed_maids:context.device.advertisingId",),
    "user.client_ip_address": tuple(
        f"4.client_ip_address:{path}" for path in PATHS["4.client_ip_address"][:4]
    ),
    "user.client_user_agent": ("4.client_user_agent:context.userAgent",),
    "required.em": (),
    "required.hashed_maids": (),
    "required.ip_and_user_agent": (),
    "custom.currency": ("5.currency:properties.currency",),
    "custom.value": tuple(f"5.value:{path}" for path in PATHS["5.value"]),
    "custom.content_ids": (
        "5.content_ids:properties.product_id",
        "5.content_ids:properties.product_sku",
        "5.content_ids:properties.products[0].product_id",
        "5.content_ids:properties.products[0].product_sku",
    ),
    "custom.item_price": (
        "5.contents.item_price:properties.price",
        "5.contents.item_price:properties.products[0].price",
    ),
    "custom.quantity": (
        "5.contents.quantity:properties.quantity",
        "5.contents.quantity:properties.products[0].quantity",
    ),
    "custom.num_items": ("5.num_items:properties.numOfItems",),
    "custom.order_id": ("5.order_id:properties.order_id",),
    "custom.search_string": ("5.search_string:properties.query",),
    "ldp.opt_out_type": ("5.opt_out_type:properties.optOutType",),
    "ldp.st": ("4.st:traits.address.state", "4.st:context.traits.address.state"),
    "ldp.country": (
        "4.country:traits.address.country",
        "4.country:context.traits.address.country",
    ),
}

RULES: dict[str, str] = {
    "event": "repaired",
    "type": "track screen any_case",
    "unsupported_type": "identify group alias merge",
    "integrations": "all_false pinterest_tag PINTEREST_TAG destination_name other_destination "
    "pinterest_tag_false destination_name_false other_false spelling object segment pinterest "
    "words "
    "empty_list json",
    "event_name": "invisible placeholder trimmed fallthrough blank_category page_without_name "
    "page_ignores_map",
    "event_map": "any_case several duplicates before_ecommerce user_defined same_id tag_spelling",
    "ecommerce": "any_case",
    "standard": "add_payment_info add_to_wishlist app_install app_open contact customize_product "
    "find_location initiate_checkout schedule start_trial submit_application subscribe "
    "view_content any_spelling",
    "unmapped": "by_name as_custom filter_keeps_mapped own_name too_long field",
    "event_time": "clock fallthrough unreadable offset no_zone date fraction epoch_s epoch_ms "
    "epoch_us "
    "epoch_ns epoch_text printed zone_tag lost_plus not_set ambiguous at_age_limit no_age_limit "
    "future nearly_now",
    "event_id": "dedup_key index order number object array blank absent destination_name "
    "other_destination personal generated zero placeholder",
    "action_source": "web order fallthrough android device_android server sources default "
    "default_web assumed library library_and_os app_device phone_browser tv server_library",
    "opt_out": "true text null number words invalid att att_undetermined one_no",
    "advertiser_tracking_enabled": "android v3 denied",
    "app_id": "blank",
    "advertiser_id": "v5",
    "partner_name": "blank",
    "text": "order fallthrough number boolean false object array placeholder clean",
    "language": "region lower underscore invalid old accepted quality list three_letters name",
    "wifi": "false",
    "list": "empties null all_empty numbers zp",
    "hashed": "nothing lower by_value ph ct hashed_maids equal padded too_short",
    "em": "normalised fallthrough external_id no_at no_at_first object invisible blanks repaired "
    "decorated "
    "several handle international",
    "ph": "digits zeros scripts empty trunk trunk_italy extension tel several scientific rounded "
    "other_hash "
    "short national locale default_country next_country undecided whole invalid_first",
    "ge": "f m n padded unknown",
    "db": "iso datetime slashes ambiguous impossible",
    "ln": "normalised null",
    "fn": "normalised unicode joiner placeholder",
    "ct": "spaces punctuation letters digits fallthrough placeholder",
    "st": "normalised us ca other country_code decorated dotted unlisted unknown unknown_first",
    "zp": "digits zero letters spreadsheet",
    "country": "alpha2 alpha3 name unknown local parenthesis pair subdivision unknown_first",
    "hashed_maids": "normalised zero zero_first",
    "external_id": "normalised order fallthrough off invisible placeholder zero",
    "client_ip_address": "v6 zero invalid padded fallthrough mobile server no_channel "
    "browser_library "
    "list port mapped private refusal mobile_library server_library",
    "click_id": "other_parameter blank url_first other_network",
    "required": "ip_ua request_ip",
    "missing_user_data": "ip_only ua_only phone_only bad_ip server_ip",
    "ldp": "complete incomplete state_only field list",
    "currency": "upper invalid",
    "value": "order text trailing_zeros exponent not_a_number fallthrough list boolean zero "
    "negative separators currency_sign two_meanings",
    "custom_text": "number object fallthrough",
    "content_ids": "number fallthrough one_per_product placeholder",
    "products": "entry null object json single nested wrapped unreadable",
    "quantity": "of_event text float not_a_number",
    "item_price": "of_event text separators dropped negative",
    "num_items": "sum null not_a_number negative",
    "custom_data": "page screen unknown page_products",
    "": "unsupported_type integration_disabled event_name_missing unmapped_event "
    "consent_denied consent_missing filtered_by_rule bot bot_suspected "
    "event_time_missing event_too_old action_source_invalid missing_user_data "
    "rejected_with_warnings event_map number list equal_digests hashed utf8 no_product "
    "broken_objects",
}

# For each field a value that its later paths may hold and that must not win; other fields: text.
DECOYS: dict[str, object] = {
    "3.event_time": "2020-01-01T00:00:00Z",
    "3.action_source": "offline",
    "3.app_platform": "ios",
    "3.opt_out": True,
    "3.advertiser_tracking_enabled": True,
    "3.language": "xx",
    "4.em": "decoy@example.com",
    "4.ph": "4930123456",
    "4.ge": "n",
    "4.db": "20010203",
    "4.zp": "10115",
    "4.country": "fr",
    "4.client_ip_address": "198.51.100.9",
    "5.value": 99,
    "5.predicted_ltv": 99,
    "5.num_items": 99,
    "5.contents.quantity": 99,
    "5.contents.item_price": 99,
}
PATH_DECOYS: dict[str, object] = {
    "context.device.attTrackingStatus": 3,
    "context.device.trackingStatus": "authorized",
    "context.externalId": [{"type": "email", "id": "decoy@example.com"}],
    "context.page.url": "https://shop.example/?epik=decoy",
    "context.page.search": "?epik=decoy",
    "properties.url": "https://shop.example/?epik=decoy",
    "properties.search": "?epik=decoy",
}


def decoy(field: str, path: str) -> object:
    return PATH_DECOYS.get(path, DECOYS.get(field, "decoy"))


def seed_tags() -> list[str]:
    return [f"seed:{row}" for row in SEED_ROWS]


def path_tags() -> list[str]:
    return [f"mapping:{field}:{path}" for field, paths in PATHS.items() for path in paths]


def rule_tags() -> list[str]:
    return [
        f"rule:{group}.{name}" if group else f"rule:{name}"
        for group, names in RULES.items()
        for name in names.split()
    ]
