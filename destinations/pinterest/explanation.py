"""Where each field of a conversion comes from: for people who look at one event, not for delivery.

The tables of the mapping say which paths a field may come from, in order; the transform itself
says which of them it was: the first that gives the same value without the others. So there is no
second set of rules here that could differ from those of the wire, and the transform stays as fast
as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from .config import TransformConfig
from .custom_data import AMOUNT_FIELDS, CUSTOM_FIELDS, NUM_ITEMS_KEYS, OPT_OUT_PATHS
from .event import Sections, read_path, read_sections, split_path
from .event_fields import ACTION_SOURCE_PATHS, EVENT_FIELDS
from .event_names import ECOMMERCE_NAMES, standard_name
from .explained_products import ProductField, product_fields
from .explained_steps import Done, Step, steps_of_amount, steps_of_digests, steps_of_text
from .findings import EventFiltered, EventRejected, Finding
from .identity import Completed, Entry, Memory
from .integrations import integration_settings
from .transform import EVENT_ID_KEYS, EVENT_TIME_KEYS, Conversion, id_text, name_of, transform
from .user_data import (
    CLICK_URLS,
    HASHED_FIELDS,
    IP_PATHS,
    PHONE_PATHS,
    PLAIN_FIELDS,
    REQUEST_IP,
    STATE_PATHS,
    homes,
    phone_field,
    state_field,
)
from .values import usable_text

_HASHED = {field.name: field for field in HASHED_FIELDS}
_TRACKING = tuple(
    f"context.device.{key}" for key in ("adTrackingEnabled", "attTrackingStatus", "trackingStatus")
)
_SENDER = (
    "channel",
    "context.os.name",
    "context.device.type",
    "context.library",
    "context.device.manufacturer",
    "context.device.advertisingId",
    "context.device.token",
    "context.app",
    *_TRACKING,
)
"""What says from where an event was sent, when it doesn't say where it happened."""


def _texts(paths: Sequence[Any]) -> tuple[str, ...]:
    return tuple(path.text for path in paths)


CANDIDATES: dict[str, tuple[str, ...]] = {
    "event_time": EVENT_TIME_KEYS,
    "action_source": (*_texts(ACTION_SOURCE_PATHS), *_SENDER),
    "opt_out": _TRACKING,
    "advertiser_tracking_enabled": _TRACKING,
    "wifi": ("context.network.wifi",),
    **{field.name: _texts(field.paths) for field in EVENT_FIELDS},
    **{f"user_data.{field.name}": _texts(field.paths) for field in HASHED_FIELDS},
    **{f"user_data.{field.name}": _texts(field.paths) for field in PLAIN_FIELDS},
    "user_data.em": (*_texts(_HASHED["em"].paths), "context.externalId"),
    "user_data.ph": _texts(PHONE_PATHS),
    "user_data.st": _texts(STATE_PATHS),
    "user_data.client_ip_address": _texts((*IP_PATHS, *REQUEST_IP)),
    **{
        f"custom_data.{field.name}": _texts(field.paths)
        for field in (*CUSTOM_FIELDS, *AMOUNT_FIELDS)
    },
    "custom_data.num_items": tuple(f"properties.{key}" for key in NUM_ITEMS_KEYS),
}
"""Field of a conversion → the paths that it may come from, the best first."""
CANDIDATES["user_data.click_id"] = (*_texts(CLICK_URLS), *CANDIDATES["user_data.click_id"])
_FIELD_OF_PATH = {path: field for field, paths in reversed(CANDIDATES.items()) for path in paths}
_AMOUNTS = frozenset(f"custom_data.{field.name}" for field in AMOUNT_FIELDS)

SETTINGS: dict[str, str] = {
    "action_source": "default_action_source",
    "app_id": "app_id",
    "partner_name": "partner_name",
    "advertiser_id": "advertiser_id",
    "custom_data.opt_out_type": "us_privacy",
}
"""Field → the setting of the destination that it comes from when the event doesn't say."""

DECIDES: tuple[str, ...] = (
    *("type", "originalType", "category", "properties.category", "integrations", "sentAt"),
    *EVENT_TIME_KEYS,
    *("userId", "anonymousId", "previousId", "messageId", "context.locale", "_repairs"),
    *_SENDER,
)
"""Paths that decide about an event without being sent themselves."""


class Origin(StrEnum):
    """Whose word a value is."""

    EVENT = "event"
    SETTING = "setting"
    DEFAULT = "default"
    MEMORY = "memory"
    COMPUTED = "computed"


