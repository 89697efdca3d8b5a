"""Where fields come from: what is claimed of every golden case is what the transform does."""

from __future__ import annotations

import copy
from hashlib import sha256
from typing import Any

import pytest

from destinations.pinterest.event import split_path
from destinations.pinterest.explained_steps import Step
from destinations.pinterest.explanation import (
    SETTINGS,
    Explanation,
    Origin,
    explain,
)
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.identity import Entry, Memory
from destinations.pinterest.transform import conversion_names, transform
from tests.destinations.pinterest import golden
from tests.destinations.pinterest.golden import CASES, GoldenCase

SENT = [name for name, case in CASES.items() if case.expect["status"] == "ok"]
REJECTED = [
    name
    for name, case in CASES.items()
    if case.expect["status"] == "rejected"
    and case.expect["errors"][0]["code"] == "missing_user_data"
]


def explained(case: GoldenCase, event: dict[str, Any] | None = None) -> list[Explanation]:
    config = golden.config_from(case.config)
    event = case.event if event is None else event
    return [explain(event, name, config, case.now) for name in conversion_names(event, config)]


def flat(conversion: dict[str, Any]) -> dict[str, Any]:
    """Every field of a conversion as an explanation names it."""
    fields: dict[str, Any] = {}
    for key, value in conversion.items():
        if key in ("user_data", "custom_data"):
            for name, inner in value.items():
                if name != "contents":
                    fields[f"{key}.{name}"] = inner
                    continue
                for position, content in enumerate(inner):
                    for one, there in content.items():
                        fields[f"custom_data.contents[{position}].{one}"] = there
        else:
            fields[key] = value
    return fields


def made(case: GoldenCase, event: dict[str, Any], name: str) -> dict[str, Any] | None:
    try:
        return flat(transform(event, name, golden.config_from(case.config), case.now).fields)
    except (EventFiltered, EventRejected):
        return None


def without(event: dict[str, Any], *paths: str) -> dict[str, Any]:
    event = copy.deepcopy(event)
    for path in paths:
        *parents, last = split_path(path)
        holder: Any = event
        for step in parents:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        if isinstance(holder, list):
            holder[int(last)] = None
        else:
            del holder[last]
    return event


@pytest.mark.parametrize("name", SENT)
def test_every_field_of_a_conversion_is_explained_with_its_value_and_no_other(name: str) -> None:
    case = CASES[name]
    for explanation in explained(case):
        fields = {one.field: one.value for one in explanation.fields}
        assert fields == flat(explanation.conversion.fields)
        assert len(fields) == len(explanation.fields)


@pytest.mark.parametrize("name", SENT)
def test_without_what_it_is_said_to_come_from_a_field_is_another_or_comes_from_elsewhere(
    name: str,
) -> None:
    case = CASES[name]
    for explanation in explained(case):
        conversion_name = explanation.conversion.fields["event_name"]
        for one in explanation.fields:
            if one.origin is not Origin.EVENT or one.field == "event_name":
                continue
            assert one.paths, one.field
            bare = without(case.event, *one.paths)
            after = made(case, bare, conversion_name)
            if after is None or after.get(one.field) != one.value:
                continue
            again = explain(bare, conversion_name, golden.config_from(case.config), case.now).fields
            (other,) = [two for two in again if two.field == one.field]
            assert (other.origin, other.paths) != (one.origin, one.paths), one.field


@pytest.mark.parametrize("name", SENT)
def test_what_is_said_not_to_be_used_changes_nothing_when_it_goes(name: str) -> None:
    case = CASES[name]
    for explanation in explained(case):
        fields = flat(explanation.conversion.fields)
        for unused in explanation.unused:
            if unused.decides:
                continue
            bare = without(case.event, unused.path)
            after = made(case, bare, explanation.conversion.fields["event_name"])
            assert after == fields, unused.path


@pytest.mark.parametrize("name", SENT)
def test_a_setting_that_a_field_is_said_to_come_from_changes_it(name: str) -> None:
    case = CASES[name]
    for explanation in explained(case):
        for one in explanation.fields:
            if one.origin is Origin.SETTING:
                assert one.paths == (SETTINGS[one.field],)
                setting = OTHER_SETTING[one.paths[0]]
                setting = "web" if setting == one.value else setting
                other = {**case.config, one.paths[0]: setting}
                config = golden.config_from(other)
                fields = transform(
                    case.event, explanation.conversion.fields["event_name"], config, case.now
                ).fields
                assert flat(fields).get(one.field) != one.value, one.field


OTHER_SETTING = {
    "default_action_source": "offline",
    "app_id": "another",
    "partner_name": "another",
    "advertiser_id": "999",
    "us_privacy": "ignore",
}


