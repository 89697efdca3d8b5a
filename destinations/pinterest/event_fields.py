"""The fields of the conversion itself: where the event happened, on what, and with which
consent."""

from __future__ import annotations

import re
from typing import Any

from .config import ACTION_SOURCES, TransformConfig
from .event import DEVICE, NETWORK, Sections, Step, paths
from .findings import EventRejected, Finding
from .languages import language
from .senders import platform_of
from .texts import TextField, TextRow, read_texts, wrong_type
from .values import boolean, usable_text

APP_SOURCES = ("app_ios", "app_android")

ACTION_SOURCE_PATHS = paths(
    "traits.action_source",
    "context.traits.action_source",
    "traits.actionSource",
    "context.traits.actionSource",
    "properties.action_source",
    "properties.actionSource",
)


EVENT_FIELDS: tuple[TextField, ...] = (
    TextField("event_source_url", paths("context.page.url", "properties.url")),
    TextField("app_name", paths("properties.appName", "context.app.name"), is_shared=True),
    TextField("app_version", paths("properties.appVersion", "context.app.version"), is_shared=True),
    TextField(
        "device_brand",
        paths("properties.manufacturer", "context.device.manufacturer"),
        is_shared=True,
    ),
    TextField(
        "device_model", paths("properties.deviceModel", "context.device.model"), is_shared=True
    ),
    TextField("device_type", paths("properties.deviceType", "context.device.type"), is_shared=True),
    TextField("os_version", paths("context.os.version"), is_shared=True),
    TextField(
        "language",
        paths("properties.language", "context.traits.language", "context.locale"),
        language,
        "language_invalid",
        "A language must be a code or locale, such as en or en-US.",
    ),
    TextField("device_carrier", paths("context.network.carrier"), is_shared=True),
    TextField("partner_name", paths("properties.partnerName"), is_shared=True),
)
"""The texts of a conversion."""


def read_action_source(
    steps: tuple[Step, ...],
    sections: Sections,
    channel: str,
    config: TransformConfig,
    warnings: list[Finding],
) -> str:
    """Where the event happened: what it says, else what its channel says, else the default.

    Raises EventRejected ``action_source_invalid`` for an explicit value Pinterest does not know.
    """
    for section, key, path in steps:
        value = sections[section].get(key)
        if value is None:
            continue
        text = usable_text(value)
        if text is None:
            if type(value) is not str and value is not False:
                warnings.append(wrong_type(path))
            continue
        source = text.lower()
        if source in ACTION_SOURCES:
            return source
        message = f"The action source must be one of {', '.join(ACTION_SOURCES)}."
        raise EventRejected((Finding("action_source_invalid", path, message),), tuple(warnings))
    if channel in ACTION_SOURCES:
        return channel
    default = config.default_action_source
    if default not in ACTION_SOURCES:
        default = "web"
    if channel == "mobile":
        return platform_of(sections) or _assumed_source(default, warnings)
    return default


def _assumed_source(default: str, warnings: list[Finding]) -> str:
    message = (
        "Sent with the destination's default action source, because neither the operating system "
        "nor "
        "the device type says iOS or Android."
    )
    warnings.append(Finding("action_source_assumed", "context.os.name", message))
    return default


def read_event_fields(
    rows: tuple[TextRow, ...],
    sections: Sections,
    config: TransformConfig,
    fields: dict[str, Any],
    warnings: list[Finding],
) -> None:
    """Adds everything but the name, the ID, the time and the action source, which it reads."""
    read_texts(rows, sections, fields, warnings)
    device = sections[DEVICE]
    allowed = device.get("adTrackingEnabled")
    if type(allowed) is not bool or not _STATUS_KEYS.isdisjoint(device):
        allowed = _tracking_allowed(device, warnings)
    if allowed is not None:
        fields["opt_out"] = not allowed
        # The public schema does not list this key, and a web event gains nothing by it.
        if config.api_version == "v5" and fields["action_source"] in APP_SOURCES:
            fields["advertiser_tracking_enabled"] = allowed
    wifi = sections[NETWORK].get("wifi")
    if wifi is not None:
        connected = wifi if type(wifi) is bool else boolean(wifi)
        if connected is not None:
            fields["wifi"] = connected
        else:
            _warn_of_boolean(wifi, "context.network.wifi", warnings)
    if config.app_id:
        fields["app_id"] = config.app_id
    if config.partner_name and "partner_name" not in fields:
        fields["partner_name"] = config.partner_name
    if config.api_version == "v3" and config.advertiser_id:
        fields["advertiser_id"] = config.advertiser_id


# What iOS answers when an app asks to track (ATTrackingManager.AuthorizationStatus), as RudderStack
# sends it in attTrackingStatus and Segment in trackingStatus. None: not asked yet.
_TRACKING_STATUSES: dict[str, bool | None] = {
    **dict.fromkeys(("3", "authorized", "authorised"), True),
    **dict.fromkeys(("2", "denied", "1", "restricted"), False),
    **dict.fromkeys(("0", "notdetermined", "undetermined", "unknown"), None),
}
_STATUS_KEYS = frozenset({"attTrackingStatus", "trackingStatus"})
_NOT_IN_A_STATUS = re.compile(r"[\s_-]+")


def _tracking_allowed(device: dict[str, Any], warnings: list[Finding]) -> bool | None:
    """Whether the device lets an app track its user; None when it does not say. One no is a no."""
    allowed = None
    enabled = device.get("adTrackingEnabled")
    if enabled is not None:
        allowed = boolean(enabled)
        if allowed is None:
            _warn_of_boolean(enabled, "context.device.adTrackingEnabled", warnings)
    for key in ("attTrackingStatus", "trackingStatus"):
        status = device.get(key)
        if status is None:
            continue
        text = _NOT_IN_A_STATUS.sub("", usable_text(status) or "").lower()
        said = _TRACKING_STATUSES.get(text)
        if said is False or allowed is None:
            allowed = said
        if text not in _TRACKING_STATUSES:
            _warn_of_boolean(status, f"context.device.{key}", warnings)
    return allowed


def _warn_of_boolean(value: Any, path: str, warnings: list[Finding]) -> None:
    if type(value) is not str or usable_text(value) is not None:
        warnings.append(Finding("boolean_invalid", path, "This is neither true nor false."))
