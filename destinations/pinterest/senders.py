"""Who sent an event that names no channel: an app on a phone, a browser, or a server.

Segment's SDKs set no channel; ``context.library.name`` and the device say what they are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

from .cleaning import clean
from .event import APP, CONTEXT, DEVICE, PAGE, SYSTEM, Sections
from .values import usable_text

_IOS = (
    *("ios", "ipados", "iphone", "ipad", "ipod", "tvos", "apple tv", "appletv"),
    *("watchos", "apple watch", "visionos", "xros"),
)
_ANDROID = ("android", "fire os", "fireos", "wear os", "wearos")

BROWSER, SERVER, APP_SDK, LANGUAGE = "browser", "server", "app", "language"
"""Kinds of libraries. ``LANGUAGE``: for apps and for servers (Swift, Kotlin), so the device
decides."""

# Words in the names of libraries: analytics-ios, com.rudderstack.android.sdk.core,
# @segment/analytics-react-native, analytics_flutter, RudderLabs JavaScript SDK, analytics.js.
_WORDS: dict[str, str] = {
    BROWSER: "js javascript browser web next amp gtm",
    SERVER: "node nodejs python ruby rails php java go golang net dotnet rust elixir clojure perl "
    "scala server http sources",
    LANGUAGE: "swift kotlin csharp unity kmp dart cpp",
    APP_SDK: "flutter cordova capacitor ionic expo xamarin maui titanium nativescript reactnative "
    "mobile",
    "app_ios": "ios tvos objc",
    "app_android": "android",
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BY_RANK = ("app_ios", "app_android", APP_SDK, LANGUAGE, BROWSER, SERVER)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MAX_NAME = 100
# What only an app knows of its device.
_APP_KEYS = ("advertisingId", "adTrackingEnabled", "attTrackingStatus", "trackingStatus", "token")


def channel_of(event: dict[str, Any]) -> str:
    """The event's channel in lower case: web, mobile, server, sources …; "" without one."""
    channel = event.get("channel")
    if channel == "web":
        return "web"
    return clean(channel).lower() if type(channel) is str else ""


def platform_of(sections: Sections) -> str | None:
    """``app_ios`` or ``app_android`` by the system, the device or the library; None for others."""
    stated = False
    for value in (sections[SYSTEM].get("name"), sections[DEVICE].get("type")):
        text = usable_text(value) if type(value) is str else None
        if text is not None:
            name = text.lower()
            if name.startswith(_ANDROID):
                return "app_android"
            if name.startswith(_IOS):
                return "app_ios"
            stated = stated or value is sections[SYSTEM].get("name")
    if stated:
        return None
    kind = library_kind(sections)
    if kind in ("app_ios", "app_android"):
        return kind
    manufacturer = sections[DEVICE].get("manufacturer")
    is_apple = type(manufacturer) is str and clean(manufacturer).lower().startswith("apple")
    return "app_ios" if is_apple else None


def library_kind(sections: Sections) -> str:
    """The kind of the SDK in ``context.library``; "" for none or one that is not known."""
    library = sections[CONTEXT].get("library")
    name = library.get("name") if type(library) is dict else library
    return _kind_of(name[:_MAX_NAME]) if type(name) is str else ""


@lru_cache(maxsize=1024)
def _kind_of(name: str) -> str:
    words = [word.lower() for word in _WORD.findall(name)]
    pairs = [first + second for first, second in pairwise(words)]
    kinds = {_KINDS[word] for word in (*words, *pairs) if word in _KINDS}
    return next((kind for kind in _BY_RANK if kind in kinds), "")


def is_an_app(sections: Sections) -> bool:
    """Whether an event without a channel comes from an app: by its SDK, else by its device."""
    kind = library_kind(sections)
    if kind == BROWSER:
        return False
    if kind in ("app_ios", "app_android", APP_SDK):
        return True
    if platform_of(sections) is None:
        return False
    if kind == LANGUAGE:
        return True
    if usable_text(sections[PAGE].get("url")) is not None:
        return False  # a page in the browser of a phone
    device = sections[DEVICE]
    return _names_a_system(device.get("type")) or bool(
        sections[APP] or any(device.get(key) is not None for key in _APP_KEYS)
    )


def _names_a_system(value: Any) -> bool:
    return type(value) is str and clean(value).lower().startswith(_ANDROID + _IOS)


def is_the_visitors_own(sections: Sections, is_app: bool) -> bool:
    """Whether an event without a channel came from the visitor's own device, not from a server."""
    kind = library_kind(sections)
    return kind == BROWSER or (is_app and kind != SERVER)