@pytest.mark.parametrize("name", SENT)
def test_what_is_said_to_have_been_hashed_has_the_digest_that_was_sent(name: str) -> None:
    case = CASES[name]
    for explanation in explained(case):
        for one in explanation.fields:
            if Step.HASHED not in one.steps or one.origin is not Origin.EVENT:
                continue
            if Step.EMAILS_ONLY in one.steps:
                continue
            raw: Any = case.event
            for step in split_path(one.paths[0]):
                raw = raw[int(step)] if isinstance(raw, list) else raw[step]
            texts = [str(text) for text in (raw if isinstance(raw, list) else [raw])]
            texts += one.normal.replace(" · ", ", ").split(", ")
            digests = {sha256(text.encode()).hexdigest() for text in texts}
            assert digests & set(one.value), (one.field, one.normal)


@pytest.mark.parametrize("name", REJECTED)
def test_an_event_that_nobody_can_be_matched_by_is_explained_but_for_that(name: str) -> None:
    for explanation in explained(CASES[name]):
        assert explanation.lacks is not None
        assert "user_data.em" not in {one.field for one in explanation.fields}
        assert "event_name" in {one.field for one in explanation.fields}


def test_other_rejections_are_raised() -> None:
    event = {"type": "track", "event": "Lead", "context": {"traits": {"email": "a@example.com"}}}
    with pytest.raises(EventRejected):
        explain(event, "lead", golden.config_from({}), 0.0)


ORDER = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "message-1",
    "timestamp": "2024-05-01T10:00:00Z",
    "userId": " customer-7 ",
    "traits": {"email": "second@example.com"},
    "context": {
        "traits": {
            "phone": "0151 23456789",
            "address": {"country": "Germany", "city": "Köln"},
        },
        "page": {"url": "https://shop.example/?epik=dj0abc"},
    },
    "properties": {
        "value": 35.0,
        "currency": "eur",
        "products": [{"sku": "A-1", "price": 17.5, "colour": "red"}, {"id": "B-2", "quantity": 3}],
    },
}


def of_order(**fields: Any) -> tuple[dict[str, Any], Explanation]:
    remembered = fields.pop("remembered", None)
    config = golden.config_from(fields)
    explanation = explain(ORDER, "checkout", config, golden.CASES[SENT[0]].now, remembered)
    return {one.field: one for one in explanation.fields}, explanation


def test_an_order_says_of_each_field_from_where_and_what_was_done() -> None:
    fields, explanation = of_order(default_country="de", partner_name="shop")
    told = {
        name: (str(one.origin), one.paths, one.steps, one.normal) for name, one in fields.items()
    }
    event = "event"
    assert told["event_name"] == (event, ("event",), (Step.STANDARD,), "")
    assert told["event_time"] == (event, ("timestamp",), (Step.UNIX_TIME,), "")
    assert told["action_source"] == ("setting", ("default_action_source",), (), "")
    assert told["partner_name"] == ("setting", ("partner_name",), (), "")
    assert told["event_id"] == (event, ("messageId",), (), "")
    assert told["user_data.em"] == (event, ("traits.email",), (Step.HASHED,), "")
    phone = (Step.COUNTRY_CODE, Step.HASHED)
    assert told["user_data.ph"] == (event, ("context.traits.phone",), phone, "4915123456789")
    steps = (Step.TRIMMED, Step.HASHED)
    assert told["user_data.external_id"] == (event, ("userId",), steps, "customer-7")
    assert told["user_data.country"][1:3] == (
        ("context.traits.address.country",),
        (Step.CONVERTED, Step.HASHED),
    )
    assert told["user_data.click_id"] == (event, ("context.page.url",), (Step.FROM_URL,), "")
    assert told["event_source_url"] == (event, ("context.page.url",), (), "")
    assert told["custom_data.value"] == (event, ("properties.value",), (Step.AS_TEXT,), "")
    assert told["custom_data.currency"] == (event, ("properties.currency",), (Step.UPPERCASED,), "")
    assert told["custom_data.contents[0].id"][1] == ("properties.products[0].sku",)
    assert told["custom_data.contents[0].quantity"][0] == "default"
    assert told["custom_data.contents[1].quantity"][1] == ("properties.products[1].quantity",)
    assert told["custom_data.num_items"] == ("computed", (), (Step.SUMMED,), "")
    assert [one.path for one in explanation.unused if not one.decides] == [
        "properties.products[0].colour"
    ]


def test_what_memory_added_is_said_to_be_remembered() -> None:
    digest = sha256(b"ann").hexdigest()
    memory = Memory({"fn": Entry((digest,), "identify", 1714557000, True)}, 0, 0)
    fields, _ = of_order(remembered=memory)
    first_name = fields["user_data.fn"]
    assert (first_name.origin, first_name.value) == (Origin.MEMORY, [digest])
    assert first_name.completed is not None
    assert (first_name.completed.call, first_name.completed.seen_at) == ("identify", 1714557000)


def test_a_value_that_came_second_says_which_came_first() -> None:
    event = {**ORDER, "properties": {**ORDER["properties"], "email": "third@example.com"}}
    explanation = explain(event, "checkout", golden.config_from({}), 1714557600.0)
    (second,) = [one for one in explanation.unused if one.path == "properties.email"]
    assert (second.field, second.instead) == ("user_data.em", "traits.email")
