"""`python -m tests.fresh_start [PYTHON ...]`: what a stranger does, with every Python that is here.

Copy the files of this repository to an empty folder, `bin/run` in a clean environment, the `curl`
line that it prints, wait until that event is delivered, Ctrl-C; then the same in that folder with
DATABASE_URL and REDIS_URL. Without arguments: one interpreter of each version that CAPI Relay
accepts, from pyenv's folder and the search path, except the version of `.venv` (the whole suite
runs on that). The last line counts; the exit status is 1 if anything failed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.ports import free_port
from tests import services
from tests.scratch import ScratchDatabase, ScratchRedis
from tests.variables import BASE_DIR

VERSIONS = tuple((3, minor) for minor in range(11, 15))
INSTALL_SECONDS = 240
START_SECONDS = 60
DELIVERED_SECONDS = 30
STOP_SECONDS = 30
STATUSES = (
    "from deliveries.models import Delivery; "
    "print(*Delivery.objects.values_list('status', flat=True))"
)
# pip's cache lies below HOME; the others say how pip is set up here.
KEPT = ("HOME", "LANG")


class FreshStartFailed(Exception):
    """What did not happen, with what `bin/run` printed."""


def interpreters() -> list[str]:
    """One for each accepted version but this one, in order of the versions."""
    found: dict[tuple[int, int], str] = {}
    for minor in range(11, 15):
        pyenv = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3.{minor}"))
        named = shutil.which(f"python3.{minor}", path="/usr/local/bin:/usr/bin")
        for candidate in (named, *map(str, pyenv)):
            if candidate and (version := version_of(candidate)):
                found.setdefault(version, candidate)
    return [found[one] for one in VERSIONS if one in found and one != sys.version_info[:2]]


def version_of(python: str) -> tuple[int, int] | None:
    """Its version, or None when it does not run or cannot make an environment."""
    script = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def copy_repository(folder: Path) -> None:
    """The files that a clone would have, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = BASE_DIR / name
        if source.is_file() and not name.startswith(("tests/", "docs/images/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)


class Run:
    """`bin/run` in a folder, its output in a file."""

    def __init__(self, folder: Path, python: str, variables: dict[str, str]) -> None:
        self.folder = folder
        kept = {
            name: value for name, value in os.environ.items() if name in KEPT or name[:4] == "PIP_"
        }
        self.env = {
            **kept,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHON": python,
            "PORT": str(free_port()),
            "SANDBOX_PORT": str(free_port()),
            **variables,
        }
        self._output = folder / "bin-run.log"
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                ["bin/run"],
                cwd=folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C must reach it even if whoever runs this ignores it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
                start_new_session=True,
            )

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def curl_line(self, seconds: float) -> list[str]:
        """The words of the `curl` line, once it is printed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            lines = self.output().splitlines()
            if "Press Ctrl-C to stop everything." in lines:
                return shlex.split(next(line for line in lines if line.startswith("curl ")))
            if self._process.poll() is not None:
                raise FreshStartFailed(f"bin/run ended with {self._process.returncode}")
            time.sleep(0.1)
        raise FreshStartFailed(f"bin/run was not up after {seconds:g} s")

    def send_and_wait(self, curl: list[str]) -> None:
        sent = subprocess.run([*curl, "-sS"], capture_output=True, text=True, check=False)
        if sent.stdout != "OK":
            raise FreshStartFailed(f"curl printed {sent.stdout!r} {sent.stderr!r}")
        deadline = time.monotonic() + DELIVERED_SECONDS
        while (statuses := self._statuses()) != "delivered":
            if time.monotonic() > deadline:
                raise FreshStartFailed(f"after {DELIVERED_SECONDS} s the delivery is {statuses!r}")

    def _statuses(self) -> str:
        command = [".venv/bin/python", "manage.py", "shell", "--verbosity", "0", "-c", STATUSES]
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or done.stderr

    def stop(self) -> None:
        """Ctrl-C. Raises when it does not stop well."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise FreshStartFailed(f"it ran on {STOP_SECONDS} s after Ctrl-C") from None
        if status != 0:
            raise FreshStartFailed(f"it ended with {status} after Ctrl-C")


def try_once(folder: Path, python: str, variables: dict[str, str], seconds: float) -> str:
    """Start, send, wait, stop. Returns how long it took to be up; raises FreshStartFailed."""
    started = time.monotonic()
    run = Run(folder, python, variables)
    try:
        try:
            curl = run.curl_line(seconds)
            up = time.monotonic() - started
            run.send_and_wait(curl)
        finally:
            run.stop()
    except FreshStartFailed as failure:
        raise FreshStartFailed(f"{failure}\n{run.output()}") from None
    return f"up after {up:.1f} s, first event delivered, stopped"


def try_python(python: str) -> list[tuple[str, bool]]:
    """What happened on SQLite and files and, if they are here, on PostgreSQL and Redis."""
    results = []
    folder = Path(tempfile.mkdtemp(prefix="capi-relay-fresh-"))
    database = redis = None
    try:
        copy_repository(folder)
        tries = [("SQLite and files", {"CAPI_DATA_DIR": "data"}, INSTALL_SECONDS)]
        if services.postgres_url() and services.redis_url():
            database, redis = (
                ScratchDatabase(services.postgres_url()),
                ScratchRedis(services.redis_url()),
            )
            urls = {"DATABASE_URL": database.create(), "REDIS_URL": redis.reserve()}
            there = {**urls, "CAPI_DATA_DIR": "data-services"}
            tries.append(("PostgreSQL and Redis", there, START_SECONDS))
        for title, variables, seconds in tries:
            try:
                results.append((f"{title}: {try_once(folder, python, variables, seconds)}", True))
            except FreshStartFailed as failure:
                results.append((f"{title}: {failure}", False))
    finally:
        if redis:
            redis.release()
        if database:
            database.drop()
        shutil.rmtree(folder, ignore_errors=True)
    return results


def main(arguments: list[str]) -> int:
    pythons = arguments or interpreters()
    if not pythons:
        print("NOT RUN: this machine has no other version of Python from 3.11 to 3.14.")
    outcomes = []
    for python in pythons:
        version = version_of(python)
        for text, well in try_python(python):
            print(
                f"{'ok' if well else 'FAILED'}  {python} ({'.'.join(map(str, version or ()))}) on "
                f"{text}",
                flush=True,
            )
            outcomes.append(well)
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return int(not all(outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
