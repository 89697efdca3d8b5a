"""A PostgreSQL server and a Redis server of one's own, to be killed without asking anybody."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg
import redis

from benchmarks.ports import free_port
from tests.services import postgres_url

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
START_SECONDS = 30


class ServerMissing(Exception):
    """What has to be installed before a chaos run can start, in one sentence."""


class OwnPostgres:
    """All of PostgreSQL: it can be stopped and restarted.

    A cluster in a temporary folder on a free port. The server refuses to run as root: root runs
    it as the user ``postgres``.
    """

    is_own = True

    def __init__(self) -> None:
        self._programs = find_postgres_programs()
        self._user = find_postgres_user()
        self._folder = Path(tempfile.mkdtemp(prefix="capi-relay-chaos-postgres-"))
        self._port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        if self._user:
            shutil.chown(self._folder, self._user, self._user)
        try:
            self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
            # What a kill of the server can lose is in its own memory. fsync guards against a
            # crash of the machine, which this run cannot play.
            (self._folder / "data" / "postgresql.auto.conf").write_text(
                f"port = {self._port}\n"
                "listen_addresses = '127.0.0.1'\n"
                f"unix_socket_directories = '{self._folder}'\n"
                "fsync = off\n"
                "max_connections = 300\n"
                "log_min_messages = warning\n"
            )
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-l", self._log)

    def stop(self) -> None:
        """At once, as if it had crashed: it recovers from its log at the next start."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")

    def restart(self) -> None:
        self._run("pg_ctl", "restart", "-m", "immediate", "-w", "-l", self._log)

    def cut_connections(self) -> int:
        """End every other session of the server; returns how many there were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return len(
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                ).fetchall()
            )

    @property
    def _log(self) -> str:
        return str(self._folder / "server.log")

    def _run(self, program: str, *arguments: str) -> None:
        """The server that pg_ctl leaves behind must not hold a pipe of ours open."""
        output = self._folder / "command.log"
        with output.open("wb") as log:
            done = subprocess.run(
                [self._programs / program, "-D", self._folder / "data", *arguments],
                cwd=self._folder,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {output.read_text(errors='replace')[-2000:]}")


class BorrowedPostgres:
    """A server that others use too: our connections to it are cut, and that is all."""

    is_own = False

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.cut_connections()

    def restart(self) -> None:
        self.cut_connections()

    def cut_connections(self) -> int:
        """End the sessions on the scratch databases of this process; returns how many."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return len(
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE starts_with(datname, %s)",
                    (f"capi_stack_{os.getpid()}_",),
                ).fetchall()
            )


Postgres = OwnPostgres | BorrowedPostgres


def find_postgres() -> Postgres:
    """A server of one's own, or one that runs here already. Raises ServerMissing."""
    try:
        return OwnPostgres()
    except ServerMissing:
        if url := postgres_url():
            return BorrowedPostgres(url)
        raise


class OwnRedis:
    """A Redis server on a free port that keeps nothing: a restart forgets every message."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise ServerMissing("A chaos run needs redis-server (Debian: apt-get install redis).")
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="capi-relay-chaos-redis-"))
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
        }
        self._process = subprocess.Popen(
            [self._program, *(part for name in options for part in (f"--{name}", options[name]))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"redis-server does not answer on port {self._port}.")
            time.sleep(0.05)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It takes connections and answers nothing, like a machine that swaps."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: int) -> None:
        self._signal(number)
        if self._process is not None:
            self._process.wait(START_SECONDS)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


def find_postgres_programs() -> Path:
    """The folder with initdb and pg_ctl. Raises ServerMissing."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(
        (path for path in DEBIAN_POSTGRES.glob("*/bin") if (path / "initdb").exists()),
        key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0),
    )
    if not versions:
        raise ServerMissing(
            "A chaos run needs a PostgreSQL server (Debian: apt-get install postgresql)."
        )
    return versions[-1]


def find_postgres_user() -> str | None:
    """As whom to run the server; None: as we are. Raises ServerMissing."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise ServerMissing("PostgreSQL does not run as root: a user postgres is needed.") from None
