"""A RudderStack destination config becomes our settings, with a note on all that is left out."""

from __future__ import annotations

from typing import Any

import pytest

from destinations.pinterest.rudderstack_config import config_from_rudderstack
from destinations.pinterest.transform import TransformConfig


def test_every_setting_with_a_meaning_is_taken() -> None:
    imported, notes = config_from_rudderstack(
        {
            "apiVersion": "newApi",
            "adAccountId": 549755885175,
            "advertiserId": "1",
            "conversionToken": "pina_secret",
            "appId": "429047995",
            "deduplicationKey": "properties.order_id",
            "sendAsTestEvent": True,
            "sendExternalId": True,
            "sendAsCustomEvent": True,
            "eventsMapping": [
                {"from": "Signed Up ", "to": "Signup"},
                {"from": "x", "to": "my_own"},
            ],
        },
        "Shop",
    )
    assert imported.transform == TransformConfig(
        destination_name="Shop",
        api_version="v5",
        advertiser_id="549755885175",
        app_id="429047995",
        dedup_key="properties.order_id",
        unmapped_events="as_custom",
        send_external_id=True,
        event_map=(("Signed Up", "signup"), ("x", "my_own")),
    )
    assert (imported.token, imported.test_mode, notes) == ("pina_secret", True, ())


def test_the_token_is_never_shown() -> None:
    imported, notes = config_from_rudderstack({"conversionToken": "pina_secret", "tagId": "7"})
    assert "pina_secret" not in repr(imported) + repr(notes)


@pytest.mark.parametrize(
    ("stated", "version", "account"),
    [
        (None, "v5", "5"),
        ("newApi", "v5", "5"),
        ("legacyApi", "v3", "3"),
        ("", "v5", "5"),
    ],
)
def test_the_api_version_chooses_the_account(stated: Any, version: str, account: str) -> None:
    config = {"apiVersion": stated, "adAccountId": "5", "advertiserId": "3"}
    transform = config_from_rudderstack(config)[0].transform
    assert (transform.api_version, transform.advertiser_id) == (version, account)


@pytest.mark.parametrize("rows", [None, [], {}, "x", [None], [{}], [{"from": "", "to": "Lead"}]])
def test_a_missing_or_odd_event_map_is_an_empty_one(rows: Any) -> None:
    assert config_from_rudderstack({"eventsMapping": rows})[0].transform.event_map == ()


def test_what_has_no_meaning_here_is_noted_with_the_reason() -> None:
    config = {
        "apiVersion": "newest",
        "sendingUnHashedData": False,
        "tagId": "1",
        "colour": "red",
        "appId": {"a": 1},
        "sendAsCustomEvent": "perhaps",
        "deduplicationKey": "{{ message.id || x }}",
        "eventsMapping": [{"from": "a", "to": ""}, {"from": "b", "to": "View Content 2x"}],
    }
    imported, notes = config_from_rudderstack(config)
    assert imported.transform == TransformConfig(
        send_external_id=False, event_map=(("b", "view_content_2x"),)
    )
    assert notes == (
        "apiVersion is treated as v5: it's neither newApi nor legacyApi.",
        "appId was omitted: it isn't text.",
        "deduplicationKey was omitted: only RudderStack can fill in its value.",
        "sendAsCustomEvent is treated as false: it's neither true nor false.",
        "Row 1 of eventsMapping was omitted: “to” is empty.",
        "Row 2 of eventsMapping: “to” is now view_content_2x.",
        "sendingUnHashedData is ignored: hashed values are sent as is, all others are hashed.",
        "tagId is ignored: it only applies to the browser tag.",
        "colour is ignored: unknown setting.",
    )