class ExplainedField(NamedTuple):
    """One field of the conversion.

    ``paths``: where it was read in the event, or the one setting. ``normal``: what was hashed.
    """

    field: str
    value: Any
    origin: Origin
    paths: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    normal: str = ""
    completed: Completed | None = None


class Unused(NamedTuple):
    """A value of the event that isn't sent.

    ``field``: the one it could have been; ``instead``: the path that was used for it. ``decides``:
    it was read for a decision.
    """

    path: str
    field: str = ""
    instead: str = ""
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """``lacks``: why the conversion isn't sent, when nobody could be matched by it."""

    conversion: Conversion
    fields: tuple[ExplainedField, ...]
    unused: tuple[Unused, ...]
    lacks: Finding | None = None


_SOMEBODY = Entry(("0" * 64,), "identify", 0, True)


def explain(
    event: dict[str, Any],
    name: str,
    config: TransformConfig,
    now: float,
    remembered: Memory | None = None,
) -> Explanation:
    """What ``transform`` makes of the event, and why.

    An event by which nobody can be matched is explained as well: all but its rejection. For other
    reasons, it raises as ``transform`` does.
    """
    lacks = None
    try:
        conversion = transform(event, name, config, now, remembered)
    except EventRejected as rejected:
        lacks = rejected.errors[0]
        if lacks.code != "missing_user_data":
            raise
        conversion = transform(event, name, config, now, _with_somebody(remembered))
        del conversion.fields["user_data"]["em"]
        conversion = conversion._replace(
            completed=tuple(one for one in conversion.completed if one.field != "em")
        )
    fields = tuple(_Explainer(event, name, config, now, conversion).fields())
    return Explanation(conversion, fields, tuple(_unused(event, fields, conversion)), lacks)


def _with_somebody(remembered: Memory | None) -> Memory:
    entries = dict(remembered.entries) if remembered else {}
    return Memory(
        {"em": _SOMEBODY, **entries},
        remembered.click_id_seconds if remembered else 0,
        remembered.client_seconds if remembered else 0,
    )


