"""The sender's clock is trusted for differences only, however wrong it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.transform import Conversion, TransformConfig, transform

RECEIVED = datetime(2026, 11, 28, 3, tzinfo=UTC)
YEARS = 20 * 365 * 86_400
CONFIG = TransformConfig()


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def convert(**fields: Any) -> Conversion:
    event = {
        "type": "track",
        "event": "Lead",
        "messageId": "m",
        "receivedAt": text(RECEIVED),
        "context": {"traits": {"email": "a@example.com"}},
    }
    return transform(event | fields, "lead", CONFIG, RECEIVED.timestamp())


@given(
    age=st.integers(0, 6 * 86_400),
    error=st.integers(-YEARS, YEARS),
    key=st.sampled_from(["timestamp", "originalTimestamp"]),
)
def test_an_event_is_as_old_as_it_is_by_any_clock(age: int, error: int, key: str) -> None:
    sent = RECEIVED + timedelta(seconds=error)
    conversion = convert(**{key: text(sent - timedelta(seconds=age)), "sentAt": text(sent)})
    assert conversion.fields["event_time"] == RECEIVED.timestamp() - age
    codes = [warning.code for warning in conversion.warnings]
    assert codes == (["clock_corrected"] if abs(error) > 300 else [])


@given(age=st.integers(0, 86_400), error=st.integers(-YEARS, YEARS))
def test_a_time_that_a_server_set_stays(age: int, error: int) -> None:
    happened = RECEIVED - timedelta(seconds=age)
    sent = RECEIVED + timedelta(seconds=error)
    conversion = convert(timestamp=text(happened), originalTimestamp=text(sent), sentAt=text(sent))
    assert conversion.fields["event_time"] == happened.timestamp()


def test_the_warning_says_how_far_off_the_clock_was() -> None:
    def said(**error: int) -> str:
        sent = RECEIVED + timedelta(**error)
        (warning,) = convert(timestamp=text(sent), sentAt=text(sent)).warnings
        return warning.message

    assert said(hours=2) == "The sender's clock was 2 h ahead, so the event's time was corrected."
    assert "1 d 1 h behind" in said(hours=-25)
    assert "6 min behind" in said(minutes=-6)
