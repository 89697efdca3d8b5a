"""What the page of one delivery, or of one batch, shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from django.utils.functional import Promise
from django.utils.translation import gettext

from deliveries.admin.consent_note import ConsentNote, consent_note
from deliveries.admin.field_rows import Fields, read_fields
from deliveries.admin.status_help import STATUS_HELP
from deliveries.admin.todays_conversion import Today, compare_with_today
from deliveries.admin.verdicts import Action, Powers, list_actions, say_verdict
from deliveries.db.compression import unpack
from deliveries.error_codes import meaning_of, remedy_of
from deliveries.identity.reading import People
from deliveries.ingest.corrected_copy import copies_of, original_of
from deliveries.models import Attempt, Batch, Delivery, Event
from deliveries.models.log import GIVEN_A_SECOND_CHANCE
from deliveries.phrases import pretty, pretty_json, say_next_try
from deliveries.privacy.event_ids import (
    has_readable_event_ids,
    hide_event_ids,
    hides_own_event_id,
    message_id_positions,
)
from deliveries.privacy.known_values import KnownValues
from deliveries.privacy.masked_rows import mask_pretty, mask_row
from deliveries.privacy.masking import HIDDEN, mask_body, mask_text, personal_values
from deliveries.statuses import ENDS_WITHOUT_ATTEMPT, OPEN, RETRYABLE_BY_A_PERSON, DeliveryStatus
from destinations.models import Destination, Source
from destinations.pinterest.explanation import Explanation, explain
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.gates import CONSENT_CODES
from destinations.pinterest.identity import Completed, Memory, read_completed
from destinations.pinterest.transform import TransformConfig, conversion_names

MAX_SIBLINGS = 50
ALL_POWERS = Powers(may_operate=True, may_edit=True, sees_people=True)


@dataclass(frozen=True, slots=True)
class Pane:
    """One of the three panes: its JSON, or the reason why there is none."""

    title: str
    text: str = ""
    absence: str = ""
    summary: str = ""
    """Pinterest's own sentence, shown above the JSON."""


@dataclass(frozen=True, slots=True)
class DeliveryDetails:
    delivery: Delivery
    event: Event | None
    source: Source | None
    destination: Destination | None
    batch: Batch | None
    panes: tuple[Pane, Pane, Pane]
    attempts: list[Attempt]
    siblings: list[Delivery]
    event_id: str
    """The ``event_id`` that Pinterest saw or will see, as far as it is known."""
    today: Today | None
    """What would be sent under today's configuration, when that differs."""
    consent: ConsentNote | None
    """What became of the consent that it was filtered for."""
    next_try: str
    status_help: tuple[Promise, Promise]
    """What its status means, and what to do about it."""
    verdict: str
    explanation: str
    remedy: str
    """What to do about the error code."""
    actions: list[Action]
    """What the person who looks can do, what works first; a retry is one of them."""
    can_be_discarded: bool
    fields: Fields | None
    warnings: list[tuple[dict[str, str], str]]
    """Each with what to do about it."""
    copies: list[Delivery]
    original_id: int | None
    """The delivery that this one's event corrects."""

    @property
    def completed(self) -> list[tuple[str, str, datetime]]:
        """What identity memory added: the fields, from which call, and when that came."""
        groups: dict[tuple[str, int], list[str]] = {}
        for one in read_completed(self.delivery.completed):
            groups.setdefault((one.call, one.seen_at), []).append(one.field)
        return [
            (", ".join(names), call, datetime.fromtimestamp(seen_at, UTC))
            for (call, seen_at), names in groups.items()
        ]

    @property
    def ended_by_itself(self) -> bool:
        """Whether its status is not just what the last attempt came to."""
        last = self.attempts[-1] if self.attempts else None
        return last is None or is_an_ending(last) or last.outcome != self.delivery.status

    @property
    def timeline(self) -> list[tuple[bool, Attempt]]:
        """The attempts as they came, each with whether a retry by a person stands before it."""
        timeline, before, has_ended = [], 0, False
        for attempt in self.attempts:
            was_requeued = attempt.outcome == GIVEN_A_SECOND_CHANCE
            is_ending = is_an_ending(attempt)
            begins_anew = has_ended or (
                attempt.number <= before and not was_requeued and not is_ending
            )
            timeline.append((begins_anew and not was_requeued, attempt))
            before, has_ended = (0 if was_requeued else attempt.number), is_ending
        return timeline

    @property
    def was_retried_last(self) -> bool:
        """Whether a person sent it again and nothing has come of that yet."""
        return bool(self.attempts) and is_an_ending(self.attempts[-1]) and bool(self.next_try)


