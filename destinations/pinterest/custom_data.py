"""What it was about: ``custom_data`` with the products, from the event's properties."""

from __future__ import annotations

import re
from typing import Any

from .event import PROPERTIES, Path, Sections, paths, under
from .findings import Finding
from .texts import TextField, TextRow, read_texts
from .values import decimal_text, integer, usable_text

_CURRENCY = re.compile(r"[A-Za-z]{3}")


def currency(value: Any) -> str | None:
    """Three letters, upper case."""
    if type(value) is not str:
        return None
    text = value.strip()
    return text.upper() if _CURRENCY.fullmatch(text) else None


def _properties(*keys: str) -> tuple[Path, ...]:
    return paths(*under(("properties",), *keys))


_NOT_A_NUMBER = ("number_invalid", "This is not a number.")

OPT_OUT_PATHS = _properties("optOutType", "opt_out_type")

CUSTOM_FIELDS: tuple[TextField, ...] = (
    TextField(
        "currency",
        _properties("currency"),
        currency,
        "currency_invalid",
        "A currency is three letters, like USD.",
    ),
    TextField("value", _properties("value", "total", "revenue"), decimal_text, *_NOT_A_NUMBER),
    TextField("order_id", _properties("order_id", "orderId")),
    TextField("search_string", _properties("query", "search_string")),
    TextField("opt_out_type", OPT_OUT_PATHS),
    TextField("content_name", _properties("contentName", "content_name")),
    TextField("content_category", _properties("contentCategory", "content_category")),
    TextField("content_brand", _properties("contentBrand", "content_brand")),
    TextField("np", _properties("np")),
    TextField(
        "predicted_ltv",
        _properties("predictedLtv", "predicted_ltv"),
        decimal_text,
        *_NOT_A_NUMBER,
    ),
)
"""The texts of ``custom_data``; all of them are properties of the event."""

PRODUCT_ID_KEYS = ("product_id", "product_sku", "sku", "id")
PRODUCT_TEXTS = (("name", "item_name"), ("category", "item_category"), ("brand", "item_brand"))
NUM_ITEMS_KEYS = ("numOfItems", "num_items")


def read_custom_data(
    rows: tuple[TextRow, ...], sections: Sections, warnings: list[Finding]
) -> dict[str, Any]:
    """``custom_data`` of an event; empty when its properties hold nothing Pinterest knows."""
    properties = sections[PROPERTIES]
    custom_data: dict[str, Any] = {}
    if not properties:
        return custom_data
    read_texts(rows, sections, custom_data, warnings)
    products = properties.get("products")
    if type(products) is list:
        _add_products(products, properties, custom_data, warnings)
    else:
        if products is not None:
            warnings.append(_products_invalid("properties.products", "a list is expected here"))
        if _is_a_product(properties):
            _add_products([properties], properties, custom_data, warnings)
    for key in NUM_ITEMS_KEYS:
        value = properties.get(key)
        count = integer(value)
        if count is not None:
            custom_data["num_items"] = count
            break
        if value is not None:
            _warn_of_number(value, f"properties.{key}", warnings)
    return custom_data


def _is_a_product(properties: dict[str, Any]) -> bool:
    """Whether properties without a products list describe one product themselves.

    A name or a category alone does not: pages have those, too.
    """
    for key in PRODUCT_ID_KEYS:
        if key in properties and usable_text(properties[key]) is not None:
            return True
    return (
        decimal_text(properties.get("price")) is not None
        or integer(properties.get("quantity")) is not None
    )


def _add_products(
    products: list[Any],
    properties: dict[str, Any],
    custom_data: dict[str, Any],
    warnings: list[Finding],
) -> None:
    price_of_all = decimal_text(properties.get("price"))
    quantity_of_all = integer(properties.get("quantity"))
    if quantity_of_all is None:
        quantity_of_all = 1
    content_ids: list[str] = []
    contents: list[dict[str, Any]] = []
    num_items = 0
    invalid: Finding | None = None
    for position, product in enumerate(products):
        if type(product) is not dict:
            invalid = invalid or _products_invalid(
                f"properties.products[{position}]", "an object is expected here"
            )
            continue
        content: dict[str, Any] = {}
        read = product.get
        for key in PRODUCT_ID_KEYS:
            value = read(key)
            if value is not None:
                if type(value) is str and value.isascii() and not value.isspace():
                    product_id = value or None
                else:
                    product_id = usable_text(value)
                if product_id is not None:
                    content["id"] = product_id
                    content_ids.append(product_id)
                    break
        for key, name in PRODUCT_TEXTS:
            value = read(key)
            if type(value) is str and value.isascii():
                if value and not value.isspace():
                    content[name] = value
            elif value is not None:
                text = usable_text(value)
                if text is not None:
                    content[name] = text
        value = read("price")
        price = None if value is None else decimal_text(value)
        value = read("quantity")
        quantity = None if value is None else integer(value)
        if not content and price is None and quantity is None:
            continue
        if price is None:
            price = price_of_all
        if price is not None:
            content["item_price"] = price
        if quantity is None:
            quantity = quantity_of_all
        content["quantity"] = quantity
        num_items += quantity
        contents.append(content)
    if invalid:
        warnings.append(invalid)
    if contents:
        custom_data["contents"] = contents
        custom_data["num_items"] = num_items
    if content_ids:
        custom_data["content_ids"] = content_ids


def _products_invalid(path: str, expected: str) -> Finding:
    return Finding("products_invalid", path, f"This is left out: {expected}.")


def _warn_of_number(value: Any, path: str, warnings: list[Finding]) -> None:
    if type(value) is not str or value.strip():
        warnings.append(Finding("number_invalid", path, "This is not a whole number."))
