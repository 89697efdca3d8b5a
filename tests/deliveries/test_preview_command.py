"""`manage.py preview`: one answer per line, in order, without a database unless a name is given."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from benchmarks.workload import make_lines
from deliveries.management.commands.preview import answer_line, in_words
from destinations.pinterest.preview import preview_line

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_714_557_600.0
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Signed Up",
    "messageId": "m-1",
    "timestamp": "2024-05-01T10:00:00Z",
    "context": {"traits": {"email": "ann@example.com"}},
}
SENT = EVENT | {"userId": "u-1"}
"""As a sender sends it: ingest asks for somebody."""
CONVERSION = {
    "event_name": "Signed Up",
    "event_time": 1_714_557_600,
    "action_source": "web",
    "event_id": "m-1",
    "user_data": {"em": ["71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476"]},
}


def answer(written: Any) -> dict[str, Any]:
    line = written if isinstance(written, bytes) else orjson.dumps(written)
    return preview_line(line, None, NOW)


def run_command(*arguments: str, lines: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", "preview", *arguments],
        cwd=ROOT,
        input=lines,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_a_bare_event_is_previewed_with_the_default_settings() -> None:
    assert answer(EVENT | {"event": "Lead"}) == {
        "status": "ok",
        "conversions": [CONVERSION | {"event_name": "lead"}],
        "warnings": [],
    }


def test_the_config_of_a_line_counts() -> None:
    config = {
        "apiVersion": "legacyApi",
        "advertiserId": "42",
        "eventsMapping": [
            {"from": "signed up", "to": "Signup"},
            {"from": "Signed Up", "to": "Lead"},
        ],
    }
    assert answer({"event": EVENT, "config": config}) == {
        "status": "ok",
        "conversions": [
            CONVERSION | {"event_name": "signup", "advertiser_id": "42"},
            CONVERSION | {"event_name": "lead", "advertiser_id": "42"},
        ],
        "warnings": [],
    }


def test_a_warning_about_two_conversions_is_given_once() -> None:
    event = EVENT | {"context": {"traits": {"email": "ann@example.com", "gender": "?"}}}
    rows = [{"from": "Signed Up", "to": "Signup"}, {"from": "Signed Up", "to": "Lead"}]
    warnings = answer({"event": event, "config": {"eventsMapping": rows}})["warnings"]
    assert [(one["code"], one["field"]) for one in warnings] == [
        ("gender_unknown", "context.traits.gender")
    ]


def test_a_rejected_event_says_its_errors_and_warnings() -> None:
    event = EVENT | {"context": {"traits": {"email": "nobody"}, "userAgent": "Mozilla/5.0"}}
    assert answer(event) == {
        "status": "rejected",
        "errors": [
            {
                "code": "missing_user_data",
                "field": "",
                "message": (
                    "Pinterest needs an email (em), a mobile advertising ID (hashed_maids), or "
                    "both an IP address (client_ip_address) and a user agent (client_user_agent); "
                    "this event has only a user agent."
                ),
            }
        ],
        "warnings": [
            {
                "code": "email_invalid",
                "field": "context.traits.email",
                "message": "This isn't a complete email address.",
            }
        ],
    }


def test_a_filtered_event_says_why() -> None:
    assert answer({"type": "identify"}) == {
        "status": "filtered",
        "reason": {
            "code": "unsupported_type",
            "message": "Only track, page, and screen calls are delivered.",
        },
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": "\xff"}', "not_json"),
        (b"[" * 200_000, "not_json"),
        (b"[1]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"event": {}, "config": []}', "config_not_an_object"),
    ],
    ids=lambda part: part[:12].decode("latin-1") if isinstance(part, bytes) else part,
)
def test_a_line_that_is_no_event_is_an_error(line: bytes, code: str) -> None:
    given = answer(line)
    assert given["status"] == "error"
    assert given["error"]["code"] == code


def test_an_error_does_not_quote_the_line() -> None:
    assert "ann@example.com" not in json.dumps(answer(b'{"email": "ann@example.com" oops}'))


def test_escaped_lone_surrogates_and_endless_integers_are_read() -> None:
    line = orjson.dumps(EVENT | {"event": "Lead"})[:-1] + b',"x":"\\ud83d","value":%s}' % (
        b"9" * 6000
    )
    assert answer(line)["status"] == "ok"


def test_every_line_gets_one_answer_in_order_without_a_database(tmp_path: Path) -> None:
    lines = [orjson.dumps(SENT | {"messageId": f"m-{number}"}) for number in range(50)]
    lines[7], lines[9] = b"", b"oops"
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines))
    from_file = run_command(str(file))
    assert from_file.stderr == b""
    answers = [orjson.loads(line) for line in from_file.stdout.splitlines()]
    assert [one["status"] for one in answers] == [
        "error" if number in (7, 9) else "ok" for number in range(50)
    ]
    assert [one["conversions"][0]["event_id"] for one in answers if one["status"] == "ok"] == [
        f"m-{number}" for number in range(50) if number not in (7, 9)
    ]
    assert run_command(lines=file.read_bytes()).stdout == from_file.stdout


def sent(body: Any) -> dict[str, Any]:
    """The command's answer to a line as a sender writes it."""
    return answer_line(body if isinstance(body, bytes) else orjson.dumps(body), None)


