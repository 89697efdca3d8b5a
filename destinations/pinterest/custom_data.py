"""What it was about: ``custom_data`` with the products, from the event's properties."""

from __future__ import annotations

import re
from typing import Any

from .cleaning import LONGEST_PLACEHOLDER, clean, is_placeholder
from .event import PROPERTIES, Path, Sections, paths, under
from .findings import Finding
from .products import PRODUCT_ID_KEYS, flattened, is_wrapped, list_of_products
from .texts import SEEN, TextField, TextRow, read_texts, seen_text, wrong_type
from .values import decimal_text, integer, is_plain_number, usable_text

_CURRENCY = re.compile(r"[A-Za-z]{3}")
# By far the most frequent.
_CURRENCIES = frozenset({"USD", "EUR", "GBP", "CAD", "AUD", "JPY", "BRL", "MXN", "INR", "CHF"})


def currency(value: Any) -> str | None:
    """Three letters, upper case."""
    if type(value) is not str:
        return None
    if value in _CURRENCIES:
        return value
    text = clean(value)
    return text.upper() if _CURRENCY.fullmatch(text) and not is_placeholder(text) else None


def _properties(*keys: str) -> tuple[Path, ...]:
    return paths(*under(("properties",), *keys))


OPT_OUT_PATHS = _properties("optOutType", "opt_out_type")

CUSTOM_FIELDS: tuple[TextField, ...] = (
    TextField(
        "currency",
        _properties("currency"),
        currency,
        "currency_invalid",
        "A currency must have three letters, such as USD.",
    ),
    TextField("order_id", _properties("order_id", "orderId")),
    TextField("search_string", _properties("query", "search_string")),
    TextField("opt_out_type", OPT_OUT_PATHS),
    TextField("content_name", _properties("contentName", "content_name")),
    TextField(
        "content_category", _properties("contentCategory", "content_category"), is_shared=True
    ),
    TextField("content_brand", _properties("contentBrand", "content_brand"), is_shared=True),
    TextField("np", _properties("np")),
)
"""The texts of ``custom_data``; all of them are properties of the event."""

AMOUNT_FIELDS: tuple[TextField, ...] = (
    TextField("value", _properties("value", "total", "revenue")),
    TextField("predicted_ltv", _properties("predictedLtv", "predicted_ltv")),
)
"""The amounts of money of ``custom_data``."""

# Between these, repr writes a float without an exponent, and a quantity has 32 bits.
_FEW_CENTS, _MANY = 0.001, 1_000_000_000
PRODUCT_TEXTS = (("name", "item_name"), ("category", "item_category"), ("brand", "item_brand"))
NUM_ITEMS_KEYS = ("numOfItems", "num_items")


def read_custom_data(
    rows: tuple[TextRow, ...],
    amounts: tuple[TextRow, ...],
    sections: Sections,
    warnings: list[Finding],
) -> dict[str, Any]:
    """``custom_data`` of an event; empty when its properties hold nothing Pinterest knows."""
    properties = sections[PROPERTIES]
    custom_data: dict[str, Any] = {}
    if not properties:
        return custom_data
    read_texts(rows, sections, custom_data, warnings)
    for name, section, key, path, others, *_ in amounts:
        amount = _read_amount(sections[section].get(key), path, name, warnings)
        for section, key, path in others if amount is None else ():
            amount = _read_amount(sections[section].get(key), path, name, warnings)
            if amount is not None:
                break
        if amount is not None:
            custom_data[name] = amount
    products = properties.get("products")
    if type(products) is list:
        add_products(products, properties, custom_data, warnings)
    else:
        listed = list_of_products(products) if products else None
        if listed is not None:
            add_products(listed, properties, custom_data, warnings, is_reshaped=True)
        else:
            if products and not (type(products) is str and usable_text(products) is None):
                warnings.append(_products_invalid("properties.products", "a list is expected"))
            if _is_a_product(properties):
                add_products([properties], properties, custom_data, warnings, is_the_event=True)
    for key in NUM_ITEMS_KEYS:
        value = properties.get(key)
        if value is None:
            continue
        count = integer(value)
        if count is not None and count >= 0:
            custom_data["num_items"] = count
            break
        _warn_of_number(value, f"properties.{key}", warnings)
    return custom_data


def _read_amount(value: Any, path: str, name: str, warnings: list[Finding]) -> str | None:
    """Decimal text of an amount; Pinterest accepts no ``value`` of zero or less."""
    if value is None or value is False:
        return None
    amount = decimal_text(value)
    if amount is None:
        if type(value) is dict or type(value) is list:
            warnings.append(wrong_type(path))
        elif type(value) is not str or usable_text(value) is not None:
            warnings.append(Finding("number_invalid", path, _NOT_A_NUMBER))
        return None
    if name == "value" and amount[0] in "-0":
        if not amount.strip("-0."):
            warnings.append(Finding("value_zero", path, _ZERO))
            return None
        if amount[0] == "-":
            warnings.append(Finding("value_negative", path, _NEGATIVE))
            return None
    if type(value) is str and not is_plain_number(value):
        warnings.append(Finding("number_reformatted", path, _REFORMATTED))
    return amount


