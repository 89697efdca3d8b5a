"""What ingest checks of an event, and what it adds. Nothing that came in is changed or removed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings

from deliveries.ingest.refusals import EventRefused
from deliveries.ingest.texts import is_blank, trim
from destinations.pinterest.times import read_moment

MAX_MESSAGE_ID = 255
_MAX_NAME = 255
_MAX_TYPE = 20
_FIRST_YEAR, _LAST_YEAR = 1970, 2070  # beyond these read_moment decides


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and from where a request came; ``request_ip`` is "" when nobody knows."""

    received_at: datetime
    request_ip: str


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event that will be stored: the columns of its row and the JSON, as it came and added
    to."""

    message_id: str
    type: str
    name: str
    event: dict[str, Any]
    body: bytes


def accept_event(event: Any, path_type: str, arrival: Arrival) -> AcceptedEvent:
    """Check ``event``, its batch's defaults in it, and add what is missing. Raises EventRefused.

    ``path_type`` is the type that the path names ("track" for /v1/track); "" for a batch, whose
    events name their own. Where an event contradicts its path the path wins, as it does at
    RudderStack, and what the event said is kept as ``originalType``.
    """
    if type(event) is not dict:
        raise EventRefused("not_an_object", "", "An event must be a JSON object.")
    if is_blank(event.get("userId")) and is_blank(event.get("anonymousId")):
        raise EventRefused(
            "missing_identity", "userId", "An event needs a userId or an anonymousId."
        )
    message_id = _read_message_id(event.get("messageId"))
    added: dict[str, Any] = {}
    if not message_id:
        added["messageId"] = message_id = str(uuid.uuid4())
    event_type = _read_type(event.get("type"))
    if path_type and event_type != path_type:
        if not is_blank(event.get("type")):
            added["originalType"] = event["type"]
        added["type"] = event_type = path_type
    if is_blank(event.get("timestamp")):
        sent_at, original = event.get("sentAt"), event.get("originalTimestamp")
        if is_blank(original) and not is_blank(sent_at):
            # So that nobody takes the computed timestamp for one by the sender's clock.
            added["originalTimestamp"] = original = sent_at
        received_at = _read_moment(event.get("receivedAt")) or arrival.received_at
        added["timestamp"] = to_text(_corrected_time(received_at, sent_at, original))
    if is_blank(event.get("receivedAt")):
        added["receivedAt"] = to_text(arrival.received_at)
    if arrival.request_ip and is_blank(event.get("request_ip")):
        added["request_ip"] = arrival.request_ip
    complete = {**event, **added}
    body = orjson.dumps(complete)
    if len(body) > settings.MAX_EVENT_BYTES:
        _require_bytes(len(orjson.dumps(event)))
    return AcceptedEvent(message_id, event_type, _read_name(event), complete, body)


def require_size(event: Any) -> None:
    """Raises EventRefused for an event that is too large, before anybody looks for its flaws.

    An event that JSON cannot hold as it is has no size yet; ``accept_event`` measures it repaired.
    """
    if type(event) is dict:
        try:
            size = len(orjson.dumps(event, default=str))
        except TypeError:
            return
        _require_bytes(size)


def _require_bytes(size: int) -> None:
    if size > settings.MAX_EVENT_BYTES:
        raise EventRefused(
            "event_too_large", "", f"The event is larger than {settings.MAX_EVENT_BYTES} bytes."
        )


def to_text(moment: datetime) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_message_id(value: Any) -> str:
    """ "" for a blank one. A number counts as its text; the event keeps it as it came."""
    if type(value) is int or type(value) is float:
        value = str(value)
    if value is None:
        return ""
    if type(value) is not str:
        raise EventRefused("invalid_message_id", "messageId", "A messageId must be text.")
    message_id = trim(value.replace("\x00", ""))  # no column holds NUL
    if len(message_id) > MAX_MESSAGE_ID:
        raise EventRefused(
            "message_id_too_long",
            "messageId",
            f"A messageId can have at most {MAX_MESSAGE_ID} characters.",
        )
    return message_id


def _read_type(value: Any) -> str:
    if type(value) is not str:
        return ""
    return trim(value).lower().replace("\x00", "")[:_MAX_TYPE]


def _read_name(event: dict[str, Any]) -> str:
    """What the log shows: ``event`` of a track call, else ``name``."""
    for key in ("event", "name"):
        value = event.get(key)
        if type(value) is str and (name := value.replace("\x00", "").strip()):
            return name[:_MAX_NAME]
    return ""


def _corrected_time(received_at: datetime, sent_at: Any, original: Any) -> datetime:
    """When it happened by our clock: the sender's clock is trusted for differences only."""
    happened = _read_moment(original)
    if happened is None:
        return received_at
    sent = _read_moment(sent_at)
    if sent is None:
        return happened
    try:
        return received_at - (sent - happened)
    except OverflowError:
        return received_at


def _read_moment(value: Any) -> datetime | None:
    if type(value) is str and value[-1:] == "Z" and value[4:5] == "-":
        # The form of the SDKs, a tenth of the work.
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None and _FIRST_YEAR < moment.year < _LAST_YEAR:
                return moment
    return read_moment(value)
