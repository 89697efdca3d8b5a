"""One process that starts the others, replaces those that die, and stops all of them in time."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType

from webserver.limits import STOP_SECONDS, Limits
from webserver.server import Server, open_listener
from webserver.wsgi import Responder

_RESPAWN_SECONDS = 1.0
_STREAM_PATIENCE_SECONDS = 30.0
_KILL_MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """What to serve, where, and by how many processes and threads.

    ``application``: "module:name" of a WSGI application, imported in each process separately.
    ``prepare()`` is called after that: (name of a pool → threads, path → name of a pool, limits).
    """

    application: str
    host: str
    port: int
    worker_count: int
    prepare: Callable[[], tuple[Mapping[str, int], Callable[[str], str], Limits]]


def serve(service: Service) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises OSError when it cannot listen."""
    return _Parent(service, open_listener(service.host, service.port)).run()


class _Parent:
    def __init__(self, service: Service, listener: socket.socket) -> None:
        self._service = service
        self._listener = listener
        self._workers: set[int] = set()
        self._started_at = 0.0
        self._is_stopping = False
        self._kill_at = float("inf")
        self._status = 0
        self._ready_reader, self._ready_writer = os.pipe()
        os.set_blocking(self._ready_reader, False)
        self._was_ready = False

    def run(self) -> int:
        wake_reader, wake_writer = socket.socketpair()
        wake_reader.settimeout(_RESPAWN_SECONDS)
        wake_writer.setblocking(False)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            self._reap()
            if not self._is_stopping:
                self._start_missing()
            elif not self._workers:
                return self._status
            elif time.monotonic() > self._kill_at:
                self._signal_all(signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                wake_reader.recv(4096)

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop()

    def _stop(self, status: int = 0) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._status = status
            self._kill_at = time.monotonic() + STOP_SECONDS + _KILL_MARGIN_SECONDS
            self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._workers.discard(pid)
            if self._is_stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            if self._has_been_ready():
                print(
                    f"A web process ended (status {code}); starting another.",
                    file=sys.stderr,
                    flush=True,
                )
            else:  # what keeps the first from starting keeps all others
                self._stop(code or 1)

    def _has_been_ready(self) -> bool:
        if not self._was_ready:
            with contextlib.suppress(BlockingIOError):
                self._was_ready = bool(os.read(self._ready_reader, 1))
        return self._was_ready

    def _start_missing(self) -> None:
        now = time.monotonic()
        missing = self._service.worker_count - len(self._workers)
        if not missing or now - self._started_at < _RESPAWN_SECONDS:
            return
        self._started_at = now
        for _ in range(missing):
            pid = os.fork()
            if not pid:
                _run_worker(self._service, self._listener, self._ready_writer)
            self._workers.add(pid)


def _run_worker(service: Service, listener: socket.socket, ready: int) -> None:
    """The life of one process; ends it."""
    status = 1
    try:
        status = _work(service, listener, ready)
    except KeyboardInterrupt:
        status = 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # threads may still wait for a database


def _work(service: Service, listener: socket.socket, ready: int) -> int:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when
    module, _, name = service.application.partition(":")
    application = getattr(importlib.import_module(module), name)
    pools, choose_pool, limits = service.prepare()
    server = Server(
        listener,
        Responder(application, _STREAM_PATIENCE_SECONDS),
        dict(pools),
        choose_pool,
        limits,
    )
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    os.write(ready, b"r")
    server.run()
    return 0
