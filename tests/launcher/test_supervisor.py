"""`bin/run` and its supervisor: real child processes, real signals, real ports."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.test import override_settings

from benchmarks.ports import free_port
from launcher.banner import Demo, banner
from launcher.commands import allowed_hosts, children_environment, is_private, read_options
from launcher.supervisor import prepare_demo
from tests.factories import make_destination, make_source
from tests.scratch import ScratchDatabase, ScratchRedis
from tests.variables import BASE_DIR, settings_variables

PASSWORD = re.compile(r"Sign in +admin, password (\S+) \(shown only once\)")


class Run:
    """`bin/supervise.py`, or a small supervisor made for a test, and what it printed so far."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=BASE_DIR,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"Not within {seconds:g} s:\n{self.said()}")
            time.sleep(0.05)
        return value

    def wait_for(self, text: str, seconds: float = 60) -> None:
        self.wait_until(lambda: text in self.said(), seconds)

    def children(self) -> list[int]:
        """All living descendants."""
        found = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
        ).stdout
        living = [line.split() for line in found.splitlines()]
        family, grown = {self.process.pid}, True
        while grown:
            more = {
                int(p) for p, parent, state in living if int(parent) in family and "Z" not in state
            }
            grown = not more <= family
            family |= more
        return sorted(family - {self.process.pid})

    def end(self) -> None:
        """Whatever state the test left it in."""
        pids = self.children()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def bare_environment(**variables: str) -> dict[str, str]:
    unwanted = settings_variables() | {"HOST", "PORT", "SANDBOX_PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "PYTHONUNBUFFERED": "1", **variables}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start_one(*command: str, **variables: str) -> Run:
        log = tmp_path / f"run-{len(runs)}.log"
        runs.append(Run(list(command), log, bare_environment(**variables)))
        return runs[-1]

    yield start_one
    for run in runs:
        run.end()


@pytest.fixture
def start_relay(start: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """The whole of it on free ports, in a scratch data folder that the starts share."""

    def start_one(**variables: str) -> Run:
        ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
        environment = {"CAPI_DATA_DIR": str(tmp_path / "data"), **ports, **variables}
        return start(sys.executable, "bin/supervise.py", **environment)

    return start_one


def small_supervisor(*children: tuple[str, str]) -> str:
    """A program that supervises shell commands, given as (name, command)."""
    return (
        "import os, sys\n"
        "from launcher.processes import Child\n"
        "from launcher.supervisor import Supervisor, show\n"
        f"children = [Child(name, ['sh', '-c', line], os.environ, show) for name, line in "
        f"{children!r}]\n"
        "sys.exit(Supervisor(children, ['up'], None).run())\n"
    )


def test_one_command_gives_a_login_and_a_curl_line_that_work_and_a_second_start_adds_nothing(
    start_relay: Callable[..., Run], tmp_path: Path
) -> None:
    run = start_relay()
    run.wait_for("Press Ctrl-C to stop everything.")
    url = re.search(r"Admin +(\S+)/admin/", run.said())[1]
    password = PASSWORD.search(run.said())[1]
    (line,) = [one for one in run.said().splitlines() if one.startswith("curl ")]
    curl = subprocess.run(
        ["curl", "-sS", *shlex.split(line)[1:]], capture_output=True, text=True, check=False
    )
    assert (curl.stdout, curl.stderr) == ("OK", "")

    with requests.Session() as browser:
        browser.get(f"{url}/admin/login/", timeout=10)
        form = {
            "username": "admin",
            "password": password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        page = browser.post(f"{url}/admin/login/", data=form, timeout=10)
        assert (page.status_code, page.url) == (200, f"{url}/admin/")

    for name in ("secret_key", "token_encryption_keys"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600

    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=10) == 0

    again = start_relay()
    again.wait_for("Press Ctrl-C to stop everything.")
    assert PASSWORD.search(again.said()) is None
    assert password not in again.said()
    assert "Sign in    existing account" in again.said()
    assert "Write key  demo-write-key" in again.said()


def test_a_server_that_others_can_reach_knows_no_guessable_write_key(
    start_relay: Callable[..., Run],
) -> None:
    run = start_relay()
    run.wait_for("Press Ctrl-C to stop everything.")
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=10) == 0

    run = start_relay(HOST="0.0.0.0")
    run.wait_for("Press Ctrl-C to stop everything.")
    assert "the old key is publicly known" in run.said()
    write_key = re.search(r"Write key +(\S+)", run.said())[1]
    assert len(write_key) == 27
    (line,) = [one for one in run.said().splitlines() if one.startswith("curl ")]
    assert write_key in line
    url = re.search(r"Admin +(\S+)/admin/", run.said())[1]
    event = {"userId": "1", "event": "Order Completed"}
    for key, status in ((write_key, 200), ("demo-write-key", 401)):
        answer = requests.post(f"{url}/v1/track", json=event, auth=(key, ""), timeout=10)
        assert answer.status_code == status


@pytest.mark.django_db
def test_what_is_said_of_the_demo_to_whom() -> None:
    made = prepare_demo(private=True)
    assert prepare_demo(private=True) == made == Demo("demo-write-key")
    replaced = prepare_demo(private=False)
    assert replaced.was_replaced
    assert prepare_demo(private=False) == Demo("")

    make_destination(sources=[make_source(write_key="demo-write-key")], service="pinterest")
    warned = prepare_demo(private=False)
    assert warned == Demo("", is_guessable=True)
    options = read_options({"HOST": "0.0.0.0"})
    said = "\n".join(banner(options, settings, None, warned))
    assert "WARNING: anybody can send events to your ad account." in said
    assert "Rotate the write key" in said
    assert "curl" not in said


@pytest.mark.parametrize(
    ("host", "proxies", "names", "expected"),
    [
        ("127.0.0.1", 0, ["localhost", "127.0.0.1", "[::1]"], True),
        ("::1", 0, ["localhost", "127.0.0.1", "[::1]"], True),
        ("0.0.0.0", 0, ["localhost"], False),
        ("192.0.2.7", 0, ["192.0.2.7"], False),
        ("127.0.0.1", 1, ["localhost"], False),
        ("127.0.0.1", 0, ["localhost", "relay.example.com"], False),
        ("127.0.0.1", 0, ["*"], False),
    ],
)
def test_a_server_is_private_if_nothing_says_that_others_reach_it(
    host: str, proxies: int, names: list[str], expected: bool
) -> None:
    with override_settings(TRUSTED_PROXY_COUNT=proxies, ALLOWED_HOSTS=names):
        assert is_private(read_options({"HOST": host}), settings) is expected


@pytest.mark.postgres
@pytest.mark.redis
def test_two_variables_put_it_on_postgresql_and_redis(start_relay: Callable[..., Run]) -> None:
    database = ScratchDatabase(os.environ["TEST_DATABASE_URL"])
    broker = ScratchRedis(os.environ["TEST_REDIS_URL"])
    try:
        run = start_relay(DATABASE_URL=database.create(), REDIS_URL=broker.reserve())
        run.wait_for("Press Ctrl-C to stop everything.")
        assert "is running with PostgreSQL as its database and redis as its broker." in run.said()
        (line,) = [one for one in run.said().splitlines() if one.startswith("curl ")]
        assert (
            subprocess.run(
                ["curl", "-sS", *shlex.split(line)[1:]], capture_output=True, check=True
            ).stdout
            == b"OK"
        )
        run.wait_until(
            lambda: database.rows("SELECT status FROM deliveries_delivery", ()) == [("delivered",)],
            seconds=15,
        )
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(timeout=10) == 0
    finally:
        broker.release()
        database.drop()


def test_ctrl_c_stops_every_process_within_ten_seconds(start_relay: Callable[..., Run]) -> None:
    run = start_relay()
    run.wait_for("Press Ctrl-C to stop everything.")
    pids = run.children()
    assert len(pids) >= 5
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(timeout=10) == 0
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_killed_supervisor_leaves_no_orphans(start_relay: Callable[..., Run]) -> None:
    run = start_relay()
    run.wait_for("Press Ctrl-C to stop everything.")
    pids = run.children()
    run.process.kill()
    run.wait_until(lambda: not [pid for pid in pids if is_alive(pid)], seconds=15)


def test_a_part_that_dies_is_started_again(start_relay: Callable[..., Run]) -> None:
    run = start_relay()
    run.wait_for("Press Ctrl-C to stop everything.")
    commands = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        for pid in run.children()
    }
    (beat,) = [pid for pid, line in commands.items() if " beat " in line]
    os.kill(beat, signal.SIGKILL)
    run.wait_for("beat    | exited with status -9; restarting in 0.5 s")
    run.wait_until(
        lambda: any(
            b"\0beat\0" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in run.children()
        )
    )
    assert run.process.poll() is None


def test_a_child_that_keeps_dying_ends_the_whole_with_its_last_output(
    start: Callable[..., Run],
) -> None:
    program = small_supervisor(("good", "exec sleep 600"), ("bad", "echo no such thing; exit 3"))
    run = start(sys.executable, "-c", program)
    assert run.process.wait(timeout=40) == 1
    assert run.said().count("bad     | no such thing") == 5
    assert run.said().endswith(
        "bad keeps exiting (status 3). Last output:\n" + "    no such thing\n" * 5
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_of_three_signals_is_a_request_to_stop(
    start: Callable[..., Run], number: signal.Signals
) -> None:
    # Whoever runs the tests under nohup hands an ignored SIGHUP down to them.
    heard = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    run = start(sys.executable, "-c", heard + small_supervisor(("quiet", "exec sleep 600")))
    run.wait_until(run.children)
    run.wait_for("up")
    run.process.send_signal(number)
    assert run.process.wait(timeout=10) == 0
    assert run.said().endswith("Stopping ...\n")


def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children(
    start: Callable[..., Run],
) -> None:
    stubborn = "trap '' TERM; sleep 600 & while true; do sleep 1; done"
    run = start(sys.executable, "-c", small_supervisor(("stubborn", stubborn)))
    run.wait_until(lambda: len(run.children()) >= 2)
    pids = run.children()
    started = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=10) == 0
    assert time.monotonic() - started < 10
    assert [pid for pid in pids if is_alive(pid)] == []


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_taken_port_is_one_sentence(start_relay: Callable[..., Run], variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start_relay(**{variable: str(port)})
        assert run.process.wait(timeout=30) == 1
    assert run.said() == (
        f"Can't listen on port {port} of 127.0.0.1 (Address already in use). "
        f"Stop the program that uses it, or choose another port with {variable}=…\n"
    )


def test_a_mistake_in_the_environment_is_a_sentence_and_no_traceback(
    start_relay: Callable[..., Run],
) -> None:
    run = start_relay(BATCH_MAX_CONVERSIONS="5000")
    assert run.process.wait(timeout=30) == 1
    assert run.said() == (
        "Some environment variables aren't valid:\n"
        "  - BATCH_MAX_CONVERSIONS=5000 must be from 1 to 1000.\n"
    )


def test_a_database_that_does_not_answer_is_a_sentence(start_relay: Callable[..., Run]) -> None:
    run = start_relay(DATABASE_URL=f"postgres://relay:sesame@127.0.0.1:{free_port()}/relay")
    assert run.process.wait(timeout=30) == 1
    assert run.said().startswith("Can't use the database: connection failed")
    assert "Traceback" not in run.said()
    assert "sesame" not in run.said()


def run_script(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "bin/run"],
        cwd=BASE_DIR,
        env=bare_environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_data_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_script(tmp_path, CAPI_DATA_DIR=f"{tmp_path}/file/data")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"Can't write to the data folder {tmp_path}/file/data: ")
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_too_old_is_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = run_script(tmp_path, CAPI_DATA_DIR=f"{tmp_path}/data", PYTHON=str(old))
    assert done.returncode == 1
    assert done.stderr == (
        f"CAPI Relay needs Python 3.11, 3.12, 3.13 or 3.14, but {old} is Python 3.9.2. "
        "Install one of them, or set PYTHON=/path/to/python3.12.\n"
    )


def test_only_this_machine_is_served_unless_host_says_otherwise() -> None:
    assert read_options({}).host == "127.0.0.1"
    assert allowed_hosts("127.0.0.1") == ["localhost", "127.0.0.1", "[::1]"]


def test_a_server_for_others_answers_to_its_address_and_never_to_any_name() -> None:
    assert allowed_hosts("192.0.2.7")[-1] == "192.0.2.7"
    assert socket.gethostname() in allowed_hosts("0.0.0.0")
    assert "*" not in allowed_hosts("0.0.0.0")


def test_allowed_hosts_of_the_environment_stand() -> None:
    variables = {"HOST": "0.0.0.0", "ALLOWED_HOSTS": "relay.example.com"}
    completed = children_environment(read_options(variables), variables)
    assert completed["ALLOWED_HOSTS"] == "relay.example.com"


def test_another_sandbox_port_is_told_to_the_workers() -> None:
    variables = {"SANDBOX_PORT": "8199"}
    completed = children_environment(read_options(variables), variables)
    assert completed["SANDBOX_URL"] == "http://127.0.0.1:8199"


def test_a_json_line_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    from launcher.supervisor import show

    show("web", '{"event":"Batch sent"}')
    show("web", "Listening")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {"part": "web", "event": "Batch sent"}
    assert second == "web     | Listening"
