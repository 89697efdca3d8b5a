"""Whether an event without a channel comes from an app, a browser or a server."""

from __future__ import annotations

from typing import Any

import pytest

from destinations.pinterest.event import read_sections
from destinations.pinterest.senders import is_an_app, is_the_visitors_own, library_kind, platform_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("analytics-ios", "app_ios"),
        ("rudder-ios-library", "app_ios"),
        ("analytics-android", "app_android"),
        ("com.rudderstack.android.sdk.core", "app_android"),
        ("analytics-swift", "language"),
        ("analytics-kotlin", "language"),
        ("Analytics-CSharp", "language"),
        ("@segment/analytics-react-native", "app"),
        ("RudderReactNative", "app"),
        ("analytics_flutter", "app"),
        ("rudder_sdk_flutter", "app"),
        ("analytics-cordova", "app"),
        ("analytics.js", "browser"),
        ("RudderLabs JavaScript SDK", "browser"),
        ("@segment/analytics-node", "server"),
        ("analytics-python", "server"),
        ("axios", ""),
        ("my sender", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_library_is_known_by_the_words_in_its_name(name: Any, kind: str) -> None:
    sections, _ = read_sections({"context": {"library": {"name": name}}})
    assert library_kind(sections) == kind


@pytest.mark.parametrize(
    ("context", "app", "visitor", "platform"),
    [
        (
            {"library": {"name": "analytics-kotlin"}, "os": {"name": "Android"}},
            True,
            True,
            "app_android",
        ),
        ({"library": {"name": "analytics-kotlin"}}, False, False, None),
        ({"library": {"name": "analytics-swift"}, "os": {"name": "macOS"}}, False, False, None),
        ({"library": {"name": "analytics-swift"}, "os": {"name": "iPadOS"}}, True, True, "app_ios"),
        ({"library": {"name": "analytics-ios"}}, True, True, "app_ios"),
        ({"library": {"name": "analytics-ios"}, "os": {"name": "tvOS"}}, True, True, "app_ios"),
        ({"library": {"name": "analytics_flutter"}, "os": {"name": "iOS"}}, True, True, "app_ios"),
        ({"library": {"name": "analytics.js"}, "os": {"name": "iOS"}}, False, True, "app_ios"),
        (
            {"library": {"name": "analytics-node"}, "device": {"type": "ios"}},
            True,
            False,
            "app_ios",
        ),
        ({"library": {"name": "analytics-node"}}, False, False, None),
        ({"device": {"type": "android"}}, True, True, "app_android"),
        ({"os": {"name": "iOS"}, "device": {"attTrackingStatus": 3}}, True, True, "app_ios"),
        ({"os": {"name": "iOS"}, "app": {"name": "Shop"}}, True, True, "app_ios"),
        ({"os": {"name": "iOS"}}, False, False, "app_ios"),
        (
            {
                "os": {"name": "iOS"},
                "device": {"type": "ios"},
                "page": {"url": "https://shop.example/"},
            },
            False,
            False,
            "app_ios",
        ),
        ({"os": {"name": "Fire OS"}, "device": {"token": "t"}}, True, True, "app_android"),
        ({"os": {"name": "Windows"}, "device": {"manufacturer": "Apple"}}, False, False, None),
        (
            {"device": {"manufacturer": "Apple Inc."}, "app": {"name": "Shop"}},
            True,
            True,
            "app_ios",
        ),
        ({}, False, False, None),
    ],
)
def test_an_app_is_known_by_its_library_or_its_device(
    context: dict[str, Any], app: bool, visitor: bool, platform: str | None
) -> None:
    sections, _ = read_sections({"context": context})
    assert is_an_app(sections) is app
    assert is_the_visitors_own(sections, app) is visitor
    assert platform_of(sections) == platform
