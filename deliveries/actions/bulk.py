"""Verbs over many deliveries: counted first, then done in steps that can be watched and cancelled.

Live traffic goes first. A step gives its deliveries the present moment as ``due_at``, so they
stand behind what is due already and before what comes later; and it adds nothing while a
destination has ROOM deliveries due. Whatever a person asks for, a fresh event therefore has at
most ROOM retried ones in front of it, five full batches; and a destination that is paused or
slow holds up its own part only. An action outlives its workers: where it stands is written in the
transaction that does the step, and the sweep takes it up again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.actions.operations import DISCARDABLE, discard_by_id, retry_by_id
from deliveries.actions.replay import replay_events
from deliveries.db.id_ranges import id_range
from deliveries.engine.wakeups import wake, wake_for_bulk
from deliveries.models import BulkAction, Delivery, Event
from deliveries.search import Counted, Selection, count_deliveries, count_events
from deliveries.statuses import RETRYABLE_BY_A_PERSON, BulkVerb
from destinations.models import Destination

logger = logging.getLogger(__name__)

STEP = 1000
"""Deliveries (events, for a replay) in a step, which is one transaction."""

ROOM = 5000
"""A bulk action adds nothing while a destination has so many deliveries due."""

MAX_FAILURES = 5

TOUCHED: dict[str, frozenset[str]] = {
    BulkVerb.RETRY: frozenset(RETRYABLE_BY_A_PERSON),
    BulkVerb.DISCARD: frozenset(DISCARDABLE),
}
"""Which deliveries a verb changes; the others that a selection holds are left alone."""


class StepResult(StrEnum):
    MORE = "more"
    WAITS = "waits"
    """No destination has room, or another worker is at it: the next sweep tries again."""
    ENDED = "ended"


def count_preview(verb: str, selection: Selection) -> Counted:
    """What ``start_bulk_action`` would go through, for the person to see before they confirm.

    For a replay events × destinations; in about half a second, and so perhaps "at least".
    """
    if verb != BulkVerb.REPLAY:
        return count_deliveries(selection, TOUCHED[verb])
    before, last = id_range(Event, "received_at", selection.since, selection.until)
    sources_of = {
        one.pk: {source.pk for source in one.sources.all()}
        for one in _destinations(verb, selection).prefetch_related("sources")
    }
    return count_events(selection, sources_of, before + 1, last)


def start_bulk_action(
    verb: str,
    selection: Selection,
    *,
    requested_by: str = "",
    reason: str = "",
    retries_undelivered: bool = False,
    resends_delivered: bool = False,
    counted: Counted | None = None,
    now: datetime | None = None,
) -> BulkAction:
    """Ask for a verb on all that ``selection`` holds now; a worker does it in steps.

    ``counted``: how many that is, where the caller knows it already.

    Raises ValueError for a replay without a time range or with a disabled destination, and for
    options that the verb does not have.
    """
    if verb not in BulkVerb.values:
        raise ValueError(f"Unknown bulk action: {verb}.")
    if verb != BulkVerb.REPLAY and (retries_undelivered or resends_delivered):
        raise ValueError("Only a replay can also send undelivered or delivered events.")
    if verb == BulkVerb.REPLAY:
        _check_replay(selection)
    model, field = (Event, "received_at") if verb == BulkVerb.REPLAY else (Delivery, "created_at")
    before, last_id = id_range(model, field, selection.since, selection.until)
    counted = counted or count_preview(verb, selection)
    action = BulkAction.objects.create(
        verb=verb,
        requested_by=requested_by,
        selection=selection.to_json(),
        reason=reason[:500],
        retries_undelivered=retries_undelivered,
        resends_delivered=resends_delivered,
        created_at=now or timezone.now(),
        total_count=counted.count,
        total_is_exact=counted.is_exact,
        positions={str(one.pk): before for one in _destinations(verb, selection)},
        last_id=last_id,
    )
    transaction.on_commit(lambda: wake_for_bulk([action.pk]))
    return action


def cancel_bulk_action(action_id: int, now: datetime | None = None) -> bool:
    """End an action where it stands; what it did stays done. False: it had ended already.

    Waits for the step that is running, so nothing changes after this has returned.
    """
    now = now or timezone.now()
    return bool(
        BulkAction.objects.filter(pk=action_id, finished_at__isnull=True).update(
            cancelled_at=now, finished_at=now
        )
    )


def unfinished_bulk_actions() -> list[int]:
    """Actions that a worker should be at: one look into an index that is empty most times."""
    return list(
        BulkAction.objects.filter(finished_at__isnull=True)
        .order_by("id")
        .values_list("id", flat=True)
    )


def run_step(action_id: int, now: datetime | None = None) -> StepResult:
    """Do the next step of an action, in one transaction; harmless when two workers try at once.

    A step that fails is undone and tried again, MAX_FAILURES times in a row; then the action
    ends with its error. Raises OperationalError and InterfaceError (the database is away).
    """
    now = now or timezone.now()
    try:
        with transaction.atomic():
            return _step(action_id, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("A step of bulk action %s failed", action_id)
        return _note_failure(action_id, error, now)


def _step(action_id: int, now: datetime) -> StepResult:
    action = (
        BulkAction.objects.select_for_update(
            skip_locked=connection.features.has_select_for_update_skip_locked
        )
        .filter(pk=action_id, finished_at__isnull=True)
        .first()
    )
    if action is None:
        is_busy = BulkAction.objects.filter(pk=action_id, finished_at__isnull=True).exists()
        return StepResult.WAITS if is_busy else StepResult.ENDED
    left = STEP
    destination_ids = list(map(int, action.positions))
    for place, destination_id in enumerate(destination_ids):
        share = -(-left // (len(destination_ids) - place))  # what one leaves, the next can use
        limit = min(share, _room(action.verb, destination_id, now))
        if limit > 0:
            left -= _advance(action, destination_id, limit, now)
    action.started_at = action.started_at or now
    action.failure_count = 0
    if not action.positions:
        action.finished_at = now
    action.save()
    if not action.positions:
        return StepResult.ENDED
    return StepResult.MORE if left < STEP else StepResult.WAITS


def _advance(action: BulkAction, destination_id: int, limit: int, now: datetime) -> int:
    """Do up to ``limit`` for one destination; returns how many were looked at."""
    selection = Selection.from_json(action.selection)
    position = action.positions[str(destination_id)]
    if action.verb == BulkVerb.REPLAY:
        destination = Destination.objects.filter(pk=destination_id, enabled=True).first()
        ids = (
            list(
                _events_for(destination, selection, position, action.last_id)
                .order_by("id")
                .values_list("id", flat=True)[:limit]
            )
            if destination is not None
            else []
        )
        if ids and destination is not None:
            action.changed_count += replay_events(
                ids,
                destination,
                now,
                retries_undelivered=action.retries_undelivered,
                resends_delivered=action.resends_delivered,
            )
            transaction.on_commit(lambda: wake([destination_id], at_once=True))
    else:
        ids = _next_deliveries(action, selection, destination_id, limit)
        if ids:
            action.changed_count += (
                retry_by_id(ids, now)
                if action.verb == BulkVerb.RETRY
                else discard_by_id(ids, action.reason, now)
            )
    action.examined_count += len(ids)
    if len(ids) < limit:
        del action.positions[str(destination_id)]
    else:
        action.positions[str(destination_id)] = ids[-1]
    return len(ids)


def _next_deliveries(
    action: BulkAction, selection: Selection, destination_id: int, limit: int
) -> list[int]:
    """The next ids, by one look for each status: each is a scan of an index, in order."""
    ids: list[int] = []
    for status in TOUCHED[action.verb]:
        ids += (
            replace(selection, destination_ids=(destination_id,))
            .deliveries(frozenset({status}))
            .filter(id__gt=action.positions[str(destination_id)], id__lte=action.last_id)
            .order_by("id")
            .values_list("id", flat=True)[:limit]
        )
    return sorted(ids)[:limit]


def _room(verb: str, destination_id: int, now: datetime) -> int:
    """How many deliveries a step may add for this destination, so that live ones stay in front."""
    if verb == BulkVerb.DISCARD:
        return STEP
    due = Delivery.objects.filter(destination_id=destination_id).due(now)
    return ROOM - due.values("id")[:ROOM].count()


def _events_for(
    destination: Destination, selection: Selection, before: int, last: int
) -> QuerySet[Event]:
    """The events of a replay that the destination's sources sent, within a range of ids."""
    source_ids = list(destination.sources.values_list("pk", flat=True))
    found: QuerySet[Event] = selection.events().filter(
        source_id__in=source_ids, id__gt=before, id__lte=last
    )
    return found


