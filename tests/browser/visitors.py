"""What visitors of an invented furniture shop do, as their SDKs would send it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

SHOP = "https://www.oakandlinen.example"
NAMES = (
    ("Alex", "Keener"),
    ("Mina", "Okafor"),
    ("Jonas", "Lind"),
    ("Carla", "Moreau"),
    ("Priya", "Nair"),
    ("Tom", "Brandt"),
    ("Yuki", "Sato"),
    ("Elena", "Rossi"),
    ("Sam", "Whitfield"),
    ("Noor", "Haddad"),
)
PRODUCTS = (
    ("sku-2041", "Oak side table", 149.0),
    ("sku-1187", "Linen duvet cover", 89.9),
    ("sku-3310", "Stoneware mug", 14.5),
    ("sku-2755", "Wool throw", 69.0),
    ("sku-4102", "Rattan lamp", 119.0),
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 "
    "Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)
KINDS = {
    "page": 30,
    "Product Viewed": 25,
    "Product Added": 18,
    "Order Completed": 22,
    "Signed Up": 5,
}
"""What visitors do, and how often each."""


RETURNING = 0.12
"""The share of web events whose person was identified earlier."""


class Visitors:
    """The same visitors again for the same ``seed``."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self._known: list[str] = []
        self._returning = random.Random(seed)  # of its own: everything else stays as it is drawn

    def browse(self, count: int, moment: datetime) -> Iterator[dict[str, Any]]:
        """``count`` events of web visitors, the newest at ``moment``."""
        for _ in range(count):
            yield self._web_event(moment)

    def track(self, name: str, count: int, moment: datetime) -> Iterator[dict[str, Any]]:
        """``count`` events of web visitors, all of one name."""
        for _ in range(count):
            yield self._web_event(moment, name)

    def _web_event(self, moment: datetime, name: str = "") -> dict[str, Any]:
        draw = self._random
        sku, title, price = draw.choice(PRODUCTS)
        quantity = draw.choice((1, 1, 1, 2, 4))
        product = {"product_id": sku, "name": title, "price": price, "quantity": quantity}
        kind = name or draw.choices(tuple(KINDS), tuple(KINDS.values()))[0]
        event = self._event(moment)
        if self._known and self._returning.random() < RETURNING:
            # Said an email before, and does not say it again: identity memory knows it.
            event["userId"] = self._returning.choice(self._known)
            del event["context"]["traits"]
        else:
            self._known.append(event["userId"])
        event["context"] |= {
            "ip": f"203.0.113.{draw.randint(2, 250)}",
            "userAgent": draw.choice(BROWSERS),
            "locale": "en-GB",
            "page": {"url": f"{SHOP}/{sku}" + draw.choice(("", "", "?epik=dj0yJnU9c2Ft"))},
        }
        if kind == "page":
            return {**event, "type": "page", "name": product["name"]}
        event |= {"type": "track", "event": kind}
        if kind == "Order Completed":
            value = round(price * quantity, 2)
            order = f"OL-{20400 + self._number}"
            event["properties"] = {
                "order_id": order,
                "value": value,
                "currency": "EUR",
                "products": [product],
            }
        elif kind != "Signed Up":
            event["properties"] = {"currency": "EUR", **product}
        return event

    def till(self, count: int, moment: datetime) -> Iterator[dict[str, Any]]:
        """Sales in shops: no browser, but often a customer card with an email address."""
        for _ in range(count):
            event = self._event(moment)
            price = self._random.choice(PRODUCTS)[2]
            yield {
                **event,
                "type": "track",
                "event": self._random.choice(("Order Completed", "Order Completed", "Till Opened")),
                "properties": {"order_id": f"S-{self._number}", "value": price, "currency": "EUR"},
            }

    def unknown(self, count: int, moment: datetime) -> Iterator[dict[str, Any]]:
        """Orders of people whom nobody can match."""
        for _ in range(count):
            event = self._event(moment)
            yield {
                **event,
                "type": "track",
                "event": "Order Completed",
                "context": {},
                "properties": {"value": 59.0, "currency": "EUR", "order_id": f"OL-{self._number}"},
            }

    def app(self, count: int, moment: datetime) -> Iterator[dict[str, Any]]:
        """Screens of an app on iOS."""
        for _ in range(count):
            event = self._event(moment)
            event["context"]["device"] = {"type": "ios", "advertisingId": self._uuid().upper()}
            yield {**event, "type": "screen", "name": self._random.choice(("Wish List", "Basket"))}

    def _event(self, moment: datetime) -> dict[str, Any]:
        self._number += 1
        first, last = self._random.choice(NAMES)
        return {
            "messageId": self._uuid(),
            "userId": f"customer-{self._random.randint(1000, 9999)}",
            "originalTimestamp": moment.isoformat(),
            "context": {
                "traits": {
                    "email": f"{first}.{last}@example.com".lower(),
                    "firstName": first,
                    "lastName": last,
                }
            },
        }

    def _uuid(self) -> str:
        text = f"{self._random.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], "4" + text[13:16], "a" + text[17:20], text[20:]))
