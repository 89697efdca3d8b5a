"""The one line of text that asks for a fault, and its refusals."""

from __future__ import annotations

from typing import Any

import pytest

from pinterest_sandbox.faults import FaultRefused, parse_fault, read_faults


@pytest.mark.parametrize(
    ("line", "attributes"),
    [
        ("poison=a", {"name": "poison", "event_ids": {"a"}}),
        ("poison=a, b", {"event_ids": {"a", "b"}}),
        ("poison=key=value", {"event_ids": {"key=value"}}),
        ("status=503", {"status": 503, "rate": 1.0}),
        ("status=500:0.25", {"status": 500, "rate": 0.25}),
        ("latency=0.5", {"seconds": (0.5, 0.5)}),
        ("latency=0.1-2", {"seconds": (0.1, 2.0)}),
        ("fail=0.5", {"rate": 0.5, "event_ids": set()}),
        ("fail=order-1", {"rate": 1.0, "event_ids": {"order-1"}}),
        ("fail=id:1", {"event_ids": {"1"}}),
        ("partial422=.5", {"rate": 0.5}),
        ("max_age=7", {"seconds": (604_800.0, 604_800.0)}),
        ("rate_limit=5", {"count": 5, "seconds": (60.0, 60.0)}),
        ("rate_limit=5/1.5", {"count": 5, "seconds": (1.5, 1.5)}),
        ("retry_after=3", {"seconds": (3.0, 3.0)}),
        ("drop=after:0.1", {"moment": "after", "rate": 0.1}),
        ("truncate", {"rate": 1.0}),
        ("truncate:0.5", {"rate": 0.5}),
        ("nonsense=0.5", {"rate": 0.5}),
        (" wrong_count:0 ", {"rate": 0.0}),
        ("status=500,account=12,for=3", {"account": "12", "remaining": 3, "status": 500}),
        ("poison=a,b,for=2,account=7", {"account": "7", "remaining": 2, "event_ids": {"a", "b"}}),
    ],
)
def test_a_line_becomes_a_fault(line: str, attributes: dict[str, Any]) -> None:
    fault = parse_fault(line)
    assert {name: getattr(fault, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "unknown fault ''"),
        ("explode", "unknown fault 'explode'"),
        ("poison", "poison needs an event_id"),
        ("fail=", "fail needs an event_id"),
        ("status=ok", "the status must be a whole number, not 'ok'"),
        ("status=200", "the status must be between 300 and 599, not '200'"),
        ("status=500:2", "the rate must be between 0 and 1, not '2'"),
        ("status=500:nan", "the rate must be a number of 0 or more, not 'nan'"),
        ("latency=", "the latency must be a number of 0 or more, not ''"),
        ("latency=3-1", "the latency must be written MIN-MAX, not '3-1'"),
        ("latency=-1", "the latency must be a number of 0 or more, not ''"),
        ("max_age=old", "max_age must be a number of 0 or more, not 'old'"),
        ("rate_limit=few", "the rate limit must be a whole number, not 'few'"),
        ("rate_limit=1/0", "the window must be longer than 0 seconds"),
        ("drop", "drop must be before, after or midway, not ''"),
        ("truncate:inf", "the rate must be a number of 0 or more, not 'inf'"),
        ("status=500,for=0", "for must be 1 or more"),
        ("status=500,for=x", "for must be a whole number, not 'x'"),
    ],
)
def test_a_line_that_means_nothing_is_refused_with_a_sentence(line: str, reason: str) -> None:
    with pytest.raises(FaultRefused) as refused:
        parse_fault(line)
    assert str(refused.value).startswith(reason)


def test_faults_come_as_json_in_several_forms() -> None:
    faults = read_faults(
        {
            "faults": [
                "status=500",
                {"fault": "latency=1", "account": "12", "for": 4},
                {"fault": "fail", "event_ids": ["a,b", "0.5"]},
            ]
        }
    )
    assert [fault.name for fault in faults] == ["status", "latency", "fail"]
    assert (faults[1].account, faults[1].remaining) == ("12", 4)
    assert faults[2].event_ids == {"a,b", "0.5"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (3, 'expected {"fault": "NAME=ARGUMENT"'),
        ({}, 'expected {"fault": "NAME=ARGUMENT"'),
        ({"fault": 3}, 'expected {"fault": "NAME=ARGUMENT"'),
        ({"fault": "truncate", "rate": 1}, "unknown key 'rate'"),
        ({"fault": "truncate", "for": "2"}, "for must be a whole number"),
        ({"fault": "truncate", "for": True}, "for must be a whole number"),
        ({"fault": "truncate", "account": 12}, "account must be a string"),
        ({"fault": "truncate", "event_ids": ["a"]}, "event_ids requires poison"),
        ({"fault": "poison", "event_ids": []}, "event_ids requires poison"),
        ({"fault": "poison", "event_ids": [1]}, "event_ids must be a list of strings"),
    ],
)
def test_json_that_is_no_fault_is_refused(document: Any, reason: str) -> None:
    with pytest.raises(FaultRefused) as refused:
        read_faults(document)
    assert str(refused.value).startswith(reason)