def _destinations(verb: str, selection: Selection) -> QuerySet[Destination]:
    found = Destination.objects.order_by("pk")
    if selection.destination_ids:
        found = found.filter(pk__in=selection.destination_ids)
    return found.filter(enabled=True) if verb == BulkVerb.REPLAY else found


def _check_replay(selection: Selection) -> None:
    if selection.since is None or selection.until is None or selection.since >= selection.until:
        raise ValueError(gettext("A replay needs a time range with a start and an end after it."))
    if not selection.is_about_events():
        raise ValueError(
            gettext("A replay can be filtered only by time, source, event name and destination.")
        )
    disabled = Destination.objects.filter(pk__in=selection.destination_ids, enabled=False)
    if names := list(disabled.values_list("name", flat=True)):
        raise ValueError(
            gettext("These destinations are off and get no deliveries: %(names)s.")
            % {"names": ", ".join(names)}
        )


def _note_failure(action_id: int, error: Exception, now: datetime) -> StepResult:
    said = f"{type(error).__name__}: the server's own log has the details."
    changes: dict[str, Any] = {"failure_count": F("failure_count") + 1, "error": said}
    unfinished = BulkAction.objects.filter(pk=action_id, finished_at__isnull=True)
    unfinished.update(**changes)
    if unfinished.filter(failure_count__gte=MAX_FAILURES).update(finished_at=now):
        return StepResult.ENDED
    return StepResult.WAITS
