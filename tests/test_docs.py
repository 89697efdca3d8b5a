"""What the documents say, where a program can check it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from deliveries.engine.retry import RetryPolicy, schedule_table
from launcher.commands import commands, read_options
from tests.variables import BASE_DIR

DOCUMENTS = sorted([*BASE_DIR.glob("*.md"), *(BASE_DIR / "docs").glob("*.md")])


def in_words(seconds: float) -> str:
    whole = int(seconds)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    return " ".join(f"{value} {unit}" for value, unit in parts if value) or "0 s"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_the_retry_schedule_in_operations_is_the_one_in_the_code() -> None:
    text = (BASE_DIR / "docs" / "operations.md").read_text("utf-8")
    printed = text.partition("<!-- schedule -->\n")[2].partition("<!-- end of schedule -->")[0]
    rows = [
        f"| {row.attempt} | {in_words(row.delay_seconds) if row.attempt > 1 else 'none'} "
        f"| {in_words(row.since_first_seconds)} |"
        for row in schedule_table(RetryPolicy())
    ]
    header = ["| attempt | wait before it | since the first |", "|---|---|---|"]
    assert printed.splitlines() == [*header, *rows]


def test_the_capacity_table_counts_the_connections_of_the_processes_it_names() -> None:
    text = (BASE_DIR / "docs" / "operations.md").read_text("utf-8")
    web, worker, connections = (
        [int(number) for number in re.findall(r"\| (\d+)", line)]
        for line in text.splitlines()
        if line.startswith(("| web processes", "| worker processes", "| connections to"))
    )
    options = read_options({"DATABASE_URL": "postgres://host/name"})
    pages, probes = options.web_threads // 2, 1  # threads of their own: webserver
    needed = [
        web_count * (options.web_threads + pages + probes) + worker_count * options.worker_threads
        for web_count, worker_count in zip(web, worker, strict=True)
    ]
    assert len(needed) == 3
    assert [round(count, -1) for count in needed] == [round(count, -1) for count in connections]


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_the_procfile_starts_what_bin_run_starts(name: str) -> None:
    lines = dict(
        line.split(": ", 1) for line in (BASE_DIR / "Procfile").read_text("utf-8").splitlines()
    )
    line = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", lines[name])
    options = read_options(
        {"HOST": "0.0.0.0", "WORKER_PROCESSES": "1", "WORKER_THREADS": "16", "LOG_LEVEL": "INFO"}
    )
    _, *wanted = commands(options)[name]
    without_names = [
        word
        for position, word in enumerate(wanted)
        if "--hostname" not in wanted[max(0, position - 1) : position + 1]
    ]
    if "--pidfile" in without_names:  # in a shell the empty word reads better with "="
        at = without_names.index("--pidfile")
        without_names[at : at + 2] = ["--pidfile="]
    assert shlex.split(line) == ["python", *without_names]


def test_the_image_starts_the_same_web_server() -> None:
    text = (BASE_DIR / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    (found,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    _, *wanted = commands(read_options({"HOST": "0.0.0.0"}))["web"]
    assert json.loads(found) == ["python", *wanted]


def test_nothing_in_the_repository_speaks_of_the_folders_it_was_made_in() -> None:
    words = ("/work/" + "shared", "house" + ".md", "../" + "shared")
    found = [
        f"{path.relative_to(BASE_DIR)}: {word}"
        for folder in (
            "accounts",
            "brokers",
            "capi_project",
            "deliveries",
            "destinations",
            "launcher",
            "pinterest_sandbox",
            "docs",
            "templates",
            "bin",
        )
        for path in (BASE_DIR / folder).rglob("*")
        if path.is_file() and path.suffix in {"", ".py", ".md", ".html", ".css", ".js", ".sh"}
        for word in words
        if word in path.read_text("utf-8")
    ]
    assert found == []
