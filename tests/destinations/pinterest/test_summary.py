"""What a file says of an event is what Pinterest gets, and of a rejected one what can be read."""

from __future__ import annotations

from typing import Any

import pytest

from destinations.pinterest.config import TransformConfig
from destinations.pinterest.summary import lenient, summarise
from destinations.pinterest.transform import transform
from tests.factories import make_event

TIME = "2026-11-20T10:00:00Z"
AT = 1795168800


def summary_of(config: TransformConfig | None = None, **fields: Any) -> Any:
    return summarise(make_event(timestamp=TIME, **fields), lenient(config or TransformConfig()))


def test_it_says_what_the_conversion_holds() -> None:
    event = make_event(
        timestamp=TIME,
        userId="u-1",
        properties={"orderId": 1042, "total": "35.50", "currency": "usd"},
        context={"ip": "203.0.113.7", "userAgent": "Mozilla", "traits": {"email": "a@example.com"}},
    )
    sent = transform(event, "checkout", TransformConfig(), AT).fields
    said = summarise(event, lenient(TransformConfig()))
    assert (said.order_id, said.value, said.currency) == (
        sent["custom_data"]["order_id"],
        sent["custom_data"]["value"],
        sent["custom_data"]["currency"],
    )
    assert (said.order_id, said.value, said.currency) == ("1042", "35.50", "USD")
    assert said.event_time == sent["event_time"] == AT
    assert said.match_keys == ("client_ip_address", "client_user_agent", "em", "external_id")


def test_what_pinterest_does_not_get_is_not_said() -> None:
    said = summary_of(
        TransformConfig(send_external_id=False),
        properties={"order_id": "o-1", "value": "many", "currency": "dollars"},
    )
    assert (said.order_id, said.value, said.currency) == ("o-1", "", "")
    assert said.match_keys == ("em",)


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"userId": None, "context": {}}, AT),  # nobody can be matched
        ({"timestamp": "soon"}, None),
    ],
)
def test_of_a_rejected_event_the_order_is_said(fields: dict[str, Any], at: int | None) -> None:
    event = {**make_event(timestamp=TIME, properties={"order_id": "o-2", "value": 3}), **fields}
    said = summarise(event, lenient(TransformConfig()))
    assert (said.order_id, said.value, said.event_time, said.match_keys) == ("o-2", "3", at, ())


def test_gates_and_age_do_not_keep_it_from_being_said() -> None:
    config = TransformConfig(max_age_seconds=1, consent_mode="strict", bots="filter")
    assert summary_of(config, properties={"order_id": "o-3"}).order_id == "o-3"