class _Explainer:
    def __init__(
        self,
        event: dict[str, Any],
        name: str,
        config: TransformConfig,
        now: float,
        conversion: Conversion,
    ) -> None:
        self.event, self.name, self.config, self.now = event, name, config, now
        self.conversion = conversion
        self.sections: Sections = read_sections(event)[0]
        source = conversion.fields["action_source"]
        # No setting of this one gives what the conversion has: what is left is the event's.
        self.bare = replace(
            config,
            app_id="",
            partner_name="",
            max_age_seconds=None,
            default_action_source="offline" if source != "offline" else "web",
            us_privacy="ignore",
            consent_mode="off",
            event_rules=(),
            event_list="off",
            bots="send",
        )
        self.alone = self._made(event)

    def fields(self) -> Iterator[ExplainedField]:
        completed = {one.field: one for one in self.conversion.completed}
        for key, value in self.conversion.fields.items():
            if key == "event_name":
                yield self._event_name(value)
            elif key == "event_id":
                yield self._event_id(value)
            elif key == "user_data":
                for name, one in value.items():
                    if name in completed:
                        yield ExplainedField(
                            f"user_data.{name}", one, Origin.MEMORY, completed=completed[name]
                        )
                    else:
                        yield self._field(f"user_data.{name}", one)
            elif key == "custom_data":
                yield from self._custom_data(value)
            else:
                yield self._field(key, value)

    def _custom_data(self, custom_data: dict[str, Any]) -> Iterator[ExplainedField]:
        products = tuple(product_fields(self.sections, custom_data.get("contents", [])))
        for name, value in custom_data.items():
            if name == "contents":
                yield from map(_product, products)
            elif name == "content_ids":
                paths = dict.fromkeys(one.path for one in products if one.name == "id")
                yield ExplainedField(
                    "custom_data.content_ids", value, Origin.EVENT, tuple(paths), (Step.COLLECTED,)
                )
            else:
                yield self._field(f"custom_data.{name}", value)

    def _field(self, field: str, value: Any) -> ExplainedField:
        if _field_of(self.alone, field) != value:
            return self._of_no_event(field, value)
        present = [
            path
            for path in CANDIDATES.get(field, ())
            if read_path(self.event, split_path(path)) is not None
        ]
        is_there_anyway = field in _ALSO_COMPUTED and (
            self._of(_without(self.event, present), field) == value
        )
        if not present or is_there_anyway:
            return self._of_no_event(field, value)
        paths = self._sources(field, value, present)
        done = self._done(field, value, paths)
        return ExplainedField(field, value, Origin.EVENT, paths, done.steps, done.normal)

    def _of_no_event(self, field: str, value: Any) -> ExplainedField:
        if field == "custom_data.opt_out_type":
            present = [
                path.text
                for path in OPT_OUT_PATHS
                if usable_text(read_path(self.event, split_path(path.text))) is not None
            ]
            if present:
                return ExplainedField(field, value, Origin.EVENT, (present[0],), (Step.LIMITED,))
        if field == "custom_data.num_items":
            return ExplainedField(field, value, Origin.COMPUTED, (), (Step.SUMMED,))
        if field in SETTINGS:
            return ExplainedField(field, value, Origin.SETTING, (SETTINGS[field],))
        return ExplainedField(field, value, Origin.COMPUTED)

    def _sources(self, field: str, value: Any, present: list[str]) -> tuple[str, ...]:
        """The first path that gives the value alone; else those without which it's another."""
        for path in present if len(present) > 1 else ():
            rest = [other for other in present if other != path]
            if self._of(_without(self.event, rest), field) == value:
                return (path,)
        needed = list(present)
        for path in reversed(present if len(present) > 1 else ()):
            fewer = [other for other in needed if other != path]
            gone = [other for other in present if other not in fewer]
            if self._of(_without(self.event, gone), field) == value:
                needed = fewer
        return tuple(needed)

    def _of(self, event: dict[str, Any], field: str) -> Any:
        """The field as the transform makes it of the event alone; None without it."""
        return _field_of(self._made(event), field)

    def _made(self, event: dict[str, Any]) -> dict[str, Any]:
        """The conversion by the event alone; empty when it can't be one."""
        try:
            made = transform(event, self.name, self.bare, self.now, _with_somebody(None)).fields
        except (EventRejected, EventFiltered):
            return {}
        if made["user_data"].get("em") == list(_SOMEBODY.values):
            del made["user_data"]["em"]
        return made

    def _done(self, field: str, value: Any, paths: tuple[str, ...]) -> Done:
        raw = read_path(self.event, split_path(paths[0]))
        name = field.removeprefix("user_data.")
        if field == "event_time":
            steps = () if raw == value else (Step.UNIX_TIME,)
            return Done((*steps, *((Step.CLOCK_CORRECTED,) if self._is_corrected() else ())))
        if paths[0] == "context.externalId":
            return Done((Step.EMAILS_ONLY, Step.HASHED))
        if field == "user_data.click_id" and paths[0] in _texts(CLICK_URLS):
            return Done((Step.FROM_URL,))
        if field in ("opt_out", "advertiser_tracking_enabled"):
            is_plain = raw is (not value if field == "opt_out" else value)
            return Done(
                ((Step.INVERTED,) if field == "opt_out" else ()) if is_plain else _CONVERTED
            )
        if field == "user_data.ph":
            return steps_of_digests(raw, self._phone_row(), value)
        if field == "user_data.st":
            countries = self._own("country")
            country = countries[0] if countries and len(countries) == 1 else None
            return steps_of_digests(raw, state_field(country), value)
        if field.startswith("user_data.") and name in _HASHED:
            return steps_of_digests(raw, _HASHED[name], value)
        if field in _AMOUNTS:
            return Done(steps_of_amount(raw, value))
        if field == "action_source":
            return Done(() if raw == value else _CONVERTED)
        return Done(steps_of_text(raw, value))

    def _phone_row(self) -> Any:
        own = {"country": self._own("country")} if self._own("country") else {}
        return phone_field(homes(own, self.sections, self.config.default_country))

    def _own(self, name: str) -> list[str] | None:
        """The digests of the event itself: memory comes too late for its phone number."""
        if any(one.field == name for one in self.conversion.completed):
            return None
        found: list[str] | None = self.conversion.fields["user_data"].get(name)
        return found

    def _is_corrected(self) -> bool:
        alone = _without(self.event, ["sentAt"])
        return bool(self._of(alone, "event_time") != self.conversion.fields["event_time"])

    def _event_name(self, value: str) -> ExplainedField:
        kind = self.event.get("type")
        if type(kind) is str and kind.strip().lower() == "page":
            if value == "view_category":
                own = self.event.get("category")
                path = "category" if usable_text(own) is not None else "properties.category"
                return ExplainedField("event_name", value, Origin.EVENT, (path,), (Step.CATEGORY,))
            return ExplainedField("event_name", value, Origin.EVENT, ("type",), (Step.CONVERTED,))
        name, key = name_of(self.event, self.config)
        if value in self.config.targets.get(name.casefold(), ()):
            step = Step.EVENT_MAP
        elif value in (ECOMMERCE_NAMES.get(name.casefold()), standard_name(name)):
            step = Step.STANDARD
        else:
            step = Step.AS_CUSTOM if value == "custom" else Step.OWN_NAME
        return ExplainedField("event_name", value, Origin.EVENT, (key,) if key else (), (step,))

    def _event_id(self, value: str) -> ExplainedField:
        steps = self.config.dedup_steps
        if steps and id_text(read_path(self.event, steps)) == value:
            return self._id_from(self.config.dedup_key, steps, value)
        integrations = self.event.get("integrations") or {}
        for settings in integration_settings(integrations, self.config.integration_names):
            if any(id_text(settings.get(key)) == value for key in EVENT_ID_KEYS):
                return ExplainedField("event_id", value, Origin.EVENT, ("integrations",))
        if id_text(self.event.get("messageId")) == value:
            return self._id_from("messageId", ("messageId",), value)
        return ExplainedField("event_id", value, Origin.COMPUTED, (), (Step.GENERATED,))

    def _id_from(self, path: str, steps: tuple[str, ...], value: str) -> ExplainedField:
        done = steps_of_text(read_path(self.event, steps), value)
        return ExplainedField("event_id", value, Origin.EVENT, (path,), done)


