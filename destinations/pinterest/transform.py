"""From a stored event to the conversions Pinterest gets. Pure: no clock, no database, no network.

``conversion_names`` says under which Pinterest names an event goes to a destination, ``transform``
makes the conversion for one of them.
"""

from __future__ import annotations

import uuid
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from .cleaning import LONGEST_PLACEHOLDER, clean, is_placeholder
from .config import TransformConfig
from .custom_data import OPT_OUT_PATHS, read_custom_data
from .event import ROOT, Sections, read_path, read_sections
from .event_fields import read_action_source, read_event_fields
from .event_names import ECOMMERCE_NAMES, is_own_name, standard_name
from .findings import EventFiltered, EventRejected, Finding
from .identity import Completed, Memory, complete
from .integrations import integration_settings, is_switched_off
from .plans import plan_for
from .repairs import REPAIRS_KEY, read_repairs
from .senders import channel_of, is_an_app, is_the_visitors_own
from .texts import SEEN, seen_text
from .times import unix_seconds
from .user_data import read_user_data, require_person
from .values import is_no_id, usable_text

__all__ = ["Conversion", "TransformConfig", "conversion_names", "names_once_granted", "transform"]

DELIVERABLE_TYPES = ("track", "page", "screen")
EVENT_ID_KEYS = ("eventId", "event_id", "eventID")
EVENT_TIME_KEYS = ("timestamp", "originalTimestamp", "receivedAt")
# How far off a clock may be before the event's time looks wrong.
_FUTURE_SECONDS = 300
# These channels send from the visitor's own device, so the address an event came from is theirs.
_VISITOR_CHANNELS = ("web", "mobile")
_TIME_UNREADABLE = "This isn't a time, or it means “no time”. The next timestamp was used."


class Conversion(NamedTuple):
    """The JSON object for Pinterest, serialisable by orjson, and what was lost on the way.

    ``completed``: the fields of ``user_data`` that come from memory.
    """

    fields: dict[str, Any]
    warnings: tuple[Finding, ...] = ()
    completed: tuple[Completed, ...] = ()


def conversion_names(event: dict[str, Any], config: TransformConfig) -> tuple[str, ...]:
    """The Pinterest names this event goes out under, never empty.

    Raises EventFiltered ``unsupported_type``, ``integration_disabled`` or ``unmapped_event``, or
    what the destination's gates say, and EventRejected ``event_name_missing``.
    """
    kind = event.get("type")
    if kind not in DELIVERABLE_TYPES:
        kind = clean(kind).lower() if type(kind) is str else ""
    if kind not in DELIVERABLE_TYPES:
        raise EventFiltered("unsupported_type", "Only track, page, and screen calls are delivered.")
    if config.gates is not None:
        config.gates.check(event)
    integrations = event.get("integrations")
    if integrations and is_switched_off(integrations, config.integration_names):
        raise EventFiltered(
            "integration_disabled",
            "The event's integrations object turns this destination off.",
        )
    if kind == "page":
        return ("view_category",) if _has_category(event) else ("page_visit",)
    name, _ = name_of(event, config)
    if not name:
        message = "A track or screen call needs text in “event” or “name”."
        raise EventRejected((Finding("event_name_missing", "event", message),))
    folded = name.casefold()
    targets = config.targets.get(folded)
    if targets:
        return targets
    standard = ECOMMERCE_NAMES.get(folded) or standard_name(name)
    if standard:
        return (standard,)
    if config.unmapped_events == "filter":
        raise EventFiltered(
            "unmapped_event",
            "The event is neither in the event map nor a standard event, and the destination "
            "doesn't "
            "send such events.",
        )
    return ("custom",) if config.unmapped_events == "as_custom" else (name,)


def names_once_granted(event: dict[str, Any], config: TransformConfig) -> tuple[str, ...]:
    """The names of an event that was filtered for consent, once its person grants it; () if it's
    never sent: the destination doesn't want that, or consent isn't all that the event lacks."""
    if config.once_granted is None:
        return ()
    try:
        return conversion_names(event, config.once_granted)
    except (EventFiltered, EventRejected):
        return ()


def _has_category(event: dict[str, Any]) -> bool:
    properties = event.get("properties")
    for holder in (event, properties):
        if type(holder) is dict:
            category = holder.get("category")
            if type(category) is not bool and usable_text(category) is not None:
                return True
    return False


