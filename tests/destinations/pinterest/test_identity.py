"""Identity memory by itself: the golden cases in a dictionary, and what is made of them as
bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.consent import denies_consent
from destinations.pinterest.findings import EventRejected
from destinations.pinterest.identity import (
    DEVICE,
    MAX_IDS,
    USER,
    Completed,
    Entry,
    Memory,
    Person,
    decode,
    encode,
    ids_in,
    ids_of,
    read_completed,
    recall,
    remember,
    statement_of,
    write_completed,
)
from destinations.pinterest.transform import TransformConfig, conversion_names, transform
from tests.deliveries.identity.timelines import (
    SOURCES,
    TIMELINES,
    Timeline,
    expected_user_data,
    without_external_id,
)

CONFIG = TransformConfig()
GOLDEN = Path(__file__).parents[2] / "golden"
CLICK_SECONDS, ADDRESS_SECONDS = 30 * 86_400, 86_400
Name = tuple[str, str, str]


def key(name: Name) -> bytes:
    return "/".join(name).encode()


def run(timeline: Timeline) -> list[dict[str, Any] | str]:
    """What each step that is to be delivered gets."""
    people: dict[Name, Person] = {}
    results: list[dict[str, Any] | str] = []
    for step in timeline.steps:
        source = SOURCES[step.source]
        space = source.get("identity_space") or step.source
        is_on = source["identity_memory"] != "off"
        at = int(step.at.timestamp())
        if is_on:
            said = statement_of(
                step.event,
                at,
                is_trusted=not source.get("is_public", False),
                default_country="",
                with_client=source["identity_memory"] == "with_address",
            )
            if said is not None:
                pairs = [(USER, said.user_id), (DEVICE, said.anonymous_id)]
                pairs += [(DEVICE, said.previous_id), (USER, said.previous_id)]
                names = {pair: (space, *pair) for pair in pairs if pair[1]}
                known = {pair: people[name] for pair, name in names.items() if name in people}
                keys = {pair: key(name) for pair, name in names.items()}
                for pair, person in remember(known, keys, said, CLICK_SECONDS).items():
                    people[names[pair]] = person
        if step.gets is None:
            continue
        memory = None
        if is_on and not denies_consent(step.event):
            user_id, anonymous_id = ids_of(step.event)
            user_name, device_name = (space, USER, user_id), (space, DEVICE, anonymous_id)
            user, device = people.get(user_name), people.get(device_name)
            leads_to = (user if user_id else device) or Person()
            by_key = {key(name): person for name, person in people.items()}
            entries = recall(
                user,
                device,
                by_key.get(leads_to.user) if leads_to.user else None,
                key(user_name) if user_id else None,
            )
            memory = Memory(entries, CLICK_SECONDS, ADDRESS_SECONDS)
        (name,) = conversion_names(step.event, CONFIG)
        try:
            made = transform(step.event, name, CONFIG, at, memory)
        except EventRejected as rejected:
            results.append(rejected.errors[0].code)
        else:
            results.append(without_external_id(made.fields["user_data"]))
    return results


@pytest.mark.parametrize("name", TIMELINES)
def test_a_golden_case_comes_out_exactly(name: str) -> None:
    timeline = TIMELINES[name]
    expected = [step.gets for step in timeline.steps if step.gets is not None]
    assert expected
    assert run(timeline) == [
        gets if isinstance(gets, str) else expected_user_data(gets) for gets in expected
    ]


def test_entries_survive_being_bytes() -> None:
    entries = {
        "em": Entry(("a" * 64, "b" * 64), "identify", 1_732_111_380, True),
        "click_id": Entry(("dj0yabc",), "page", 1_732_111_000, False),
        "client": Entry(("203.0.113.7", "Mozilla/5.0 (ü)"), "track", 1_732_111_001, False),
    }
    data = encode(entries)
    assert decode(data) == entries
    assert len(data) == 3 * 8 + 64 + len("dj0yabc") + len("203.0.113.7\nMozilla/5.0 (ü)".encode())
    assert decode(b"") == {}


def test_a_field_of_a_later_release_is_left_out() -> None:
    entries = {"em": Entry(("a" * 64,), "identify", 1_732_111_380, True)}
    later = bytes((99, 0)) + (5).to_bytes(4, "big") + (3).to_bytes(2, "big") + b"xyz"
    assert decode(later + encode(entries)) == entries


def test_what_was_completed_survives_being_text() -> None:
    completed = (
        Completed("em", "identify", 1_732_111_380),
        Completed("ph", "identify", 1_732_111_380),
        Completed("click_id", "page", 1_732_111_000),
    )
    text = write_completed(completed)
    assert text == "em,ph=identify@1732111380;click_id=page@1732111000"
    assert tuple(read_completed(text)) == completed
    assert write_completed(()) == ""
    assert read_completed("") == []


DENIALS = {
    case["says"]: case
    for case in json.loads((GOLDEN / "denials" / "shapes.json").read_text("utf-8"))["cases"]
}


@pytest.mark.parametrize("says", DENIALS)
def test_what_denies_consent(says: str) -> None:
    case = DENIALS[says]
    assert denies_consent({"type": "track", **case["event"]}) is case["denies"]


def test_memory_reads_every_denial_that_a_destination_reads() -> None:
    """Where a destination filters an event because of what it says, memory does not keep it."""
    denials = [
        case["event"]
        for path in sorted((GOLDEN / "consent").glob("*.json"))
        for case in json.loads(path.read_text("utf-8"))["cases"]
        if isinstance(case["expect"], dict)
        and case["expect"].get("code") == "consent_denied"
        # Whoever needs a category of Segment's takes all but true for a no.
        and not case["expect"]["message"].endswith(("which is missing.", "which isn't true."))
    ]
    assert len(denials) > 15
    assert [event for event in denials if not denies_consent(event)] == []


IDS = st.one_of(
    st.text(max_size=12),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.sampled_from(["user-1", "a\\b", 'say "hi"', "ünï", "\u2028", '"userId":"nested"']),
    st.lists(st.booleans(), max_size=2),
)


@given(IDS, IDS, IDS)
def test_the_ids_of_an_event_are_found_in_its_json(user: Any, device: Any, other: Any) -> None:
    properties = {"userId": other, 'quoted "userId":"x"': '"anonymousId":"y"'}
    events = [
        {"properties": properties, "userId": user, "anonymousId": device},
        {"userId": user, "context": {"anonymousId": other}, "anonymousId": device},
        {"anonymousId": device, "type": "track"},
    ]
    for event in events:
        for body in (orjson.dumps(event), json.dumps(event).encode()):
            user_id, device_id = ids_of(orjson.loads(body))
            named = {(USER, user_id)} if user_id else set()
            named |= {(DEVICE, device_id)} if device_id else set()
            assert named <= set(ids_in(body))


def test_a_body_full_of_ids_names_a_few() -> None:
    body = orjson.dumps({"properties": [{"userId": f"user-{n}"} for n in range(1000)]})
    assert len(list(ids_in(body))) == MAX_IDS