def is_an_ending(attempt: Attempt) -> bool:
    """Whether this is no attempt, but how the delivery had ended before a person retried it."""
    if attempt.outcome == GIVEN_A_SECOND_CHANCE:
        return False
    return attempt.outcome in ENDS_WITHOUT_ATTEMPT or not attempt.number


def read_details(delivery: Delivery, now: datetime, powers: Powers = ALL_POWERS) -> DeliveryDetails:
    """Everything about one delivery; a constant number of queries, whatever rows are gone.

    For somebody who may not see personal data, ``delivery`` is masked in place.
    """
    is_masked = not powers.sees_people
    event = Event.objects.filter(pk=delivery.event_id).first()
    source = Source.objects.filter(pk=event.source_id).first() if event else None
    destination = Destination.objects.filter(pk=delivery.destination_id).first()
    batch = Batch.objects.filter(pk=delivery.batch_id).first() if delivery.batch_id else None
    siblings = list(
        Delivery.objects.filter(event_id=delivery.event_id)
        .exclude(pk=delivery.pk)
        .prefetch_related("destination")
        .order_by("pk")[:MAX_SIBLINGS]
    )
    received = _read(event.body) if event is not None and event.body is not None else None
    received = received if isinstance(received, dict) else None
    sent = _sent_conversion(delivery, batch)
    config = destination.transform_config() if destination is not None else None
    consent = consent_note(delivery, destination, now)
    if consent is not None and consent.is_granted and config is not None and config.once_granted:
        config = config.once_granted
    memory = _recall(received, source.space if source else None)
    today = None
    if delivery.batch_id is None or (batch is not None and batch.request_body is not None):
        # Otherwise what went out is not known, so neither is whether it differs.
        today = compare_with_today(
            received,
            sent,
            delivery.conversion_name,
            config,
            now,
            memory=memory,
            is_masked=is_masked,
        )
    if today is not None and today.filtered_by and today.filtered_by == delivery.error_code:
        today = None  # the same as what the page says at its top
    explanation = _explain(delivery, received, sent, config, batch, now, memory)
    event_id = delivery.conversion_event_id or (event.message_id if event else "")
    hides_event_id = is_masked and hides_own_event_id(
        delivery.conversion_event_id, destination.dedup_key if destination else ""
    )
    panes = (
        _received_pane(event, delivery),
        _sent_pane(delivery, batch, hides_event_id),
        _answered_pane(delivery, batch),
    )
    attempts = list(Attempt.objects.filter(delivery_id=delivery.pk).order_by("pk"))
    known = None
    if is_masked:
        known = personal_values(_json_of(panes[0]), _json_of(panes[1]))
        if hides_event_id:
            known, event_id = known | {event_id}, HIDDEN
        first, second, third = (_mask_pane(pane, known) for pane in panes)
        panes = (first, second, third)
        for row in (delivery, *attempts):
            mask_row(row, known)
    next_try = say_next_try(delivery, destination, now)
    return DeliveryDetails(
        delivery=delivery,
        event=event,
        source=source,
        destination=destination,
        batch=batch,
        panes=panes,
        attempts=attempts,
        siblings=siblings,
        event_id=event_id,
        today=today,
        consent=consent,
        next_try=next_try,
        status_help=STATUS_HELP[delivery.status],
        verdict=say_verdict(delivery, destination, batch, next_try),
        explanation=meaning_of(delivery.error_code),
        remedy=remedy_of(delivery.error_code, delivery.status),
        actions=list_actions(
            delivery,
            event,
            destination,
            powers,
            would_be_sent=today is not None and today.would_be_sent,
        ),
        can_be_discarded=delivery.status == DeliveryStatus.PENDING
        or (
            delivery.status in RETRYABLE_BY_A_PERSON and delivery.status != DeliveryStatus.DISCARDED
        ),
        fields=read_fields(
            received,
            hide_event_ids([sent])[0] if sent is not None and hides_event_id else sent,
            explanation,
            _completed(delivery, sent, explanation),
            delivery.warnings,
            known,
        ),
        warnings=[(warning, remedy_of(warning.get("code", ""))) for warning in delivery.warnings],
        copies=_copies(delivery),
        original_id=original_of(event.message_id) if event is not None else None,
    )


