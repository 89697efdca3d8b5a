"""What is unusual at this time of the week: on eight weeks of made-up traffic, and by the product.

``bin/python -m pytest -s`` prints the figures that docs/alerts.md quotes.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from deliveries.alerts.conditions import Rules
from deliveries.alerts.evaluators import Finding, judge_all
from deliveries.alerts.models import Alert, VolumeDay
from deliveries.alerts.run import evaluate
from deliveries.alerts.volume import (
    DAY,
    QUARTER,
    QUARTERS,
    WINDOWS,
    count_in_window,
    judge_volume,
    note_volume,
    usual_at,
    usual_of,
    volume_of,
)
from deliveries.db.bulk_sql import insert_rows
from deliveries.models import Tally
from deliveries.stats.tallies import COLUMNS
from tests.deliveries.alerts.traffic import Shop
from tests.factories import make_source

LIMITS = {"less_percent": 50, "more_percent": 300}
AT_LEAST = 200
BUCKET = 300
LOOK_EVERY = 300
SHOPS = [Shop(per_hour, seed) for per_hour in (400, 3000, 40_000) for seed in range(3)]


def history(shop: Shop, weeks: int) -> dict[int, list[int]]:
    """Day → its quarters, summed from five minutes as the product does."""
    return {
        day: [
            sum(
                shop.count(day * DAY + quarter * QUARTER + part * BUCKET, BUCKET)
                for part in range(3)
            )
            for quarter in range(QUARTERS)
        ]
        for day in range(weeks * 7)
    }


def judge_at(shop: Shop, days: dict[int, list[int]], end: int) -> str:
    usual = usual_at(days, end, AT_LEAST)
    if usual is None:
        return ""
    buckets = range(end - usual.seconds, end, BUCKET)
    return judge_volume(sum(shop.count(begin, BUCKET) for begin in buckets), usual, **LIMITS)


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: f"{shop.per_hour}/h-{shop.seed}")
def test_quiet_weeks_raise_no_false_alarm_and_a_drop_is_found_soon(shop: Shop) -> None:
    days = history(shop, 8)
    last_week = 7 * 7 * DAY
    known = {day: counts for day, counts in days.items() if day < 49}
    said = Counter(
        judge_at(shop, known, end)
        for end in range(last_week + BUCKET, last_week + 7 * DAY, LOOK_EVERY)
    )
    assert said == {"": 2015}

    minutes, too_quiet = [], 0
    for start in range(last_week + 1000, last_week + 7 * DAY, 2 * 3600 + 1100):
        falling = Shop(shop.per_hour, shop.seed, drops_at=start)
        usual = usual_at(known, start // BUCKET * BUCKET + 1800, AT_LEAST)
        if usual is None or usual.seconds > WINDOWS[0]:
            too_quiet += 1  # found later, by a longer window
            continue
        end = start // BUCKET * BUCKET
        while judge_at(falling, known, end) != "less" and end <= start + 3600:
            end += BUCKET
        # Counted a minute late; the looks are at most five minutes apart.
        minutes.append((end - start) / 60 + 1)
    print(
        f"{shop.per_hour} events an hour: {len(minutes)} drops, found after "
        f"{median(minutes or [0]):.0f} min (longest {max(minutes, default=0):.0f}); "
        f"{too_quiet} in hours too quiet for the shortest window"
    )
    assert len(minutes) > 20 or shop.per_hour < 1000
    # What's usual in 20 minutes is hardly enough in the busiest hours of the smallest.
    assert max(minutes, default=0) <= (30 if shop.per_hour > 1000 else 40)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_source_that_falls_silent_is_found_by_a_longer_window(seed: int) -> None:
    shop = Shop(250, seed)
    known = {day: counts for day, counts in history(shop, 8).items() if day < 49}
    start = 50 * DAY + 13 * 3600
    silent = Shop(250, seed, drops_at=start, drop=1.0)
    end = start
    while judge_at(silent, known, end) != "less":
        end += BUCKET
    assert end - start <= 2 * 3600


def test_one_week_with_an_outage_or_a_sale_changes_little() -> None:
    calm = usual_of([100, 102, 98, 101, 99, 103, 97, 100])
    odd = usual_of([100, 102, 98, 101, 0, 900, 97, 100])
    assert calm is not None
    assert odd is not None
    assert abs(calm.median - odd.median) < 2
    assert odd.spread < 25


def test_too_few_weeks_and_quiet_hours_say_nothing() -> None:
    assert usual_of([100, 100]) is None
    assert judge_volume(0, None, **LIMITS) == ""
    usual = usual_of([260, 261, 259])
    assert judge_volume(0, usual, **LIMITS) == "less"
    assert judge_volume(2600, usual, **LIMITS) == "more"
    assert judge_volume(400, usual, **LIMITS) == ""
    assert usual_at({day: [1] * QUARTERS for day in range(60)}, 59 * DAY, AT_LEAST) is None


def test_a_window_counts_quarters_by_their_part_in_it() -> None:
    days = {0: [90] * QUARTERS, 1: [30] * QUARTERS}
    assert count_in_window(days, 40 * QUARTER, 1200) == 90 + 30
    assert count_in_window(days, 40 * QUARTER + 300, 1200) == 120
    assert count_in_window(days, DAY + 600, 1200) == 20 + 60
    assert count_in_window(days, 2 * DAY + 600, 1200) is None
    buckets = {0: Counter(received=3, refused=2), 300: Counter(received=4), 900: Counter()}
    assert volume_of(buckets, "source:1", 600, 600) == 7


@pytest.mark.django_db
def test_the_product_finds_a_source_that_falls_silent() -> None:
    """Eight weeks that were counted, then tallies of five minutes that stop."""
    source = make_source()
    monday = int(datetime(2026, 9, 28, tzinfo=UTC).timestamp())
    shop = Shop(6000, 1)
    subject = f"source:{source.pk}"
    VolumeDay.objects.bulk_create(
        VolumeDay(subject=subject, day=monday // DAY + day, counts=counts)
        for day, counts in history(shop, 8).items()
    )
    stops_at = 8 * 7 * DAY + 12 * 3600
    insert_rows(
        Tally,
        COLUMNS,
        [
            (0, monday + second, None, source.pk, "received", shop.count(second, BUCKET))
            for second in range(stops_at - 3 * 3600, stops_at, BUCKET)
        ],
    )
    found: list[Alert] = []
    moment = datetime.fromtimestamp(monday + stops_at - 600, UTC)
    while not found and moment < datetime.fromtimestamp(monday + stops_at + 3600, UTC):
        moment += timedelta(seconds=30)
        changes = evaluate(moment)
        assert changes is not None
        found = [one for one in changes.fired if one.condition == "volume"]
    assert found[0].figures["direction"] == "less"
    minutes = (moment.timestamp() - monday - stops_at) / 60
    assert minutes <= 30
    # It sends again: over once it's usual for ten minutes.
    insert_rows(
        Tally,
        COLUMNS,
        [
            (0, monday + second, None, source.pk, "received", shop.count(second, BUCKET))
            for second in range(stops_at + 1800, stops_at + 2 * 3600, BUCKET)
        ],
    )
    for _ in range(180):
        moment += timedelta(seconds=30)
        evaluate(moment)
    found[0].refresh_from_db()
    assert found[0].resolved_at is not None


@pytest.mark.django_db
def test_counts_are_kept_once_however_often_and_from_whatever_level() -> None:
    source = make_source()
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    start = int(noon.timestamp())
    rows: list[tuple[Any, ...]] = [
        (Tally.Level.HOURLY, start - 7200, None, source.pk, "received", 10),
        (Tally.Level.MERGED, start - 3600, None, source.pk, "received", 7),
        (Tally.Level.APPENDED, start - 3600 + 300, None, source.pk, "received", 5),
        (Tally.Level.APPENDED, start - 3600, None, source.pk, "refused", 5),
        (Tally.Level.APPENDED, start + 900, None, source.pk, "received", 3),
    ]
    insert_rows(Tally, COLUMNS, rows)
    for minutes in (5, 6, 25, 40, 41):
        note_volume(noon + timedelta(minutes=minutes))
    day = VolumeDay.objects.get(day=start // DAY)
    assert day.counts[40:54] == [2, 3, 2, 3, 12, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    assert sum(day.counts) == 25
    note_volume(noon + timedelta(days=70))
    assert not VolumeDay.objects.filter(day=start // DAY).exists()


def test_rules_that_are_off_say_nothing() -> None:
    from types import SimpleNamespace

    figures: Any = SimpleNamespace(
        destinations={}, sources={}, slow=None, swept_at=None, now=datetime.now(UTC), waiting={}
    )
    verdicts = list(judge_all(figures, Rules()))
    assert not any(isinstance(verdict, Finding) for _, _, verdict in verdicts)
