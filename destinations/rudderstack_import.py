"""RudderStack's Pinterest destinations become destinations here.

Takes what people have at hand: the config of one destination, a destination object around it, a
list of either, or a workspace export with its sources. What is there already is left as it is, so
running an import twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from destinations.models import Destination, EventMapping, Source
from destinations.pinterest.cleaning import clean
from destinations.pinterest.consent_gate import write_categories
from destinations.pinterest.rudderstack_config import (
    ImportedConfig,
    config_from_rudderstack,
)
from destinations.routing import forget_routes
from destinations.secrets import Secret

DEFINITION_NAMES = {"pinterest_tag", "pinterest tag", "pinterest"}
CONFIG_KEYS = {"adAccountId", "advertiserId", "conversionToken", "eventsMapping", "apiVersion"}
"""At least one of these tells a bare config from something else."""


class NotRudderStack(Exception):
    """The file holds nothing that looks like a RudderStack destination; the text says what."""


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A source of a workspace export that leads to a Pinterest destination."""

    name: str
    write_key: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class FoundDestination:
    """A Pinterest destination as the file has it."""

    name: str
    config: dict[str, Any]
    enabled: bool
    sources: tuple[FoundSource, ...] = ()


@dataclass(slots=True)
class ImportReport:
    """What happened to one destination of the file: created, unchanged or skipped, and remarks."""

    name: str
    result: str
    notes: list[str] = field(default_factory=list)


def find_destinations(content: Any) -> tuple[list[FoundDestination], list[ImportReport]]:
    """Pinterest destinations in parsed JSON, and a report on each other destination left out.

    Raises NotRudderStack when there is nothing to look at.
    """
    found: dict[str, FoundDestination] = {}
    skipped: list[ImportReport] = []
    for key, raw, source in _destination_objects(content):
        name = _name(raw.get("name"))
        kind = _definition_name(raw)
        if kind is not None and kind.lower() not in DEFINITION_NAMES:
            skipped.append(
                ImportReport(name or kind, "skipped", [f"Not imported: it's a {kind} destination."])
            )
            continue
        config = raw.get("config", raw.get("Config"))
        if not isinstance(config, dict):
            if kind is None and not CONFIG_KEYS & raw.keys():
                raise NotRudderStack(
                    "This JSON contains no RudderStack destination for Pinterest. Expected a "
                    "destination's config, a list of configs, or a workspace export."
                )
            config = raw
        known = found.get(key)
        sources = known.sources if known else ()
        if source is not None and source not in sources:
            sources += (source,)
        found[key] = FoundDestination(name, config, raw.get("enabled") is not False, sources)
    return list(found.values()), skipped


def import_destination(found: FoundDestination, *, dry_run: bool = False) -> ImportReport:
    """Create one destination with its event map and sources, unless its name is taken."""
    imported, notes = config_from_rudderstack(found.config, found.name)
    transform = imported.transform
    name = found.name or f"Pinterest {transform.advertiser_id}".strip()
    report = ImportReport(name, "created", list(notes))
    if Destination.objects.filter(name=name).exists():
        report.result = "unchanged"
        report.notes = ["A destination with this name already exists; it wasn't changed."]
        return report
    destination = _new_destination(name, found, imported, report)
    try:
        destination.clean_fields()
    except ValidationError as error:
        report.result = "skipped"
        report.notes = [
            f"{_label(Destination, key)}: {' '.join(messages)}"
            for key, messages in error.message_dict.items()
        ]
        return report
    with transaction.atomic():
        destination.save()
        rows = _event_map_rows(destination, transform.event_map, report)
        EventMapping.objects.bulk_create(rows)
        sources = [_take_source(source, report) for source in found.sources]
        destination.sources.set([source for source in sources if source is not None])
        report.notes.insert(0, f"{len(rows)} event map rows were imported.")
        if dry_run:
            transaction.set_rollback(True)
    forget_routes()
    return report


def _new_destination(
    name: str, found: FoundDestination, imported: ImportedConfig, report: ImportReport
) -> Destination:
    transform = imported.transform
    enabled = found.enabled
    if transform.api_version == Destination.ApiVersion.V5 and not imported.token:
        enabled = False
        report.notes.append("It's turned off. Enter its conversion token, then enable it.")
    return Destination(
        name=name,
        api_version=transform.api_version,
        advertiser_id=transform.advertiser_id,
        conversion_token=Secret.seal(imported.token),
        app_id=transform.app_id,
        dedup_key=transform.dedup_key,
        unmapped_events=transform.unmapped_events,
        send_external_id=transform.send_external_id,
        test_mode=imported.test_mode,
        enabled=enabled,
        consent_mode=transform.consent_mode,
        consent_categories=write_categories(transform.consent_categories),
        event_list=transform.event_list,
        listed_events="\n".join(transform.listed_events),
    )