_CONVERTED = (Step.CONVERTED,)
_ALSO_COMPUTED = frozenset({"custom_data.num_items", "action_source"})


def _field_of(conversion: dict[str, Any], field: str) -> Any:
    holder, _, key = field.rpartition(".")
    return conversion.get(holder, {}).get(key) if holder else conversion.get(key)


def _product(one: ProductField) -> ExplainedField:
    field = f"custom_data.contents[{one.position}].{one.name}"
    if not one.path:
        return ExplainedField(field, one.value, Origin.DEFAULT)
    if one.is_reshaped:
        return ExplainedField(field, one.value, Origin.EVENT, (one.path,), (Step.RESHAPED,))
    steps = (steps_of_amount if one.name == "item_price" else steps_of_text)(one.raw, one.value)
    return ExplainedField(field, one.value, Origin.EVENT, (one.path,), steps)


def _without(event: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """A copy without what stands at the paths; what isn't on the way to them is shared."""
    for path in paths:
        *parents, last = split_path(path)
        holder = event = dict(event)
        for step in parents:
            inner = holder.get(step)
            if type(inner) is not dict:
                break
            holder[step] = inner = dict(inner)
            holder = inner
        else:
            holder.pop(last, None)
    return event


def _unused(
    event: dict[str, Any], fields: tuple[ExplainedField, ...], conversion: Conversion
) -> Iterator[Unused]:
    sources = {one.field: one.paths for one in fields if one.origin is Origin.EVENT}
    used = {split_path(path) for paths in sources.values() for path in paths}
    decides = {split_path(path) for path in DECIDES}
    decides |= {
        split_path(one.field) for one in conversion.warnings if one.code == "ip_address_refused"
    }
    on_the_way = {one[:length] for one in used for length in range(1, len(one))}
    for path, steps in leaves(event):
        above = [steps[:length] for length in range(1, len(steps) + 1)]
        if steps in on_the_way or not used.isdisjoint(above):
            continue
        if not decides.isdisjoint(above):
            yield Unused(path, decides=True)
            continue
        field = _FIELD_OF_PATH.get(path, "")
        yield Unused(path, field, next(iter(sources.get(field, ())), ""))


Leaf = tuple[str, tuple[str, ...]]


def leaves(value: Any, path: str = "", steps: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """The path, as text and in steps, of every value in an event that isn't empty.

    A list of values is one, a list of objects is taken apart.
    """
    if type(value) is dict and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key, (*steps, key))
    elif type(value) is list and any(type(one) is dict for one in value):
        for position, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{position}]", (*steps, str(position)))
    elif value is not None and value != "" and value != {} and value != []:
        yield path, steps