def name_of(event: dict[str, Any], config: TransformConfig) -> tuple[str, str]:
    """The event's own name, clean, and the key it stands at; two blanks without one.

    "undefined" is no name, unless a row of the event map asks for it.
    """
    for key in ("event", "name"):
        value = event.get(key)
        if type(value) is str:
            if value in SEEN:
                return value, key
            name = seen_text(value) or clean(value)
            if name and (not is_placeholder(name) or name.casefold() in config.targets):
                return name, key
    return "", ""


def transform(
    event: dict[str, Any],
    name: str,
    config: TransformConfig,
    now: float,
    remembered: Memory | None = None,
) -> Conversion:
    """The conversion of ``event`` under one of its ``conversion_names``; ``now`` in Unix seconds.

    ``remembered``: what earlier events said of the person, for what this one lacks.
    Raises EventRejected with the reasons it can never be one, or EventFiltered ``event_too_old``
    or what the destination's gates say.
    """
    warnings = read_repairs(event[REPAIRS_KEY]) if REPAIRS_KEY in event else []
    is_limited = config.gates is not None and config.gates.check(event, warnings)
    sections, present = read_sections(event)
    plan = plan_for(sections, present)
    event_time = _read_event_time(sections, config, now, warnings)
    channel = channel_of(event)
    if channel:
        sender_is_visitor = channel in _VISITOR_CHANNELS
    else:
        is_app = is_an_app(sections)
        sender_is_visitor = is_the_visitors_own(sections, is_app)
        channel = "mobile" if is_app else ""
    fields: dict[str, Any] = {
        "event_name": name,
        "event_time": event_time,
        "action_source": read_action_source(
            plan.action_source, sections, channel, config, warnings
        ),
    }
    read_event_fields(plan.event_fields, sections, config, fields, warnings)
    fields["user_data"] = user_data = read_user_data(
        plan.user_data,
        sections,
        send_external_id=config.send_external_id,
        default_country=config.default_country,
        sender_is_visitor=sender_is_visitor,
        warnings=warnings,
    )
    completed = complete(user_data, remembered, event_time) if remembered is not None else ()
    require_person(user_data, warnings)
    custom_data = read_custom_data(plan.custom_data, plan.amounts, sections, warnings)
    if is_limited:
        _ask_for_limited_processing(custom_data)
    if custom_data:
        fields["custom_data"] = custom_data
        if "opt_out_type" in custom_data:
            _check_limited_processing(sections, custom_data, user_data, warnings)
    if not is_own_name(name):
        message = "Pinterest accepts custom names of up to 100 letters, digits, _ and -."
        warnings.append(Finding("event_name_unusual", name_of(event, config)[1], message))
    fields["event_id"] = _read_event_id(event, config, fields, warnings)
    return Conversion(fields, tuple(warnings), completed)


def _read_event_time(
    sections: Sections, config: TransformConfig, now: float, warnings: list[Finding]
) -> int:
    event = sections[ROOT]
    for key in EVENT_TIME_KEYS:
        value = event.get(key)
        event_time = unix_seconds(value)
        if event_time is not None:
            break
        if value is not None and not (type(value) is str and usable_text(value) is None):
            warnings.append(Finding("event_time_unreadable", key, _TIME_UNREADABLE))
    else:
        message = "No timestamp is an ISO 8601 time or a number of seconds since 1970."
        raise EventRejected((Finding("event_time_missing", "timestamp", message),))
    if (
        # Most senders name both times, and then there is nothing to correct.
        key != "receivedAt"
        and (sent_at := event.get("sentAt")) is not None
        and not (
            key == "timestamp"
            and type(original := event.get("originalTimestamp")) is str
            and original[:1] == "2"
            and len(original) > LONGEST_PLACEHOLDER
        )
    ):
        clock_error = _clock_error(event, key, sent_at)
        event_time += clock_error
        if abs(clock_error) > _FUTURE_SECONDS:
            error = _in_words(clock_error)
            message = f"The sender's clock was {error}, so the event's time was corrected."
            warnings.append(Finding("clock_corrected", "sentAt", message))
    limit = config.max_age_seconds
    if limit is not None and event_time < now - limit:
        raise EventFiltered("event_too_old", "The event is older than the destination's age limit.")
    if event_time > now + _FUTURE_SECONDS:
        message = "The event's time is more than five minutes in the future."
        warnings.append(Finding("event_time_in_future", key, message))
    return event_time


