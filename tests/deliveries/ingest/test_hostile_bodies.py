"""Bodies made to cost as much as they can: bounded before anything is built of them.

What they cost a running server is measured in ``tests/flow/test_hostile_bodies.py``.
"""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from deliveries.ingest import authentication, judging, strict_json, views
from deliveries.ingest.authentication import find_write_keys
from deliveries.ingest.refusals import excerpt_of
from deliveries.ingest.strict_json import TooManyValues, find_flaw, parse_json, require_few_values
from deliveries.models import Event, Refusal
from destinations.models import Source
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer
from tests.factories import make_event

LARGEST = 4_096_000
TOO_LARGE = (413, "request size exceeds max limit\n")
NO_KEY = (401, "failed to read writekey from header\n")
UNKNOWN_KEY = (401, "invalid write key\n")


def fill(unit: str, before: str = "[", after: str = "]", size: int = 4_000_000) -> bytes:
    """``unit`` again and again, with commas between, up to ``size`` bytes."""
    count = (size - len(before) - len(after)) // (len(unit) + 1)
    return f"{before}{','.join([unit] * count)}{after}".encode()


HOSTILE = {
    "lists": fill("[]"),
    "objects": fill("{}", '{"batch":[', "]}"),
    "objects of one": fill('{"a":1}', '{"userId":"u","properties":{"a":[', "]}}"),
    "numbers": fill("0", '{"userId":"u","properties":{"a":[', "]}}"),
    "not a number": fill("0", '{"userId":"u","n":NaN,"properties":{"a":[', "]}}"),
    "halves": fill('"\\ud800"', '{"userId":"u","p":[', "]}"),
    "one key": fill('"a":1', '{"userId":"u",', "}"),
    "deep": b'{"a":' * 800_000,
    "a list of people": fill('{"a":1}', '{"userId":"u","type":"audiencelist","p":[', "]}"),
    "write keys": fill('{"writeKey":"a"}', '{"batch":[', "]}"),
}
ALLOWED = {
    "long numbers": fill("123456789012345678901", '{"userId":"u","p":[', "]}"),
    "wrong events": fill(
        '{"p":[{"a":1},{"a":1},{"a":1},{"a":1}],"x":"%s"}' % ("y" * 160), '{"batch":[', "]}"
    ),
    "wrong events, read slowly": fill(
        '{"p":[{"a":1},{"a":1},{"a":1},{"a":1}],"x":"\\ud800%s"}' % ("y" * 160), '{"batch":[', "]}"
    ),
    "different keys": (
        '{"userId":"u",' + ",".join(f'"{number:x}":1' for number in range(330_000)) + "}"
    ).encode(),
    "wide events": fill(
        json.dumps({"p": {f"key{number}": "z" * 12 for number in range(40)}}), '{"batch":[', "]}"
    ),
}
"""Within all limits, as large as they get, and nothing of them can be stored."""


