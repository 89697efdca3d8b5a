"""The page's table of fields: what it shows of golden cases, and what it hides."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import pytest

from deliveries.admin.field_rows import STEP_LABELS, read_fields
from deliveries.privacy.known_values import SHORTEST_CONTAINED
from deliveries.privacy.masking import personal_values
from destinations.pinterest.explained_steps import Step
from destinations.pinterest.explanation import CANDIDATES, explain
from destinations.pinterest.identity import Completed
from destinations.pinterest.transform import conversion_names
from tests.destinations.pinterest import golden
from tests.destinations.pinterest.golden import CASES, GoldenCase

SENT = [name for name, case in CASES.items() if case.expect["status"] == "ok"]


def fields_of(case: GoldenCase, *, is_masked: bool = False, sent: dict[str, Any] | None = None):
    config = golden.config_from(case.config)
    name = conversion_names(case.event, config)[0]
    explanation = explain(case.event, name, config, case.now)
    conversion = sent or explanation.conversion.fields
    known = personal_values(case.event, conversion) if is_masked else None
    warnings = [
        {"code": one.code, "field": one.field, "message": one.message}
        for one in explanation.conversion.warnings
    ]
    return read_fields(case.event, sent, explanation, (), warnings, known)


def shown(fields: Any) -> list[str]:
    texts = [fields.order, fields.value, fields.item_count, *fields.person]
    for _, rows in fields.groups:
        for row in rows:
            texts += [row.field, row.value, row.whole, row.source, row.raw, row.done]
    for row in fields.unused:
        texts += [row.path, row.value, row.why]
    return texts


@pytest.mark.parametrize("name", SENT)
def test_without_the_permission_no_row_shows_a_personal_value(name: str) -> None:
    case = CASES[name]
    fields = fields_of(case, is_masked=True)
    conversion = case.expect["conversions"][0]
    hidden = {
        text.casefold()
        for text in personal_values(case.event, conversion).values
        if len(text) >= SHORTEST_CONTAINED
    }
    # Our own words and the paths of the mapping say nothing of anybody.
    own = {*shown(fields_of(blank(case))), *chain(*CANDIDATES.values())}
    for text in shown(fields):
        if text not in own:
            for label in STEP_LABELS.values():
                text = text.replace(str(label), "")
            assert [one for one in hidden if one in text.casefold()] == []


def blank(case: GoldenCase) -> GoldenCase:
    """The case without what a person said."""
    event = copy.deepcopy(case.event)
    for key in ("traits", "userId", "anonymousId"):
        event.pop(key, None)
    event["context"] = {"traits": {"email": "z@z.zz"}}
    return GoldenCase(**{**vars(case), "event": event})


@pytest.mark.parametrize("name", SENT)
def test_every_field_of_a_conversion_has_a_row_in_its_group(name: str) -> None:
    fields = fields_of(CASES[name])
    conversion = CASES[name].expect["conversions"][0]
    groups = dict(fields.groups)
    assert sorted(row.field for row in groups["Person"]) == sorted(conversion["user_data"])
    custom = conversion.get("custom_data", {})
    rows = [row.field for row in groups.get("Purchase and content", ())]
    assert sorted(rows) == sorted(name for name in custom if name != "contents")
    assert fields.more_product_rows + len(groups.get("Products", ())) == sum(
        map(len, custom.get("contents", ()))
    )


def test_every_step_has_words() -> None:
    assert set(STEP_LABELS) == set(Step)


def test_what_was_sent_under_other_settings_says_that_its_origin_is_not_known() -> None:
    case = CASES["a-track-call-becomes-a-conversion"]
    sent = {**case.expect["conversions"][0], "partner_name": "former-shop"}
    fields = fields_of(case, sent=sent)
    rows = {row.field: row for _, rows in fields.groups for row in rows}
    assert rows["partner_name"].source == "Not known: settings or data have changed since"
    assert rows["event_id"].source == "messageId"


def test_a_remembered_field_says_from_which_call_and_when() -> None:
    case = CASES["a-track-call-becomes-a-conversion"]
    sent = copy.deepcopy(case.expect["conversions"][0])
    sent["user_data"]["fn"] = ["ab" * 32]
    fields = read_fields(
        case.event, sent, None, [Completed("fn", "identify", 1714557600)], (), None
    )
    (row,) = [row for _, rows in fields.groups for row in rows if row.field == "fn"]
    assert row.source == "Remembered from identify, 2024-05-01 10:00 UTC"
    assert (row.value, row.whole) == ("abababababab…", "ab" * 32)
