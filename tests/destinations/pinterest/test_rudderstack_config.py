"""A RudderStack destination config becomes our settings, with a note on all that is left out."""

from __future__ import annotations

from typing import Any

import pytest

from destinations.pinterest.consent_gate import ConsentBlock
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


def test_consent_settings_become_categories_in_the_mode_of_the_sender() -> None:
    imported, notes = config_from_rudderstack(
        {
            "consentManagement": [
                {"provider": "ketch", "consents": [{"consent": "ads"}, {"consent": "ads"}]},
                {"consents": [{"consent": " C0002"}, {"consent": ""}, {}, None]},
                {
                    "provider": "custom",
                    "resolutionStrategy": "or",
                    "consents": [{"consent": "a"}, {"consent": "b"}],
                },
                {"provider": "iubenda", "consents": []},
            ],
            "oneTrustCookieCategories": [{"oneTrustCookieCategory": "C0004"}],
            "ketchConsentPurposes": {"web": [{"purpose": "ads"}]},
        }
    )
    assert imported.transform.consent_mode == "as_sender"
    assert imported.transform.consent_categories == (
        ConsentBlock("ketch", "and", ("ads",)),
        ConsentBlock("oneTrust", "and", (" C0002",)),
        ConsentBlock("custom", "or", ("a", "b")),
        ConsentBlock("oneTrustCookieCategories", "and", ("C0004",)),
        ConsentBlock("ketchConsentPurposes", "or", ("ads",)),
    )
    assert notes == ()


def test_of_consent_settings_by_kind_of_source_those_of_the_cloud_are_taken() -> None:
    def block(consent: str) -> list[dict[str, Any]]:
        return [{"provider": "oneTrust", "consents": [{"consent": consent}]}]

    imported, notes = config_from_rudderstack(
        {"consentManagement": {"web": block("1"), "cloud": block("2"), "amp": []}}
    )
    assert imported.transform.consent_categories == (ConsentBlock("oneTrust", "and", ("2",)),)
    assert notes == ("consentManagement differs by source: that of cloud sources was used.",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ({}, ()),
        ({"web": []}, ()),
        ("x", ("consentManagement was omitted: it isn't a list.",)),
        ([7], ("Row 1 of consentManagement was omitted: it isn't an object.",)),
        (
            [{"provider": "a: b", "consents": [{"consent": "x"}]}],
            ("Row 1 of consentManagement was omitted: it has no known provider.",),
        ),
    ],
)
def test_consent_settings_that_say_nothing_leave_consent_off(
    value: Any, said: tuple[str, ...]
) -> None:
    imported, notes = config_from_rudderstack({"consentManagement": value})
    assert (imported.transform.consent_mode, imported.transform.consent_categories) == ("off", ())
    assert notes == said


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"eventFilteringOption": "disable", "whitelistedEvents": [{"eventName": "A"}]}, "off"),
        ({"whitelistedEvents": [{"eventName": "A"}]}, "off"),
        ({"eventFilteringOption": "whitelistedEvents", "whitelistedEvents": [{}]}, "off"),
        (
            {
                "eventFilteringOption": "whitelistedEvents",
                "whitelistedEvents": [{"eventName": " A "}, {"eventName": "A"}],
                "blacklistedEvents": [{"eventName": "B"}],
            },
            "allow",
        ),
        (
            {
                "eventFilteringOption": "blacklistedEvents",
                "blacklistedEvents": [{"eventName": "A"}],
            },
            "deny",
        ),
    ],
)
def test_the_list_of_events_that_is_on_is_taken(config: dict[str, Any], expected: str) -> None:
    imported, notes = config_from_rudderstack(config)
    names = () if expected == "off" else ("A",)
    assert (imported.transform.event_list, imported.transform.listed_events) == (expected, names)
    assert all("unknown setting" not in note for note in notes)
