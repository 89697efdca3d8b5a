"""Ready events for trying a destination out: one of each kind that people ask about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_TRAITS = {"email": "alex@example.com", "firstName": "Alex", "lastName": "Keener"}
_PRODUCT = {"product_id": "123454387", "name": "Game", "price": 3.0, "quantity": 2}
_BROWSER = {
    "ip": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "locale": "en-GB",
    "page": {"url": "https://www.example.com/checkout?epik=dj0yJnU9c2Ft"},
}


@dataclass(frozen=True, slots=True)
class Example:
    key: str
    title: StrOrPromise
    event: dict[str, Any]


EXAMPLES: tuple[Example, ...] = (
    Example(
        "order",
        gettext_lazy("Order Completed in a browser"),
        {
            "type": "track",
            "event": "Order Completed",
            "channel": "web",
            "messageId": "example-order",
            "userId": "customer-1",
            "timestamp": "2026-11-23T10:00:00Z",
            "properties": {
                "order_id": "order-1001",
                "value": 35.0,
                "currency": "USD",
                "products": [_PRODUCT],
            },
            "context": {**_BROWSER, "traits": {**_TRAITS, "phone": "+1 (415) 555-0123"}},
        },
    ),
    Example(
        "server",
        gettext_lazy("Product Added from a server"),
        {
            "type": "track",
            "event": "Product Added",
            "channel": "server",
            "messageId": "example-added",
            "userId": "customer-1",
            "timestamp": "2026-11-23T10:00:00Z",
            "properties": {"currency": "USD", **_PRODUCT},
            "context": {"traits": _TRAITS},
        },
    ),
    Example(
        "page",
        gettext_lazy("Page view of a category"),
        {
            "type": "page",
            "name": "Best Seller",
            "category": "Games",
            "channel": "web",
            "messageId": "example-page",
            "anonymousId": "visitor-1",
            "timestamp": "2026-11-23T10:00:00Z",
            "context": _BROWSER,
        },
    ),
    Example(
        "app",
        gettext_lazy("Screen view in an iOS app"),
        {
            "type": "screen",
            "name": "Sign Up",
            "channel": "mobile",
            "messageId": "example-screen",
            "anonymousId": "install-1",
            "timestamp": "2026-11-23T10:00:00Z",
            "context": {
                "device": {
                    "type": "ios",
                    "advertisingId": "AEBE52E7-03EE-455A-B3C4-E57283966239",
                    "adTrackingEnabled": True,
                },
                "os": {"name": "iOS", "version": "17.4"},
            },
        },
    ),
    Example(
        "anonymous",
        gettext_lazy("An event without match data (rejected)"),
        {
            "type": "track",
            "event": "Order Completed",
            "messageId": "example-anonymous",
            "userId": "customer-1",
            "timestamp": "2026-11-23T10:00:00Z",
            "properties": {"value": 35.0, "currency": "USD"},
        },
    ),
)
