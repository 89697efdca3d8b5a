"""`bin/test`: the tests on the real services that are here, and again on the embedded default.

With PostgreSQL and Redis everything runs on those, and every test that touches the database once
more on SQLite and files, because the same code serves both; without arguments in two runs side by
side. Without them one pass on the embedded default runs everything that it can. The end says which
services took part and what was skipped for lack of one; with ``REQUIRE_SERVICES=1`` such a skip is
a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests import services

NOTHING_COLLECTED = 5
NAMED = {
    "RabbitMQ": "rabbitmq",
    "PgBouncer": "pgbouncer",
    "nginx": "nginx",
    "Caddy": "caddy",
    "Chromium": "browser",
    "npm": "npm",
}
EMBEDDED = {"TEST_PASS": "embedded"}


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of pytest, and how it ended."""

    title: str
    status: int
    lacking: Counter[str]
    used: Counter[str]


def main(arguments: list[str]) -> int:
    services.drop_leftover_databases()
    postgres, redis = services.postgres_url(), services.redis_url()
    here = {"TEST_DATABASE_URL": postgres, "TEST_REDIS_URL": redis}
    on_services = " and ".join(
        name for name, url in (("PostgreSQL", postgres), ("Redis", redis)) if url
    )
    if not on_services:
        passes = [run_pass("SQLite and files", {}, arguments)]
    elif arguments:
        # The caller's choice of tests stands: pytest takes the last -m.
        database = [] if "-m" in arguments else ["-m", "database"]
        passes = [
            run_pass(on_services, here, arguments),
            run_pass("SQLite and files", EMBEDDED, [*database, *arguments]),
        ]
    else:
        passes = run_in_parallel(on_services, here)
    return report(passes, postgres, redis)


def run_in_parallel(on_services: str, here: dict[str, str]) -> list[Pass]:
    """All tests, in two parallel runs that take about as long as each other: most of it is
    waiting."""
    with ThreadPoolExecutor(max_workers=1) as beside, tempfile.TemporaryFile("w+") as shown_later:
        others = beside.submit(
            lambda: [
                run_pass("no database", here, ["-m", "not database"], shown_later),
                run_pass("SQLite and files", EMBEDDED, ["-m", "database"], shown_later),
            ]
        )
        passes = [run_pass(on_services, here, ["-m", "database"])]
        passes += others.result()
        shown_later.seek(0)
        shutil.copyfileobj(shown_later, sys.stdout)
    return passes


def run_pass(
    title: str, variables: dict[str, str], arguments: list[str], output: IO[str] | None = None
) -> Pass:
    """Run pytest in a process of its own, so that settings are read again."""
    print(f"\n=== Tests on {title} ===", flush=True, file=output)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TEST_DATABASE_URL", "TEST_REDIS_URL")
    }
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        environment = {**kept, **variables, "CAPI_TEST_SUMMARY": str(summary)}
        command = [sys.executable, "-m", "pytest", *arguments]
        done = subprocess.run(command, env=environment, check=False, stdout=output, stderr=output)
        counts = json.loads(summary.read_text()) if summary.exists() else {}
    return Pass(title, done.returncode, Counter(counts.get("lacking")), Counter(counts.get("used")))


def report(passes: list[Pass], postgres: str, redis: str) -> int:
    """Print what took part and what did not; return the exit status of the whole."""
    lacking = sum((one.lacking for one in passes), Counter[str]())
    used = sum((one.used for one in passes), Counter[str]())
    required = os.environ.get("REQUIRE_SERVICES") == "1"
    took_part = ["SQLite", "files"]
    took_part += [name for name, url in (("PostgreSQL", postgres), ("Redis", redis)) if url]
    for name, marker in NAMED.items():
        if used[marker]:
            took_part.append(f"{name} ({used[marker]} tests)")
    print(f"\n=== Real services that took part: {', '.join(took_part)} ===")
    failures = [one.title for one in passes if one.status not in (0, NOTHING_COLLECTED)]
    missing = [name for name, url in (("PostgreSQL", postgres), ("Redis", redis)) if not url]
    for name in missing:
        print(f"NOT TESTED on {name}: no server answered (TEST_{_variable(name)} names another).")
    for marker, count in sorted(lacking.items()):
        print(f"NOT RUN: {count} test(s) that need {marker}.")
    if failures:
        print(f"FAILED: the tests on {'; and on '.join(failures)}.")
    elif all(one.status == NOTHING_COLLECTED for one in passes):
        print("FAILED: no test was selected.")
        return NOTHING_COLLECTED
    elif required and missing:
        print("FAILED: REQUIRE_SERVICES=1 is set.")
    else:
        print("PASSED.")
        return 0
    return 1


def _variable(name: str) -> str:
    return {"PostgreSQL": "DATABASE_URL", "Redis": "REDIS_URL"}[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