def grown(act: Callable[[], Any]) -> int:
    """Bytes that Python held at most while ``act`` ran."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_body_with_too_many_values_is_refused_before_one_is_built(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(strict_json.orjson, "loads", forbidden)
    monkeypatch.setattr(strict_json.json, "loads", forbidden)
    assert answer(post("/v1/batch", HOSTILE[name])) == TOO_LARGE
    refusal = Refusal.objects.get()
    assert (refusal.code, len(refusal.excerpt)) == ("too_many_values", 500)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_costs_little_memory(post: Post, source: Source, name: str) -> None:
    post("/v1/track", make_event())
    assert grown(lambda: post("/v1/batch", HOSTILE[name])) < 5 * len(HOSTILE[name])


@pytest.mark.parametrize("name", [*HOSTILE, *ALLOWED])
def test_nothing_is_parsed_for_somebody_without_a_key(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(views, "read_json", forbidden)
    body = {**HOSTILE, **ALLOWED}[name]
    expected = UNKNOWN_KEY if name == "write keys" else NO_KEY
    assert answer(post("/v1/batch", body, write_key=None)) == expected
    assert answer(post("/v1/batch", body, write_key="wrong")) == UNKNOWN_KEY
    assert not Refusal.objects.exists()


def forbidden(*_: Any, **__: Any) -> Any:
    raise AssertionError("parsed")


# --- Write keys in bodies ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"batch":[],"writeKey":"one"}',
        b'{"writeKey" : "one"}',
        b'{"writeKey":"\\u006fne"}',
        b'{"batch":[{"writeKey":"one"},{"writeKey":"one"}],"writeKey":"one"}',
    ],
)
def test_a_write_key_is_found_without_parsing(body: bytes) -> None:
    assert find_write_keys(body) == ["one"]


def test_only_the_first_few_write_keys_are_looked_at() -> None:
    many = ",".join(f'{{"writeKey":"{number}"}}' for number in range(10_000))
    assert find_write_keys(many.encode()) == ["0", "1", "2"]
    assert find_write_keys(fill('{"writeKey":"a"}')) == ["a"]


def test_a_key_inside_an_event_is_not_the_key_of_the_request(post: Post, source: Source) -> None:
    inside = {"userId": "u", "properties": {"writeKey": WRITE_KEY}}
    assert answer(post("/v1/track", inside, write_key=None)) == NO_KEY
    beside = {**inside, "writeKey": WRITE_KEY}
    assert answer(post("/v1/track", beside, write_key=None)) == (200, "OK")
    other = {"batch": [{"userId": "u", "writeKey": "other"}], "writeKey": WRITE_KEY}
    assert answer(post("/v1/batch", other, write_key=None)) == (200, "OK")


def test_the_most_that_a_stranger_can_make_the_database_do_is_three_looks(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(authentication, "routes_for", lambda key: looked.append(key))
    many = ",".join(f'{{"writeKey":"{number}"}}' for number in range(10_000))
    post("/v1/batch", f'{{"batch":[{many}]}}'.encode(), write_key=None)
    assert set(looked) == {"0", "1", "2"}


# --- Limits that honest bodies never reach -------------------------------------------------------


def test_a_full_body_of_orders_is_far_from_the_limits() -> None:
    product = {"product_id": "sku-1", "name": "Lamp", "price": 35.0, "quantity": 1}
    order = make_event(properties={"order_id": "1", "products": [product] * 50})
    text = json.dumps(order, separators=(",", ":"))
    body = fill(text, '{"batch":[', "]}", LARGEST)
    require_few_values(body, LARGEST)
    assert parse_json(body).is_flawless


@pytest.mark.parametrize("note", ["a, b, c, [d], {e}", 'said \\"a, b\\", then {c}', "\\\\"])
def test_what_stands_in_a_text_is_not_counted(note: str) -> None:
    texts = ",".join([f'"{note * 20}"'] * 2_000)
    body = f'{{"userId":"u","notes":[{texts}]}}'.encode()
    require_few_values(body, 12 * 4_000)
    with pytest.raises(TooManyValues):
        require_few_values(body, 12 * 1_000)


def test_the_limit_grows_with_that_of_a_request() -> None:
    body = fill("{}", size=600_000)
    with pytest.raises(TooManyValues):
        parse_json(body, "", LARGEST)
    assert len(parse_json(body, "", 4 * LARGEST).value) > 190_000


def test_gzip_that_becomes_five_hundred_times_its_size_is_not_unpacked(
    post: Post, source: Source
) -> None:
    gzipped = {"HTTP_CONTENT_ENCODING": "gzip"}
    assert answer(post("/v1/batch", gzip.compress(b" " * 4_000_000), **gzipped)) == TOO_LARGE
    events = [make_event(messageId=f"e-{number}") for number in range(2_000)]
    honest = gzip.compress(json.dumps({"batch": events}).encode(), 9)
    assert answer(post("/v1/batch", honest, **gzipped)) == (200, "OK")
    assert Event.objects.count() == 2_000


def test_a_webhook_with_too_many_entries_is_refused_before_they_become_events(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.ingest.webhook.wrap", forbidden)
    body = fill("{}", size=60_010)
    sent = post("/v1/webhook", body, write_key=None, QUERY_STRING=f"writeKey={WRITE_KEY}")
    assert answer(sent) == TOO_LARGE


# --- Refusals and flaws --------------------------------------------------------------------------


def test_refusals_are_limited_before_they_are_made(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    refuse = judging.refuse_event
    monkeypatch.setattr(
        judging, "refuse_event", lambda *given: made.append(given) or refuse(*given)
    )
    body = fill('{"a":1}', '{"batch":[', "]}", 100_000)
    count = body.count(b"{") - 1
    assert post("/v1/batch", body).status_code == 400
    assert len(made) == 1_000
    assert Refusal.objects.count() == 1_000
    last = Refusal.objects.get(code="more_refusals")
    assert last.message == f"{count - 999} more events in the same request were invalid."


def test_paths_are_made_only_for_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    join = strict_json.join_path
    monkeypatch.setattr(strict_json, "join_path", lambda *given: made.append(given) or join(*given))
    right = parse_json(fill("[1.5,2]", '{"userId":"u","half":"\\ud800","p":[', "]}", 50_000))
    assert find_flaw(right.value) is None
    assert made == []
    wrong = parse_json(b'{"userId":"u","p":[1,{"q":NaN}]}')
    flaw = find_flaw(wrong.value)
    assert flaw is not None
    assert (flaw.code, flaw.field) == ("not_a_number", "p[1].q")


@pytest.mark.parametrize("deep", [249, 250, 251, 600])
def test_depth_is_judged_alike_with_and_without_a_place(deep: int) -> None:
    event = parse_json(b'{"n":1e5,"a":' + b"[" * (deep - 1) + b"NaN" + b"]" * (deep - 1) + b"}")
    flaw = find_flaw(event.value)
    assert flaw is not None
    assert flaw.code == ("not_a_number" if deep <= 250 else "nested_too_deeply")
    plain = parse_json(b'{"a":' + b"[" * (deep - 1) + b"]" * (deep - 1) + b"}")
    found = find_flaw(plain.value)
    assert (found is not None) == (deep > 250)


def test_an_event_that_is_too_large_is_not_searched_for_flaws(
    post: Post, source: Source, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_EVENT_BYTES = 2_000
    monkeypatch.setattr(judging, "find_flaw", forbidden)
    event = b'{"userId":"u","n":NaN,"note":"' + b"x" * 3_000 + b'"}'
    assert answer(post("/v1/track", event)) == (400, "request size exceeds max limit\n")
    assert Refusal.objects.get().code == "event_too_large"


def test_defaults_deeper_than_any_stack_are_an_answer_and_no_error(
    post: Post, source: Source
) -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    body = f'{{"context":{deep},"batch":[{{"userId":"u","n":1e999,"context":{deep}}}]}}'
    assert post("/v1/batch", body.encode()).status_code == 400


DISGUISED = [
    b'{"userId":"u","a"\n:1,"a":2}',
    b'{"userId":"u","a"\t:1,"a":2}',
    b'{"userId":"u","a":1,"a":2,"x":"\\u0022:"}',
    b'{"userId":"u","a":1,"a":2,"x":"\\"\\u003a"}',
    b'{"userId":"u","a":1,"a":2,"x":"\\"\\u003A"}',
    b'{"userId":"u","\\u0061":1,"a":2}',
    b'{"userId":"u","a"  :1,"a":2,"n":"\\ud800"}',
    b'{"userId":"u","a":1,"a":2,"x":"\\":","n":"\\ud800"}',
]
"""A repeated key, written so that a quick look does not see it."""


@pytest.mark.parametrize("twice", DISGUISED)
def test_no_disguise_hides_a_repeated_key(post: Post, source: Source, twice: bytes) -> None:
    assert post("/v1/track", twice).status_code == 400
    assert Refusal.objects.get().code == "repeated_key"


def test_an_excerpt_names_no_address() -> None:
    assert excerpt_of("a@b.example, and c@d") == "(email), and (email)"
    assert excerpt_of("x" * 400 + "@y") == "(email)"
    assert "a@b" not in excerpt_of("@a@b")