def _recall(event: dict[str, Any] | None, space: str | None) -> Memory | None:
    if event is None:
        return None
    recalled = People().of(space, event)
    return recalled.memory if recalled else None


def _explain(
    delivery: Delivery,
    event: dict[str, Any] | None,
    sent: dict[str, Any] | None,
    config: TransformConfig | None,
    batch: Batch | None,
    now: datetime,
    memory: Memory | None,
) -> Explanation | None:
    """Why the conversion is as it is, as far as an event is there that can become one.

    What was sent is explained by the event alone: what memory added is stored beside it.
    """
    if event is None or config is None:
        return None
    at = (batch.sent_at if batch is not None else now).timestamp()
    ageless = replace(config, max_age_seconds=None)
    ungated = replace(
        ageless,
        consent_mode="off",
        us_privacy="ignore",
        event_rules=(),
        event_list="off",
        bots="send",
    )
    for one in (ageless, ungated) if sent is not None else (ageless,):
        try:
            name = delivery.conversion_name or conversion_names(event, one)[0]
            return explain(event, name, one, at, memory if sent is None else None)
        except EventFiltered:
            continue
        except EventRejected:
            return None
    return None


def _completed(
    delivery: Delivery, sent: dict[str, Any] | None, explanation: Explanation | None
) -> Iterable[Completed]:
    if sent is not None:
        return read_completed(delivery.completed)
    return explanation.conversion.completed if explanation is not None else ()


def _copies(delivery: Delivery) -> list[Delivery]:
    """What a person sent in its place; two queries."""
    if delivery.status not in RETRYABLE_BY_A_PERSON:
        return []
    event_ids = [event.pk for event in copies_of(delivery.pk)]
    return list(Delivery.objects.filter(event_id__in=event_ids).order_by("pk"))


def _sent_conversion(delivery: Delivery, batch: Batch | None) -> dict[str, Any] | None:
    if batch is None or batch.request_body is None:
        return None
    conversion = _at(_list_in(_read(batch.request_body), "data"), delivery.batch_position)
    return conversion if isinstance(conversion, dict) else None


def batch_body(batch: Batch, stored: bytes | memoryview, is_masked: bool) -> bytes:
    """A stored request or response as exact bytes, or with its personal data hidden."""
    body = unpack(stored)
    return mask_body(_hide_event_ids(batch, body)) if is_masked else body


def _hide_event_ids(batch: Batch, body: bytes) -> bytes:
    """A body without the event IDs that may name somebody."""
    destination = Destination.objects.filter(pk=batch.destination_id).first()
    if destination is not None and has_readable_event_ids(destination.dedup_key):
        return body
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body  # masked as a whole
    if not isinstance(whole, dict) or "data" not in whole:
        return body
    shown = message_id_positions(batch.pk)
    return orjson.dumps({**whole, "data": hide_event_ids(whole["data"], shown)})


def batch_panes(batch: Batch, is_masked: bool = False) -> tuple[Pane, Pane]:
    """The whole request and the whole response of a batch."""
    request = Pane(
        gettext("Request"),
        absence=gettext("The request was deleted at the end of its retention period."),
    )
    response = Pane(
        gettext("Response"),
        absence=gettext(
            "No response stored: none was received, or "
            "it was deleted at the end of its retention "
            "period."
        ),
    )
    if batch.request_body is not None:
        request = Pane(
            gettext("Request"), pretty_json(batch_body(batch, batch.request_body, is_masked))
        )
    if batch.response_body is not None:
        body = batch_body(batch, batch.response_body, is_masked)
        response = Pane(
            gettext("Response"), pretty_json(body), gettext("The response had no body.")
        )
    elif batch.status_code is None:
        response = Pane(
            gettext("Response"),
            absence=gettext("No response received: %(reason)s")
            % {"reason": batch.error_message or batch.error_code or "?"},
        )
    return request, response


