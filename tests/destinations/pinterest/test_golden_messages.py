"""What a rejection tells a person, where the mapping asks for it, and what it never tells."""

from __future__ import annotations

import pytest

from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.transform import conversion_names, transform
from tests.destinations.pinterest.golden import CASES, GoldenCase, config_from, path_steps


def messages_of(case: GoldenCase) -> list[str]:
    config = config_from(case.config)
    try:
        found = []
        for name in conversion_names(case.event, config):
            found += transform(case.event, name, config, case.now).warnings
    except EventRejected as rejected:
        found = [*rejected.errors, *rejected.warnings]
    except EventFiltered as filtered:
        return [filtered.message]
    return [finding.message for finding in found]


def test_a_wrong_action_source_is_told_the_four_there_are() -> None:
    (message,) = messages_of(CASES["an-unknown-explicit-action-source-is-rejected"])
    assert all(name in message for name in ("web", "app_ios", "app_android", "offline"))


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("an-address-without-a-user-agent-is-rejected", "this event has only an IP address."),
        ("a-user-agent-without-an-address-is-rejected", "this event has only a user agent."),
        ("an-event-without-any-user-data-is-rejected", "this event has none of them."),
        ("a-phone-number-and-an-external-id-alone-are-rejected", "this event has none of them."),
    ],
)
def test_missing_user_data_says_which_of_it_the_event_had(name: str, has: str) -> None:
    (message,) = messages_of(CASES[name])
    assert message.endswith(has)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if messages_of(case)])
def test_a_message_is_a_sentence_without_the_value_it_is_about(name: str) -> None:
    case = CASES[name]
    expect = case.expect
    for message in messages_of(case):
        assert message[0].isupper()
        assert message.endswith(".")
        for finding in expect.get("warnings", []) + expect.get("errors", []):
            value: object = case.event
            for step in path_steps(finding["field"]):
                value = value[step] if isinstance(value, list) else (value or {}).get(step)
            if isinstance(value, str) and value.strip():
                assert value.strip() not in message
