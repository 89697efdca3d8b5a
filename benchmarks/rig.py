"""The whole system as real processes on a scratch PostgreSQL database, for a benchmark."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.ports import free_port
from benchmarks.scratch import scratch_database

REDIS_URL = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/14"
WRITE_KEY = "bench-write-key"


class Rig:
    """A scratch database and the processes on it; use as a context manager.

    The settings are read when capi_project is first imported: a process makes one rig, before it
    imports anything of the product (hence the imports inside functions).
    """

    def __init__(self, sandbox_faults: tuple[str, ...] = (), **options: int) -> None:
        self._until_exit = ExitStack()
        self.database_url = self._until_exit.enter_context(scratch_database())
        self.folder = tempfile.TemporaryDirectory(prefix="capi-relay-bench-")
        port, sandbox_port = free_port(), free_port()
        self.sandbox_faults = sandbox_faults
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": REDIS_URL,
            "CAPI_DATA_DIR": self.folder.name,
            "SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}",
            "DJANGO_SETTINGS_MODULE": "capi_project.settings",
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(self.environment)
        from launcher.commands import Options, children_environment

        self.options = Options(
            **{
                "host": "127.0.0.1",
                "port": port,
                "web_workers": 2,
                "web_threads": 4,
                "sandbox_port": sandbox_port,
                "worker_processes": 2,
                "worker_threads": 16,
                "log_level": "WARNING",
                **options,
            }
        )
        self.environment = children_environment(self.options, self.environment)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.options.port}"

    def configure_django(self) -> None:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def start(self, *names: str) -> None:
        """Start parts (sandbox, web, workers, beat) with the commands of bin/run."""
        from launcher.commands import commands, part_environment, worker_names

        wanted = [
            one
            for name in names
            for one in (worker_names(self.options) if name == "workers" else [name])
        ]
        for name in wanted:
            command = list(commands(self.options)[name])
            if name == "sandbox":
                command += [part for fault in self.sandbox_faults for part in ("--fault", fault)]
            with Path(self.folder.name, f"{name}.log").open("wb") as log:
                self.running[name] = subprocess.Popen(
                    command,
                    env=part_environment(name, self.environment),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    cwd=Path(__file__).resolve().parent.parent,
                )
        for name, port in (("sandbox", self.options.sandbox_port), ("web", self.options.port)):
            if name in wanted:
                wait_until(lambda port=port: is_listening(port), f"{name} to listen")

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.running):
            process = self.running.pop(name)
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def rss_mb(self, name: str) -> float:
        """Resident memory of a part and all its children, in MB."""
        pages = sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids(name)
        )
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time used so far by each part, and by all of PostgreSQL."""
        used = {name: sum(map(cpu_seconds, self._pids(name))) for name in self.running}
        return {**used, "postgres": postgres_cpu_seconds(self.database_url)}

    def _pids(self, name: str) -> list[int]:
        group = self.running[name].pid
        pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if _process_group(pid) == group]

    def __enter__(self) -> Rig:
        import redis

        redis.Redis.from_url(REDIS_URL).flushdb()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        from django.db import connections

        connections.close_all()
        self._until_exit.close()
        self.folder.cleanup()


def _read(path: Path) -> str:
    """A file of /proc; "" when its process has ended in the meantime."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _process_group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its ended children included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def postgres_cpu_seconds(database_url: str) -> float:
    """Of the whole server: sessions, also those that have ended, autovacuum and the writers.

    Whatever else uses this server counts as well, so nothing else should. 0 when it runs on another
    machine.
    """
    import psycopg

    with psycopg.connect(database_url) as connection:
        session = connection.info.backend_pid
        stat = _read(Path(f"/proc/{session}/stat"))
        return family_cpu_seconds(int(stat.rpartition(")")[2].split()[1])) if stat else 0.0


def family_cpu_seconds(pid: int) -> float:
    """Of a process and all that it has started."""
    parents = {
        int(entry.parent.name): int(_read(entry).rpartition(")")[2].split()[1])
        for entry in Path("/proc").glob("[0-9]*/stat")
        if _read(entry)
    }
    family = {pid}
    while children := {one for one, parent in parents.items() if parent in family} - family:
        family |= children
    return sum(map(cpu_seconds, family))


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until ``condition`` holds. Raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s for {what}.")
        time.sleep(0.05)


def make_shop(name: str = "Bench", write_key: str = WRITE_KEY, memory: str = "on") -> int:
    """One source and one sandbox destination; returns the destination's ID."""
    from destinations.models import Destination, Source

    source = Source.objects.create(name=f"{name} shop", write_key=write_key, identity_memory=memory)
    destination = Destination.objects.create(
        name=name,
        service=Destination.Service.SANDBOX,
        advertiser_id="549755885175",
        conversion_token="bench-token",
    )
    destination.sources.add(source)
    return destination.pk


if __name__ == "__main__":
    sys.exit("This is the rig of the benchmarks: run bin/bench NAME.")