def _json_of(pane: Pane) -> Any:
    try:
        return orjson.loads(pane.text)
    except orjson.JSONDecodeError:
        return None


def _mask_pane(pane: Pane, known: KnownValues) -> Pane:
    return replace(
        pane,
        text=mask_pretty(pane.text, known) if pane.text else "",
        absence=mask_text(pane.absence, known),
        summary=mask_text(pane.summary, known),
    )


def _received_pane(event: Event | None, delivery: Delivery) -> Pane:
    title = gettext("Received")
    if event is None:
        return Pane(title, absence=gettext("The event has been deleted."))
    if event.body is None and delivery.error_code in CONSENT_CODES:
        return Pane(
            title,
            absence=gettext(
                "The event isn't stored: a destination keeps nothing of events without consent, or "
                "its retention period has ended."
            ),
        )
    if event.body is None:
        return Pane(
            title, absence=gettext("The event was deleted at the end of its retention period.")
        )
    return Pane(title, pretty_json(unpack(event.body)))


def _sent_pane(delivery: Delivery, batch: Batch | None, hides_event_id: bool) -> Pane:
    title = gettext("Sent")
    if delivery.batch_id is None:
        return Pane(title, absence=_why_not_sent(delivery))
    if batch is None:
        return Pane(title, absence=gettext("The batch has been deleted."))
    if batch.request_body is None:
        return Pane(
            title, absence=gettext("The request was deleted at the end of its retention period.")
        )
    conversion = _at(_list_in(_read(batch.request_body), "data"), delivery.batch_position)
    if conversion is None:
        return Pane(
            title,
            absence=gettext("The stored request doesn't contain a conversion at this position."),
        )
    shown = hide_event_ids([conversion])[0] if hides_event_id else conversion
    return Pane(title, pretty(shown))


def _answered_pane(delivery: Delivery, batch: Batch | None) -> Pane:
    title = gettext("Response")
    if delivery.batch_id is None:
        return Pane(title, absence=gettext("Nothing was sent to Pinterest for this event."))
    if batch is None:
        return Pane(title, absence=gettext("The batch has been deleted."))
    if batch.response_body is None:
        if batch.status_code is None:
            unanswered = gettext("No response received.")
            return Pane(title, absence=f"{unanswered} {batch.error_message}")
        return Pane(
            title,
            absence=gettext(
                "No response body: it was empty, or it was "
                "deleted at the end of its retention period."
            ),
        )
    answer = _read(batch.response_body)
    result = _at(_results_in(answer), delivery.batch_position)
    if result is None:  # a refusal of the whole request, or something unreadable: show all of it
        return Pane(title, pretty_json(unpack(batch.response_body)), summary=_words(answer))
    return Pane(title, pretty(result), summary=_words(result))


def _why_not_sent(delivery: Delivery) -> str:
    if delivery.status in OPEN:
        return gettext("Not sent yet.")
    if delivery.status == DeliveryStatus.FILTERED:
        filtered = gettext("Not sent: this event isn't meant for Pinterest.")
        return f"{filtered} {delivery.error_message}"
    if delivery.status == DeliveryStatus.DISCARDED:
        return gettext("Not sent: discarded by a person.")
    rejected = gettext("Not sent: rejected before a request was made.")
    return f"{rejected} {delivery.error_message}"


def _read(stored: bytes | memoryview) -> Any:
    try:
        return orjson.loads(unpack(stored))
    except orjson.JSONDecodeError:
        return None


def _list_in(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _results_in(answer: Any) -> list[Any]:
    """The per-event results: ``events``, or ``details.events`` of a 422."""
    details = answer.get("details") if isinstance(answer, dict) else None
    return _list_in(details, "events") or _list_in(answer, "events")


def _at(values: list[Any], position: int | None) -> Any:
    return values[position] if position is not None and position < len(values) else None


def _words(result: Any) -> str:
    if not isinstance(result, dict):
        return ""
    sentences: Iterable[Any] = (
        result.get(key) for key in ("error_message", "warning_message", "message")
    )
    return " ".join(text for text in sentences if isinstance(text, str) and text)
