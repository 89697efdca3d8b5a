"""``manage.py delivery_report``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import Delivery, Refusal
from deliveries.stats.reporting import build_report, parse_since
from tests.deliveries.log_rows import backdate, make_rejected, settle
from tests.factories import make_deliveries, make_destination, make_source

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
NOTHING = {
    "pending": 0,
    "sending": 0,
    "delivered": 0,
    "rejected": 0,
    "dead": 0,
    "filtered": 0,
    "discarded": 0,
}


def report(*arguments: str) -> str:
    out = StringIO()
    call_command("delivery_report", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_an_empty_installation_reports_zeros():
    assert json.loads(report("--json")) == {
        "totals": NOTHING,
        "destinations": [],
        "completed_from_memory": 0,
        "refusals": 0,
    }


@pytest.mark.django_db
def test_the_report_counts_each_destination_with_its_errors_and_the_newest_example():
    us = make_destination(name="US")
    make_destination(name="DE", paused_at=timezone.now(), paused_code="http_401")
    settle(make_deliveries(us, 3), [{"status": "processed"}] * 3)
    make_deliveries(us, 2)
    make_rejected(us, error_message="Old words.")
    make_rejected(us, error_message="New words.")
    make_rejected(us, status="dead", error_code="http_503", error_message="Busy.")
    Refusal.objects.create(source=make_source(), code="not_json", message="No JSON.")
    totals = {**NOTHING, "delivered": 3, "pending": 2, "rejected": 2, "dead": 1}
    assert json.loads(report("--json")) == {
        "totals": totals,
        "destinations": [
            {"name": "DE", "paused": True, "totals": NOTHING, "errors": []},
            {
                "name": "US",
                "paused": False,
                "totals": totals,
                "errors": [
                    {"code": "missing_user_data", "count": 2, "example": "New words."},
                    {"code": "http_503", "count": 1, "example": "Busy."},
                ],
            },
        ],
        "completed_from_memory": 0,
        "refusals": 1,
    }


@pytest.mark.django_db
def test_since_leaves_out_what_came_in_before():
    old, _ = make_deliveries(make_destination(), 2)
    backdate(old, days=2)
    refusal = Refusal.objects.create(source=make_source(), code="not_json", message="No.")
    Refusal.objects.filter(pk=refusal.pk).update(received_at=timezone.now() - timedelta(days=2))
    recent = json.loads(report("--json", "--since", "24h"))
    assert (recent["totals"]["pending"], recent["refusals"]) == (1, 0)
    both = json.loads(report("--json", "--since=7d"))
    assert (both["totals"]["pending"], both["refusals"]) == (2, 1)


@pytest.mark.django_db
def test_deliveries_of_a_destination_that_is_gone_are_counted_too():
    Delivery.objects.create(event_id=1, destination_id=77, status="filtered")
    (destination,) = json.loads(report("--json"))["destinations"]
    assert destination["name"] == "deleted (no. 77)"
    assert destination["totals"]["filtered"] == 1


@pytest.mark.django_db
def test_the_table_shows_the_same_numbers_and_errors():
    us = make_destination(name="US")
    settle(make_deliveries(us, 3), [{"status": "processed"}] * 3)
    make_rejected(us)
    lines = report().splitlines()
    assert lines[0].split() == ["destination", *NOTHING]
    assert lines[1].split() == ["US", "0", "0", "3", "1", "0", "0", "0"]
    assert lines[2].split() == ["all", "0", "0", "3", "1", "0", "0", "0"]
    assert "invalid events: 0" in lines
    assert lines[-1].split(maxsplit=2) == ["1", "missing_user_data", "Nobody can be matched."]


@pytest.mark.django_db
def test_the_report_takes_the_same_queries_however_many_destinations_there_are():
    make_rejected(make_destination())
    with CaptureQueriesContext(connection) as few:
        build_report()
    for _ in range(3):
        make_rejected(make_destination())
    with CaptureQueriesContext(connection) as many:
        build_report()
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("90 min", NOW - timedelta(minutes=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("30S", NOW - timedelta(seconds=30)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:30", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("2026-05-01T12:30:00+02:00", datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
        ("2026-05-01T12:30:00Z", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_since_takes_durations_and_iso_moments(text, moment):
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "24", "h", "-3d", "999999999d", "2026-13-01", "１d"])
def test_since_says_what_it_takes_when_it_cannot_read_the_text(text):
    with pytest.raises(ValueError, match="isn't a duration such as 24h or 7d, or a date"):
        parse_since(text, NOW)


@pytest.mark.django_db
def test_the_command_says_the_same_in_one_line():
    with pytest.raises(CommandError, match="--since: 'soon' isn't a duration"):
        report("--since", "soon")