_NOT_A_NUMBER = "This isn't a number, or it's ambiguous, such as 1,000."
_REFORMATTED = (
    "This number has a currency, separators, or a decimal comma. It was sent as a plain number."
)
_ZERO = "Pinterest doesn't accept a value of zero, so it wasn't sent."
_NEGATIVE = "Pinterest doesn't accept a negative value, such as a refund, so it wasn't sent."


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


def add_products(
    products: list[Any],
    properties: dict[str, Any],
    custom_data: dict[str, Any],
    warnings: list[Finding],
    *,
    is_reshaped: bool = False,
    is_flat: bool = False,
    is_the_event: bool = False,
) -> None:
    """Adds the products. ``is_reshaped``: they are not as they came; ``is_flat``: nothing in them
    is
    left to take apart; ``is_the_event``: the properties themselves are the one product."""
    price_of_all = None
    value = properties.get("price")
    if value is not None:
        price_of_all = decimal_text(value)
        if price_of_all is not None and price_of_all[0] == "-":
            price_of_all = None
    quantity_of_all = 1
    value = properties.get("quantity")
    if value is not None:
        quantity = integer(value)
        if quantity is not None and quantity >= 0:
            quantity_of_all = quantity
    seen = SEEN
    content_ids: list[str] = []
    contents: list[dict[str, Any]] = []
    num_items = 0
    invalid: Finding | None = None
    dropped: Finding | None = None
    reformatted: Finding | None = None
    for position, product in enumerate(products):
        if type(product) is not dict:
            flat = None if is_flat else flattened(products)
            if flat is not None:
                add_products(
                    flat, properties, custom_data, warnings, is_reshaped=True, is_flat=True
                )
                return
            invalid = invalid or _products_invalid(
                f"properties.products[{position}]", "an object is expected"
            )
            continue
        content: dict[str, Any] = {}
        read = product.get
        for key in PRODUCT_ID_KEYS:
            value = read(key)
            if value is not None:
                if type(value) is str and len(value) > LONGEST_PLACEHOLDER and value.isalnum():
                    product_id = value if value.isascii() else usable_text(value)
                else:
                    product_id = usable_text(value)
                if product_id is not None:
                    content["id"] = product_id
                    content_ids.append(product_id)
                    break
        else:
            flat = flattened(products) if not is_flat and is_wrapped(product) else None
            if flat is not None:
                add_products(
                    flat, properties, custom_data, warnings, is_reshaped=True, is_flat=True
                )
                return
        for key, name in PRODUCT_TEXTS:
            value = read(key)
            if type(value) is str and (
                value in seen
                or (
                    len(value) > LONGEST_PLACEHOLDER
                    and value.isascii()
                    and value.isprintable()
                    and "  " not in value
                    and value[0] != " " != value[-1]
                )
            ):
                content[name] = value
            elif value is not None:
                text = seen_text(value)
                if text is not None:
                    content[name] = text
        price = quantity = None
        value = read("price")
        # The usual prices and quantities do without a call.
        if type(value) is float and _FEW_CENTS <= value < _MANY:
            price = repr(value).removesuffix(".0")
        elif value is not None:
            price = decimal_text(value)
            if price is None or price[0] == "-":
                price = None
                dropped = dropped or _dropped(value, _path_of(position, "price", is_the_event))
            elif type(value) is str and not reformatted and not is_plain_number(value):
                path = _path_of(position, "price", is_the_event)
                reformatted = Finding("number_reformatted", path, _REFORMATTED)
        value = read("quantity")
        if type(value) is int and 0 <= value < _MANY:
            quantity = value
        elif value is not None:
            quantity = integer(value)
            if quantity is None or quantity < 0:
                quantity = None
                dropped = dropped or _dropped(value, _path_of(position, "quantity", is_the_event))
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
    if is_reshaped and contents:
        warnings.append(Finding("products_reshaped", "properties.products", _RESHAPED))
    # One remark of a kind for a list, however long it is.
    warnings.extend(filter(None, (invalid, dropped, reformatted)))
    if contents:
        custom_data["contents"] = contents
        custom_data["num_items"] = num_items
    if content_ids:
        custom_data["content_ids"] = content_ids


def _products_invalid(path: str, expected: str) -> Finding:
    return Finding("products_invalid", path, f"This was omitted: {expected}.")


_RESHAPED = "The products aren't a plain list of objects. They were converted to one."


def _path_of(position: int, key: str, is_the_event: bool) -> str:
    return f"properties.{key}" if is_the_event else f"properties.products[{position}].{key}"


def _dropped(value: Any, path: str) -> Finding | None:
    """The warning for a price or quantity that is not sent; blanks and false count as absent."""
    if value is False or (type(value) is str and usable_text(value) is None):
        return None
    message = "Pinterest doesn't accept this number here, so it was omitted."
    return Finding("number_invalid", path, message)


def _warn_of_number(value: Any, path: str, warnings: list[Finding]) -> None:
    if value is not False and (type(value) is not str or usable_text(value) is not None):
        warnings.append(Finding("number_invalid", path, "This isn't a whole number."))