def _event_map_rows(
    destination: Destination, event_map: tuple[tuple[str, str], ...], report: ImportReport
) -> list[EventMapping]:
    """Those that the database can hold; each other one is noted."""
    rows = []
    for source, target in event_map:
        row = EventMapping(
            destination=destination, source_event_name=source, pinterest_event_name=target
        )
        try:
            row.clean_fields()
        except ValidationError as error:
            report.notes.append(
                f"The event map row “{source[:50]}” wasn't imported: {' '.join(error.messages)}"
            )
        else:
            rows.append(row)
    return rows


def _take_source(found: FoundSource, report: ImportReport) -> Source | None:
    """The source with this write key, made if need be: SDKs keep their key.

    None, and a note, for one that cannot be: a key with a NUL in it for example.
    """
    name = found.name or "Imported source"
    try:
        Source(name=name, write_key=found.write_key).clean_fields()
    except ValidationError as error:
        reasons = [
            f"{_label(Source, key)}: {' '.join(messages)}"
            for key, messages in error.message_dict.items()
        ]
        report.notes.append(f"Source “{name[:50]}” wasn't imported: {' '.join(reasons)}")
        return None
    known = Source.objects.filter(write_key=found.write_key).first()
    if known is not None:
        report.notes.append(f"Source “{known.name}” already has this write key and was connected.")
        return known
    if Source.objects.filter(name=name).exists():
        name = f"{name[:90]} ({found.write_key[:6]}…)"
    report.notes.append(f"Source “{name}” was created with its write key.")
    return Source.objects.create(name=name, write_key=found.write_key, enabled=found.enabled)


def _destination_objects(
    content: Any,
) -> Iterator[tuple[str, dict[str, Any], FoundSource | None]]:
    """(identity within the file, object, source) of everything that may be a destination."""
    if isinstance(content, list):
        for number, one in enumerate(content):
            for key, raw, source in _destination_objects(one):
                yield f"{number}/{key}", raw, source
        return
    if not isinstance(content, dict):
        raise NotRudderStack("Expected a JSON object or a list of objects.")
    sources = content.get("sources")
    if not isinstance(sources, list) and not isinstance(content.get("destinations"), list):
        yield "", content, None
        return
    connected = _connected_sources(content)
    for number, raw in enumerate(_objects(content.get("destinations"))):
        key = _text(raw.get("id")) or str(number)
        for source in connected.get(key, [None]):
            yield key, raw, source
    for source_number, raw_source in enumerate(_objects(sources)):
        for number, raw in enumerate(_objects(raw_source.get("destinations"))):
            key = _text(raw.get("id")) or f"{source_number}.{number}"
            yield key, raw, _found_source(raw_source)


def _connected_sources(content: dict[str, Any]) -> dict[str, list[FoundSource | None]]:
    """Sources by destination ID, where an export keeps connections in a list of their own."""
    sources = {_text(raw.get("id")): _found_source(raw) for raw in _objects(content.get("sources"))}
    connected: dict[str, list[FoundSource | None]] = {}
    for connection in _objects(content.get("connections")):
        source = sources.get(_text(connection.get("sourceId")))
        if source is not None and connection.get("enabled") is not False:
            connected.setdefault(_text(connection.get("destinationId")), []).append(source)
    return connected


def _found_source(raw: dict[str, Any]) -> FoundSource | None:
    write_key = _text(raw.get("writeKey"))
    if not write_key:
        return None
    return FoundSource(_name(raw.get("name")), write_key, raw.get("enabled") is not False)


def _definition_name(raw: dict[str, Any]) -> str | None:
    """What kind of destination this is, where the object says so."""
    for key in ("destinationDefinition", "DestinationDefinition"):
        definition = raw.get(key)
        if isinstance(definition, dict):
            return _name(definition.get("name", definition.get("Name"))) or None
    kind = raw.get("type", raw.get("destinationType"))
    return _name(kind) or None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _name(value: Any) -> str:
    """As a reader sees it: no NUL or other sign that a terminal or PostgreSQL cannot take."""
    return clean(value) if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _label(model: type[Destination] | type[Source], field: str) -> str:
    """What the form calls a field."""
    return str(getattr(model._meta.get_field(field), "verbose_name", field))
