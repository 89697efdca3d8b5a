"""Real processes with metrics and JSON logs on: a real Prometheus reads the former, and the latter
hold nothing of the people whose events went through."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.ports import free_port
from tests.conftest import _new_stack
from tests.stack import Stack
from tests.variables import BASE_DIR

METRICS_TOKEN = "metrics-token-of-the-tests"
CONVERSION_TOKEN = "pina_token_of_the_tests"
RULES = BASE_DIR / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = BASE_DIR / "deploy" / "grafana" / "capi-relay.json"
PEOPLE = range(40)
EMAIL, PHONE, ADDRESS = "person{}@secret-mail.example", "+4915112340{:03}", "198.51.100.{}"
SECRETS = [
    *(form.format(number) for form in (EMAIL, PHONE, ADDRESS) for number in PEOPLE),
    *(METRICS_TOKEN, CONVERSION_TOKEN, "secret-mail", "Rosenweg", "burst-write-key", "a-wrong-key"),
]


class Watched:
    """A stack and every line that its processes have printed."""

    def __init__(self, stack: Stack, lines: list[tuple[str, str]]) -> None:
        self.stack = stack
        self.lines = lines

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line in self.lines if line.startswith("{")]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    lines: list[tuple[str, str]] = []
    variables = {"METRICS_TOKEN": METRICS_TOKEN, "LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"}
    with _new_stack(
        variables=variables, show=lambda name, line: lines.append((name, line))
    ) as running:
        burst(running)
        yield Watched(running, lines)


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"burst-{number}",
        "userId": EMAIL.format(number),
        "context": {
            "ip": ADDRESS.format(number),
            "page": {"url": f"https://shop.example/?email={EMAIL.format(number)}"},
            "traits": {
                "email": EMAIL.format(number),
                "phone": PHONE.format(number),
                "address": {"street": "Rosenweg 7"},
            },
        },
        **fields,
    }


def burst(stack: Stack) -> None:
    """What goes well, and all that goes wrong in ways that tempt a log to quote it."""
    shop = stack.add_shop(
        source={"write_key": "burst-write-key"},
        conversion_token=CONVERSION_TOKEN,
        event_map={"Order Completed": "checkout"},
    )
    headers = {"X-Forwarded-For": ADDRESS.format(1)}

    def post(path: str, body: Any, key: str = shop.write_key) -> None:
        stack.post(path, body, write_key=key, headers=headers)

    post("/v1/batch", {"batch": [event(number) for number in PEOPLE]})
    stack.wait_until(lambda: stack.statuses(shop).get("delivered") == len(PEOPLE))
    stack.sandbox.add_fault("status=503")
    post("/v1/track", event(1, messageId="later"))
    stack.wait_until(lambda: "503" in json.dumps(stack.output("worker")))
    stack.sandbox.clear_faults()
    post("/v1/batch", {"batch": [event(2, type=EMAIL.format(2)), 17]})
    post("/v1/batch", {"batch": [EMAIL.format(3)]})
    post("/v1/track", event(4), "a-wrong-key")
    post(f"/v1/{EMAIL.format(5)}", event(5))
    post(f"/{EMAIL.format(6)}/{PHONE.format(6)}", event(6))
    for path in ("/v1/track", f"/v1/track?email={EMAIL.format(7)}&writeKey=burst-write-key"):
        requests.post(
            stack.url + path,
            data=b'{"email": "' + EMAIL.format(7).encode(),
            auth=(shop.write_key, ""),
            headers={**headers, "Content-Type": "application/json"},
            timeout=10,
        )
    requests.post(
        f"{stack.url}/v1/batch",
        data=gzip.compress(json.dumps({"batch": [event(8)]}).encode())[:-9],
        auth=(shop.write_key, ""),
        headers={**headers, "Content-Encoding": "gzip"},
        timeout=10,
    )
    requests.get(f"{stack.url}/pixel/v1/track?writeKey=burst-write-key&userId={EMAIL.format(9)}")
    requests.get(f"{stack.url}/admin/?q={EMAIL.format(10)}", headers=headers, timeout=10)
    requests.get(f"{stack.url}/admin/{EMAIL.format(11)}/", headers=headers, timeout=10)
    login = {"username": EMAIL.format(12), "password": PHONE.format(12)}
    requests.post(f"{stack.url}/admin/login/", data=login, headers=headers, timeout=10)
    requests.get(stack.url, headers={"Host": "person13.secret-mail.example"}, timeout=10)


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return value


def scrape(stack: Stack) -> str:
    answer = requests.get(
        f"{stack.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}, timeout=10
    )
    assert answer.status_code == 200
    return answer.text


@pytest.mark.database
def test_no_line_of_the_log_names_anybody(watched: Watched) -> None:
    written = "\n".join(line for _, line in watched.lines)
    assert {name for name, _ in watched.lines} >= {"web", "worker"}
    assert [secret for secret in SECRETS if secret in written] == []


@pytest.mark.database
def test_every_line_of_a_part_is_a_json_object(watched: Watched) -> None:
    others = [pair for pair in watched.lines if not pair[1].startswith("{")]
    assert others == []
    for record in watched.records():
        assert {"timestamp", "level", "logger", "event"} <= record.keys()


@pytest.mark.database
def test_a_batch_and_a_refusal_are_one_line_each(watched: Watched) -> None:
    records = watched.records()
    (sent,) = [
        one for one in records if one["event"] == "Batch sent" and one["conversions"] == len(PEOPLE)
    ]
    assert (sent["status"], sent["delivered"], sent["level"]) == (200, len(PEOPLE), "info")
    assert {"destination", "batch", "duration_ms"} <= sent.keys()
    refused = [one for one in records if one.get("status") == 400 and one.get("route") != "unknown"]
    assert {one["level"] for one in refused} == {"info"}
    codes = [one.get("code") for one in refused if one["route"] == "/v1/track"]
    assert codes == ["invalid_json", "invalid_json"]
    assert all(one["request_id"] for one in refused)
    assert not [one for one in records if one["level"] == "warning" and "route" in one]


@pytest.mark.database
def test_the_request_id_goes_through(watched: Watched) -> None:
    for sent, kept in (("checkout-4711.a_b", True), ("a@b", False), ("x" * 65, False)):
        answer = requests.post(
            f"{watched.stack.url}/v1/track", headers={"X-Request-ID": sent}, timeout=10
        )
        own_id = answer.headers["X-Request-ID"]
        assert (own_id == sent) is kept
        until(lambda own=own_id: [one for one in watched.records() if one.get("request_id") == own])


@pytest.mark.database
def test_metrics_come_from_all_processes(watched: Watched) -> None:
    text = until(
        lambda: next((one for one in [scrape(watched.stack)] if "delivered_total{" in one), "")
    )
    for part in (
        'capi_relay_http_requests_total{kind="ingest",status="200"}',
        'capi_relay_tasks_total{result="succeeded",task="deliver"}',
        'capi_relay_wakeups_total{result="sent",task="deliver"}',
        'role="web"',
        'role="worker"',
        'capi_relay_heartbeat_timestamp_seconds{part="sweep"}',
    ):
        assert part in text, part
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.database
@pytest.mark.prometheus
def test_promtool_finds_nothing_to_say(watched: Watched) -> None:
    for command, given in (
        (["promtool", "check", "metrics"], scrape(watched.stack)),
        (["promtool", "check", "rules", str(RULES)], ""),
    ):
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done


@pytest.mark.database
@pytest.mark.prometheus
def test_a_real_prometheus_reads_it(watched: Watched, tmp_path: Path) -> None:
    """Its targets are up, the rules of deploy/ are loaded, the dashboard's queries understood."""
    until(lambda: "delivered_total{" in scrape(watched.stack))
    port = free_port()
    (tmp_path / "token").write_text(METRICS_TOKEN)
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"rule_files: ['{RULES}']\n"
        "scrape_configs:\n"
        "  - job_name: capi-relay\n"
        f"    authorization: {{credentials_file: '{tmp_path / 'token'}'}}\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{watched.stack.port}']}}]\n"
    )
    command = [
        "prometheus",
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    api = f"http://127.0.0.1:{port}/api/v1"

    def ask(path: str, **query: str) -> Any:
        try:
            answer = requests.get(f"{api}/{path}", params=query, timeout=10)
        except requests.ConnectionError:
            return None
        assert answer.status_code in (200, 503), (query, answer.text)
        return answer.json()["data"] if answer.status_code == 200 else None

    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            found = until(
                lambda: (ask("query", query="sum(capi_relay_delivered_total)") or {}).get("result")
            )
            assert float(found[0]["value"][1]) >= len(PEOPLE)
            (target,) = ask("targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            groups = ask("rules")["groups"]
            assert len(groups[0]["rules"]) > 5
            queries = [
                one["expr"].replace("$destination", ".*")
                for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]
                for one in panel["targets"]
            ]
            assert len(queries) > 20
            for query in queries:
                assert ask("query", query=query) is not None, query
            # The metrics that dashboard and rules name are there.
            expressions = queries + [rule["query"] for rule in groups[0]["rules"]]
            known = set(ask("label/__name__/values"))
            assert missing(expressions, known) <= {"capi_relay_rate_limit_remaining"}
        finally:
            server.terminate()
            server.wait(20)


def missing(expressions: list[str], known: set[str]) -> set[str]:
    named = {name for one in expressions for name in re.findall(r"capi_relay_\w+", one)}
    rare = {"capi_relay_failed_total", "capi_relay_rejected_total"}  # nothing has failed
    return named - known - rare
