"""What somebody outside can do to a running server, and what can be seen of it from there.

Shared by the tests of ``tests/flow`` and by ``tests/security/attacks.py``.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

DISK_MB = 48
BEGINNINGS = (
    b"",
    b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\n",
    b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx",
    b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx",
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx",
)
"""Where a slow client stops: before the request, in its headers, in a body."""


@contextmanager
def slow_clients(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that have sent one of BEGINNINGS, in turn, and send nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * count), hard), hard))
    with ExitStack() as until_end:
        clients = []
        for number in range(count):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            until_end.callback(client.close)
            client.sendall(BEGINNINGS[number % len(BEGINNINGS)])
            clients.append(client)
        yield clients


def read_all(client: socket.socket, seconds: float = 30) -> bytes:
    """All that comes until the server closes the connection."""
    client.settimeout(seconds)
    answer = b""
    while piece := client.recv(4096):
        answer += piece
    return answer


def first_answer(port: int, request: bytes) -> bytes:
    """The beginning of what the server says to these bytes; b"" when it just closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        return client.recv(4096)


class Worker:
    """The one process that answers for a web server whose own process is ``parent``; needs
    /proc."""

    def __init__(self, parent: int | None) -> None:
        (self.pid,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()

    def forget_peak(self) -> int:
        """Bytes resident now; ``peak`` counts from here."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self._status("VmRSS")

    def peak(self) -> int:
        return self._status("VmHWM")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(name))
        return 1024 * int(line.split()[1])


class Person:
    """Somebody with a browser, who may sign in to the admin at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._browser = requests.Session()

    def sign_in(self, username: str, password: str) -> requests.Response:
        """The page that it leads to."""
        self.get("/admin/login/")
        form = {"username": username, "password": password, "next": "/admin/"}
        return self.post("/admin/login/", form)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._browser.get(f"{self._url}{path}", timeout=60, **options)

    def post(self, path: str, form: dict[str, Any], **options: Any) -> requests.Response:
        token = self._browser.cookies.get("csrftoken", "")
        form = {**form, "csrfmiddlewaretoken": token}
        return self._browser.post(f"{self._url}{path}", data=form, timeout=60, **options)


class CannotMount(Exception):
    """Only root, with the right to mount, can make a small disk."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """An empty disk of DISK_MB of its own at ``folder``, which is made. Raises CannotMount."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        raise CannotMount
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_disk(disk: Path) -> None:
    """To the last byte; ``disk / "ballast"`` is what fills it."""
    with (disk / "ballast").open("ab", buffering=0) as ballast:
        for size in (1_000_000, 4096, 1):
            try:
                while True:
                    ballast.write(b"x" * size)
            except OSError:
                continue


def drafts(disk: Path) -> list[str]:
    """Files that were written in part and left lying about."""
    left = re.compile(r"\..+\.[0-9a-f]{32}|\.taken-.+|tmp.*")
    return [str(path) for path in disk.rglob("*") if left.fullmatch(path.name)]
