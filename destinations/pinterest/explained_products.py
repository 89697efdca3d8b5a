"""Where the products of a conversion come from: which of the event's, and which of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .custom_data import PRODUCT_TEXTS, add_products
from .event import PROPERTIES, Sections
from .products import PRODUCT_ID_KEYS, is_wrapped, list_of_products

LIST = "properties.products"
_KEYS: dict[str, tuple[str, ...]] = {
    "id": PRODUCT_ID_KEYS,
    **{name: (key,) for key, name in PRODUCT_TEXTS},
    "item_price": ("price",),
    "quantity": ("quantity",),
}


class ProductField(NamedTuple):
    """A field of one of ``contents``; ``path`` is "" for a quantity that nobody gave.

    ``is_reshaped``: it wasn't plain, so only the whole list, or the whole product, can be named.
    """

    position: int
    name: str
    value: Any
    path: str
    raw: Any
    is_reshaped: bool = False


def product_fields(sections: Sections, contents: list[dict[str, Any]]) -> Iterator[ProductField]:
    """Every field of ``contents``, in order."""
    properties = sections[PROPERTIES]
    products = properties.get("products")
    if type(products) is list:
        sources = [
            (f"{LIST}[{position}]", product)
            for position, product in enumerate(products)
            if type(product) is dict and _alone(product, properties)
        ]
    elif products and list_of_products(products) is not None:
        sources = []
    else:
        sources = [("properties", properties)]
    alike = [_alone(product, properties) for _, product in sources] == contents
    for position, content in enumerate(contents):
        for name, value in content.items():
            if not alike:
                yield ProductField(position, name, value, LIST, None, is_reshaped=True)
                continue
            parent, product = sources[position]
            path, raw = _source(name, value, parent, product, properties)
            if not path and (name != "quantity" or is_wrapped(product)):
                yield ProductField(position, name, value, parent, None, is_reshaped=True)
                continue
            yield ProductField(position, name, value, path, raw)


def _source(
    name: str, value: Any, parent: str, product: dict[str, Any], properties: dict[str, Any]
) -> tuple[str, Any]:
    for key in _KEYS[name]:
        raw = product.get(key)
        if raw is not None and _gives(name, value, {key: raw}, {}):
            return f"{parent}.{key}", raw
    if name in ("item_price", "quantity"):
        (key,) = _KEYS[name]
        raw = properties.get(key)
        if raw is not None and _gives(name, value, {}, {key: raw}):
            return f"properties.{key}", raw
    return "", None


def _gives(name: str, value: Any, product: dict[str, Any], properties: dict[str, Any]) -> bool:
    """Whether this alone makes the field have this value, and not the quantity that is assumed."""
    if name == "quantity" and not _alone(product or properties, {}):
        return False
    # Without an ID beside it, a product without values of its own stands for nothing.
    content = _alone({**({} if name == "id" else {"id": "x"}), **product}, properties)
    return content is not None and content.get(name) == value


def _alone(product: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any] | None:
    """What the transform makes of one product; None for nothing."""
    made: dict[str, Any] = {}
    add_products([product], properties, made, [])
    contents = made.get("contents")
    return contents[0] if contents and len(contents) == 1 else None
