"""The sandbox as a program, started as a person starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.pinterest_sandbox.conversions import make_conversion

ROOT = Path(__file__).parents[2]
WITHOUT_DJANGO = [sys.executable, "-m", "pinterest_sandbox"]
WITH_DJANGO = [sys.executable, "manage.py", "pinterest_sandbox"]


@contextmanager
def running(command: list[str], *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its URL; killed at the end if it still runs."""
    with subprocess.Popen(
        [*command, "--port", "0", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            start_message = process.stdout.readline()
            found = re.match(r"Pinterest sandbox on (http://127\.0\.0\.1:\d+) ", start_message)
            assert found, start_message
            yield process, found[1]
        finally:
            process.kill()


def send(url: str, event_id: str, *, account: str = "11", token: str = "pina") -> int:
    return requests.post(
        f"{url}/v5/ad_accounts/{account}/events",
        json={"data": [make_conversion(event_id)]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    ).status_code


@pytest.mark.parametrize("command", [WITHOUT_DJANGO, WITH_DJANGO], ids=["module", "manage.py"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_with_its_options_and_ends_cleanly_on_a_signal(
    command: list[str], number: signal.Signals
) -> None:
    options = ["--fault", "poison=a", "--fault", "status=503,account=12"]
    options += ["--token", "pina", "--account", "11", "--account", "12", "--seed", "1"]
    with running(command, *options) as (process, url):
        assert send(url, "a") == 400
        assert send(url, "b") == 200
        assert send(url, "b", account="12") == 503
        assert send(url, "b", account="13") == 403
        assert send(url, "b", token="other") == 401
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_a_ledger_file_outlives_a_kill(tmp_path: Path) -> None:
    file = str(tmp_path / "ledger.jsonl")
    with running(WITHOUT_DJANGO, "--ledger", file) as (process, url):
        assert send(url, "a") == 200
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    with running(WITHOUT_DJANGO, "--ledger", file) as (_, url):
        assert requests.get(f"{url}/_ledger/event_ids").json() == {"event_ids": ["a"]}


def test_a_taken_port_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*WITHOUT_DJANGO, "--port", str(port)], cwd=ROOT, capture_output=True, text=True
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"The Pinterest sandbox can't listen on 127.0.0.1:{port}: ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--fault", "explode"], 2, "--fault: unknown fault 'explode'; known: "),
        (["--ledger", "/nowhere/at/all"], 1, "Can't use the ledger file: "),
    ],
)
def test_wrong_options_are_one_clear_sentence(options: list[str], code: int, sentence: str) -> None:
    ended = subprocess.run([*WITHOUT_DJANGO, *options], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == code
    assert ended.stderr.startswith(sentence)
    assert len(ended.stderr.splitlines()) == 1


def test_help_explains_every_fault() -> None:
    shown = subprocess.run(
        [*WITHOUT_DJANGO, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in ("poison", "status", "latency", "fail", "partial422", "rate_limit"):
        assert f"    {name}=" in shown
    for name in ("retry_after", "drop", "truncate", "wrong_count", "nonsense"):
        assert f"    {name}" in shown