def _clock_error(event: dict[str, Any], key: str, sent_at: Any) -> int:
    """Seconds to add to the time at ``key`` of an event that says when it was sent.

    ``originalTimestamp`` is by the sender's clock. So is ``timestamp`` (Segment's SDKs), unless
    there is an ``originalTimestamp`` beside it: then a server has set it. What the sender's clock
    says of the moment of sending, and ours of the moment of receipt, differs by the error of the
    sender's clock.
    """
    if key == "timestamp" and usable_text(event.get("originalTimestamp")) is not None:
        return 0
    sent, received = unix_seconds(sent_at), unix_seconds(event.get("receivedAt"))
    return 0 if sent is None or received is None else received - sent


def _in_words(clock_error: int) -> str:
    """``2 h 5 min ahead`` of an error to be added of −7,500 seconds; days when there are some."""
    minutes = round(abs(clock_error) / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (0 if days else minutes, "min")]
    size = " ".join(f"{number} {unit}" for number, unit in parts if number)
    return f"{size} {'behind' if clock_error > 0 else 'ahead'}"


def _read_event_id(
    event: dict[str, Any],
    config: TransformConfig,
    fields: dict[str, Any],
    warnings: list[Finding],
) -> str:
    """What Pinterest deduplicates by: the dedup key's value, the integrations object's, the ID."""
    if config.dedup_steps:
        event_id = id_text(read_path(event, config.dedup_steps))
        if event_id:
            if config.dedup_is_personal:
                message = (
                    "The dedup key contains personal data, which Pinterest receives unhashed as "
                    "the "
                    "event ID."
                )
                warnings.append(Finding("event_id_personal", config.dedup_key, message))
            return event_id
    integrations = event.get("integrations")
    if integrations:
        for settings in integration_settings(integrations, config.integration_names):
            for key in EVENT_ID_KEYS:
                event_id = id_text(settings.get(key))
                if event_id:
                    return event_id
    value = event.get("messageId")
    if (
        # The usual message ID does without a call.
        type(value) is str
        and len(value) > LONGEST_PLACEHOLDER
        and value[0] not in "0-"
        and value.isascii()
        and " " not in value
        and value.isprintable()
    ):
        return value
    event_id = id_text(value)
    if event_id:
        return event_id
    message = "The event has no message ID, so one was generated from its content."
    warnings.append(Finding("event_id_generated", "messageId", message))
    return _generated_id(fields)


def id_text(value: Any) -> str | None:
    # A boolean or a 0 as an ID would make Pinterest take different events for the same one.
    text = None if type(value) is bool else usable_text(value)
    return None if text is None or (text[0] in "0-" and is_no_id(text)) else text


def _generated_id(fields: dict[str, Any]) -> str:
    """The same for the same event at every attempt, and for all of its names."""
    nameless = {key: value for key, value in fields.items() if key != "event_name"}
    digest = sha256(orjson.dumps(nameless, option=orjson.OPT_SORT_KEYS)).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def _ask_for_limited_processing(custom_data: dict[str, Any]) -> None:
    stated = custom_data.get("opt_out_type")
    if not stated:
        custom_data["opt_out_type"] = "LDP"
    elif not _says_ldp(stated):
        custom_data["opt_out_type"] = f"{stated},LDP"


def _says_ldp(opt_out_type: str) -> bool:
    return "LDP" in (part.strip() for part in opt_out_type.upper().split(","))


def _check_limited_processing(
    sections: Sections,
    custom_data: dict[str, Any],
    user_data: dict[str, Any],
    warnings: list[Finding],
) -> None:
    if "st" in user_data and "country" in user_data:
        return
    if _says_ldp(custom_data["opt_out_type"]):
        asked_at = next(
            (
                path.text
                for path in OPT_OUT_PATHS
                if usable_text(sections[path.section].get(path.key)) is not None
            ),
            "",  # the destination asks for it
        )
        message = (
            "Pinterest ignores the limited data processing flag if an event has no state and "
            "country."
        )
        warnings.append(Finding("ldp_incomplete", asked_at, message))
