"""A list of products, from the shapes in which senders have it.

PHP makes an object of a list with a gap, pixels send JSON text, and carts wrap each product.
"""

from __future__ import annotations

from typing import Any

import orjson

from .values import usable_text

PRODUCT_ID_KEYS = ("product_id", "product_sku", "sku", "id")
_OWN_KEYS = frozenset((*PRODUCT_ID_KEYS, "name", "price", "quantity"))
_WRAPPERS = ("product", "item", "node")
_MAX_TEXTS = 2


def list_of_products(products: Any) -> list[Any] | None:
    """The products of what is no list: an object of them, one of them, or either as JSON text.

    None when there is nothing of the kind in it.
    """
    for _ in range(_MAX_TEXTS):
        if type(products) is not str:
            break
        products = _read_json(products)
    if type(products) is list:
        return products
    if type(products) is not dict or not products:
        return None
    if not _OWN_KEYS.isdisjoint(products):
        return [products]
    return [value for value in products.values() if type(value) in (dict, list)] or None


def flattened(products: list[Any]) -> list[Any] | None:
    """The same list with nested lists, JSON texts and wrapped products taken apart, one level deep.

    None when there is nothing to take apart.
    """
    flat: list[Any] = []
    for product in products:
        entry = _read_json(product) if type(product) is str else product
        entries = entry if type(entry) is list else [product if entry is None else entry]
        flat.extend(_unwrapped(one) if type(one) is dict else one for one in entries)
    return flat if flat != products else None


def is_wrapped(product: dict[str, Any]) -> bool:
    """Whether a product without an ID has one within it."""
    return any(type(product.get(key)) is dict for key in _WRAPPERS)


def _unwrapped(product: dict[str, Any]) -> dict[str, Any]:
    """A product with what ``{"product": {…}, "quantity": 2}`` holds inside, beside its own."""
    if any(usable_text(product.get(key)) is not None for key in PRODUCT_ID_KEYS):
        return product
    for key in _WRAPPERS:
        inner = product.get(key)
        if type(inner) is dict:
            own = {
                name: value for name, value in product.items() if name != key and value is not None
            }
            return {**inner, **own}
    return product


def _read_json(text: str) -> Any:
    """What a JSON text of an object or array (or of such a text) holds; None for any other text."""
    if text.lstrip()[:1] not in ("[", "{", '"'):
        return None
    try:
        return orjson.loads(text)
    except ValueError:
        return None
