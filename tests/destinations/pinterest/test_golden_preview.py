"""The preview answers every golden case as the case says, with a sentence for each code."""

from __future__ import annotations

import pytest

from destinations.pinterest.preview import preview_event
from tests.destinations.pinterest.golden import CASES, config_from


@pytest.mark.parametrize("name", CASES)
def test_the_preview_answers_a_golden_case_as_it_says(name: str) -> None:
    case = CASES[name]
    answer = preview_event(case.event, config_from(case.config), case.now)
    findings = [*answer.get("errors", []), *answer.get("warnings", [])]
    findings += [answer["reason"]] if "reason" in answer else []
    messages = [finding.pop("message") for finding in findings]
    assert answer == case.expect
    assert all(message.endswith(".") for message in messages)