def test_a_line_as_a_sender_writes_it_goes_through_ingest_first() -> None:
    body = {"userId": "u-1", "event": "Lead", "context": {"traits": {"email": "ann@example.com"}}}
    given = sent(body)
    assert (given["status"], given["warnings"]) == ("ok", [])
    assert given["conversions"][0]["event_name"] == "lead"
    assert sent(b"\xef\xbb\xbf" + orjson.dumps(body))["status"] == "ok"
    repaired = sent(orjson.dumps(body)[:-1] + b',"note":"caf\xe9"}')
    assert [one["code"] for one in repaired["warnings"]] == ["text_repaired"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (EVENT, "missing_identity", "userId"),
        (SENT | {"messageId": []}, "invalid_message_id", "messageId"),
        (orjson.dumps(SENT)[:-1] + b',"a":1,"a":2}', "repeated_key", "a"),
    ],
)
def test_what_ingest_refuses_is_an_error_with_its_reason(body: Any, code: str, field: str) -> None:
    given = sent(body)
    assert given["status"] == "error"
    assert (given["error"]["code"], given["error"]["field"]) == (code, field)
    assert in_words(1, given).startswith(f"1. error\n  {code} ({field}): ")


def test_a_batch_gets_one_answer_with_those_to_its_events() -> None:
    batch = {"batch": [SENT, {"type": "identify", "userId": "u"}, 7], "context": {"locale": "de"}}
    given = sent(batch)
    assert given["status"] == "batch"
    assert [one["status"] for one in given["answers"]] == ["ok", "filtered", "error"]
    assert given["answers"][0]["conversions"][0]["language"] == "de"
    assert in_words(2, given).startswith("2.1. ok: Signed Up\n")
    assert sent({"batch": []})["error"]["code"] == "empty_batch"


def test_an_event_beside_its_config_has_come_past_ingest() -> None:
    line = {"event": EVENT | {"event": "Lead"}, "config": {}}
    assert sent(line) == {
        "status": "ok",
        "conversions": [CONVERSION | {"event_name": "lead"}],
        "warnings": [],
    }


def test_the_memory_of_a_long_run_is_that_of_a_short_one() -> None:
    script = (
        "import io, resource, sys\n"
        "from benchmarks.workload import make_lines\n"
        "sys.path.insert(0, '.')\n"
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'capi_project.settings'\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "lines = make_lines(500)\n"
        "class Endless(io.RawIOBase):\n"
        "    left = int(sys.argv[1])\n"
        "    def __iter__(self): return (lines[n % 500] + b'\\n' for n in range(self.left))\n"
        "sys.stdin = type('Input', (), {'buffer': Endless()})()\n"
        "call_command('preview', stdout=open('/dev/null', 'w'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    short, long = (
        int(subprocess.check_output([sys.executable, "-c", script, count], cwd=ROOT, timeout=120))
        for count in ("500", "6000")
    )
    assert long - short < 5


def test_pretty_answers_are_in_words() -> None:
    words = in_words(3, answer(EVENT))
    assert words.startswith('3. ok: Signed Up\n{\n  "event_name": "Signed Up",\n')
    assert words.endswith(
        "  warning event_name_unusual (event): Pinterest accepts custom names of up to 100 "
        "letters, digits, _ and -.\n"
    )
    assert in_words(4, answer({"type": "alias"})) == (
        "4. filtered\n  unsupported_type: Only track, page, and screen calls are delivered.\n"
    )


def test_a_reader_that_stops_early_ends_the_run_quietly(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(make_lines(2_000)))
    command = f"{sys.executable} manage.py preview {file} | head -1 | wc -l"
    ended = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert (ended.stdout.strip(), ended.stderr) == (b"1", b"")


def test_a_file_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(
        CommandError, match=r"^/nowhere can't be read: No such file or directory\.$"
    ):
        call_command("preview", "/nowhere")


@pytest.mark.django_db
def test_an_unknown_destination_is_said_in_a_sentence() -> None:
    with pytest.raises(CommandError, match=r"^There is no destination named 'Nobody'\.$"):
        call_command("preview", "--destination", "Nobody")


@pytest.mark.django_db
def test_the_settings_of_a_destination_count(tmp_path: Path) -> None:
    from tests.factories import make_destination

    destination = make_destination(name="Shop", unmapped_events="as_custom")
    file = tmp_path / "events.jsonl"
    file.write_bytes(orjson.dumps(SENT))
    out = io.StringIO()
    call_command("preview", str(file), "--destination", destination.name, stdout=out)
    conversions = orjson.loads(out.getvalue())["conversions"]
    assert [conversion["event_name"] for conversion in conversions] == ["custom"]
