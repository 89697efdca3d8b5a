"""Realistic events of a shop, about 2.4 KB each: the same ones for the same seed.

Half are Order Completed with three products, a quarter pages, a quarter Product Added; every event
has all the user fields.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

_FIRST_NAMES = ("Ana", "Björn", "Chidi", "Dara", "Elif", "Femi", "Grace", "Haruto", "Inés", "Jon")
_LAST_NAMES = ("Adeyemi", "Brown", "Castro", "Dupont", "Eriksson", "Fischer", "García", "Huang")
_GENDERS = ("female", "Male", "f", "M", "non-binary")
_ADDRESSES = (
    ("12 Oak Street", "Portland", "OR", "97201-1234", "US"),
    ("4 Rue Neuve", "Lyon", "Auvergne-Rhône-Alpes", "69002", "France"),
    ("88 High Road", "London", "", "N1 9AG", "GB"),
    ("31 Bay Avenue", "San Francisco", "California", "94107", "United States"),
    ("7 Gartenweg", "Köln", "NW", "50667", "DE"),
)
_USER_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36",
)
_BRANDS = ("Acorn", "Birch & Co", "Cedar", "Dune")
_CATEGORIES = ("Kitchen", "Games", "Shoes", "Garden")
_START = datetime(2024, 5, 1, tzinfo=UTC)


def make_lines(count: int, seed: int = 1) -> list[bytes]:
    """``count`` events, each a JSON object of one line, as a sender or a store would give them."""
    return [orjson.dumps(make_event(number, seed)) for number in range(count)]


def make_event(number: int, seed: int = 1) -> dict[str, Any]:
    """The event with this number; another number or seed is another event of another person."""
    chance = random.Random(f"{seed}/{number}")
    moment = _START + timedelta(milliseconds=chance.randrange(1_209_600_000))
    written = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event: dict[str, Any] = {
        "channel": "web",
        "messageId": _uuid(chance),
        "anonymousId": _uuid(chance),
        "userId": f"user-{chance.randrange(50_000)}",
        "originalTimestamp": written,
        "sentAt": written,
        "timestamp": written,
        "receivedAt": written,
        "context": _context(chance, number),
        "integrations": {"All": True},
    }
    if number % 2 == 0:
        event |= {"type": "track", "event": "Order Completed", "properties": _order(chance)}
    elif number % 4 == 1:
        event |= {"type": "page", "name": "Product", "category": chance.choice(_CATEGORIES)}
        event["properties"] = {
            "path": "/p",
            "url": f"https://shop.example.com/p/{chance.randrange(10**6)}",
            "title": "Shop",
            "referrer": "",
            "search": "",
        }
    else:
        added = _product(chance) | {"cart_id": _uuid(chance), "currency": "USD"}
        added["value"] = added["price"]
        event |= {"type": "track", "event": "Product Added", "properties": added}
    return event


def _context(chance: random.Random, number: int) -> dict[str, Any]:
    first, last = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES)
    street, city, state, postal_code, country = chance.choice(_ADDRESSES)
    return {
        "app": {"name": "Shop", "version": f"3.14.{number % 20}", "namespace": "com.example.shop"},
        "ip": f"203.0.{chance.randrange(256)}.{chance.randrange(1, 255)}",
        "userAgent": chance.choice(_USER_AGENTS),
        "locale": chance.choice(("en-GB", "de-DE", "en-US", "fr-FR")),
        "timezone": "America/Los_Angeles",
        "device": {
            "id": _uuid(chance),
            "manufacturer": "Apple",
            "model": "iPhone15,2",
            "type": "ios",
            "advertisingId": _uuid(chance).upper(),
            "adTrackingEnabled": chance.random() < 0.7,
        },
        "os": {"name": "iOS", "version": "17.4"},
        "network": {"carrier": "T-Mobile", "wifi": chance.random() < 0.5},
        "screen": {"width": 1280, "height": 800, "density": 2},
        "page": {
            "url": f"https://shop.example.com/checkout?step={number % 5}",
            "path": "/checkout",
            "referrer": "https://www.pinterest.com/",
            "title": "Checkout",
            "search": "",
        },
        "library": {"name": "RudderLabs JavaScript SDK", "version": "3.0.4"},
        "campaign": {"source": "pinterest", "medium": "cpc"},
        "sessionId": 1_714_550_000 + number,
        "traits": {
            "email": f" {first}.{last}{number}@Example.com ",
            "phone": f"+1 ({chance.randrange(200, 999)}) 555-{chance.randrange(10_000):04}",
            "firstName": first,
            "lastName": last,
            "gender": chance.choice(_GENDERS),
            "birthday": f"19{chance.randrange(50, 99)}-{chance.randrange(1, 13):02}-17",
            "address": {
                "street": street,
                "city": city,
                "state": state,
                "zip": postal_code,
                "country": country,
            },
            "createdAt": "2023-01-05T10:00:00Z",
            "plan": chance.choice(("free", "pro")),
        },
    }


def _order(chance: random.Random) -> dict[str, Any]:
    products = [_product(chance) for _ in range(3)]
    total = round(sum(product["price"] * product["quantity"] for product in products), 2)
    return {
        "order_id": f"{chance.getrandbits(96):024x}",
        "checkout_id": _uuid(chance),
        "affiliation": "Web store",
        "total": total,
        "revenue": total,
        "shipping": 4.99,
        "tax": round(total * 0.08, 2),
        "discount": 0,
        "coupon": "",
        "currency": "USD",
        "products": products,
    }


def _product(chance: random.Random) -> dict[str, Any]:
    number = chance.randrange(10**6)
    return {
        "product_id": f"{chance.getrandbits(96):024x}",
        "sku": f"{number:06}-{number % 97:02}",
        "name": f"{chance.choice(_BRANDS)} article {number % 900}",
        "price": chance.randrange(500, 25_000) / 100,
        "quantity": chance.randrange(1, 4),
        "category": chance.choice(_CATEGORIES),
        "brand": chance.choice(_BRANDS),
        "variant": f"v{number % 10}",
        "url": f"https://shop.example.com/p/{number}",
        "image_url": f"https://cdn.example.com/i/{number}.jpg",
        "position": number % 9,
    }


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
