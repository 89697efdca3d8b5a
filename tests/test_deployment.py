"""compose.yaml and the Procfile name only what there is: commands, variables, routes, services."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from launcher.commands import part_environment
from tests.test_env_example import EXAMPLE
from tests.variables import BASE_DIR

COMPOSE_TEXT = (BASE_DIR / "compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: service for name, service in SERVICES.items() if "build" in service}
PROCFILE_TEXT = (BASE_DIR / "Procfile").read_text("utf-8")
PROCFILE = dict(line.split(": ", 1) for line in PROCFILE_TEXT.splitlines())


def commands_of(line: str) -> list[list[str]]:
    """The commands of a line, those inside `sh -c` too; ``${NAME:-default}`` as its default."""
    words = shlex.split(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line))
    if words[:2] == ["sh", "-c"]:
        return [command for part in words[2].split("&&") for command in commands_of(part)]
    return [words]


OWN_COMMANDS = [
    command
    for line in (*PROCFILE.values(), *(one["command"] for one in OWN.values() if "command" in one))
    for command in commands_of(line)
]


def test_web_workers_beat_and_what_they_stand_on_are_there() -> None:
    assert set(SERVICES) == {"caddy", "postgres", "redis", "prepare", "web", "worker", "beat"}
    assert set(OWN) == {"prepare", "web", "worker", "beat"}
    assert SERVICES["worker"]["deploy"]["replicas"] > 1


@pytest.mark.parametrize("command", OWN_COMMANDS, ids=" ".join)
def test_every_command_exists(command: list[str]) -> None:
    program, first, *rest = command
    assert program == "python"
    if first == "-m":
        assert importlib.util.find_spec(rest[0]) is not None
    else:
        assert (BASE_DIR / first).is_file()
        assert rest[0] in get_commands()


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_compose_starts_what_the_procfile_starts(name: str) -> None:
    assert commands_of(SERVICES[name]["command"]) == commands_of(PROCFILE[name])


def test_every_variable_is_one_of_the_example() -> None:
    named = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT + PROCFILE_TEXT))
    given = {name for service in OWN.values() for name in service["environment"]}
    assert named - EXAMPLE.keys() == set()
    assert given - EXAMPLE.keys() == set(part_environment("worker", {}))


def test_workers_give_memory_back_as_those_of_bin_run_do() -> None:
    wanted = part_environment("worker", {})
    assert wanted.items() <= SERVICES["worker"]["environment"].items()
    assert wanted.keys().isdisjoint(SERVICES["web"]["environment"])


def test_there_is_no_default_password() -> None:
    assert "${POSTGRES_PASSWORD" in COMPOSE_TEXT
    assert re.findall(r"\$\{POSTGRES_PASSWORD(?!:\?)", COMPOSE_TEXT) == []


def test_services_wait_only_for_what_can_come_about() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert name in SERVICES
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[name]["restart"] == "no"
        for volume in service.get("volumes", []):
            name = volume.partition(":")[0]
            assert (BASE_DIR / name).is_file() if name[0] == "." else name in COMPOSE["volumes"]


def test_the_health_check_of_web_asks_a_route_that_there_is() -> None:
    check = " ".join(SERVICES["web"]["healthcheck"]["test"])
    (port, path) = re.findall(r"http://127\.0\.0\.1:(\d+)(/[\w/]*)", check)[0]
    assert resolve(path).url_name == "health"
    assert SERVICES["caddy"]["environment"]["RELAY_UPSTREAM"] == f"web:{port}"
    assert f"--port {port} " in re.sub(r'[",]', "", (BASE_DIR / "Dockerfile").read_text("utf-8"))


def test_the_proxy_is_the_only_way_in() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"caddy": ["80:80", "443:443"]}
    for service in OWN.values():
        environment = service["environment"]
        assert environment["HTTPS_ONLY"] == "true"
        assert environment["TRUSTED_PROXY_COUNT"] == "${TRUSTED_PROXY_COUNT:-1}"
        assert "${RELAY_HOST:-localhost}" in environment["ALLOWED_HOSTS"].split(",")


def test_the_variables_of_the_caddyfile_are_given() -> None:
    caddyfile = (BASE_DIR / "deploy" / "Caddyfile").read_text("utf-8")
    named = set(re.findall(r"\{\$(\w+)", caddyfile))
    assert named - SERVICES["caddy"]["environment"].keys() == {"RELAY_BUFFERING"}  # of old versions


def test_images_have_a_version_and_the_built_one_its_commit() -> None:
    for name, service in SERVICES.items():
        if name not in OWN:
            assert re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?(@sha256:[0-9a-f]{64})?", service["image"])
        else:
            assert service["build"] == {"context": ".", "args": {"COMMIT": "${COMMIT:-}"}}
    assert "ARG COMMIT" in (BASE_DIR / "Dockerfile").read_text("utf-8")


def test_postgresql_has_more_shared_memory_than_dockers_default() -> None:
    assert int(SERVICES["postgres"]["shm_size"].removesuffix("mb")) >= 128


def find_docker_compose() -> list[str] | None:
    """Docker Compose 2, as a plugin of docker or alone; None when this machine has neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        done = subprocess.run([*command, "version"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and re.search(r"\bv?2\.", done.stdout):
            return command
    return None


def test_docker_compose_accepts_the_file_only_with_a_password() -> None:
    command = find_docker_compose()
    if command is None:
        pytest.skip("Docker Compose 2 is not installed here; the file is read without it above")
    without = {name: value for name, value in os.environ.items() if name != "POSTGRES_PASSWORD"}
    check = [*command, "--file", str(BASE_DIR / "compose.yaml"), "config", "--quiet"]

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            check, env={**without, **variables}, capture_output=True, text=True, check=False
        )

    accepted = run(POSTGRES_PASSWORD="secret")
    assert (accepted.returncode, accepted.stdout) == (0, ""), accepted.stderr
    refused = run()
    assert refused.returncode != 0
    assert "POSTGRES_PASSWORD" in refused.stderr
