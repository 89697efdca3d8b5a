"""What a process counts of itself, in files that all processes of a data folder share.

Nothing is counted until ``start`` was called: a process without metrics pays one comparison.
The files are those of prometheus-client's multi-process mode. Each process touches its own every
``REPORT_SECONDS``; values of a moment are only read from files that were touched lately, and a file
that nobody touched for a day is removed when a process starts.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.metrics_core import Metric

REPORT_SECONDS = 10.0
DEAD_AFTER_SECONDS = 60.0
KEPT_SECONDS = 86_400.0
HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TASK_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0, 30.0, 60.0)
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_CPU = "capi_relay_process_cpu_seconds"


class _Meters:
    """The metrics of this process; their names and labels are the catalog (``names.PROCESS``)."""

    def __init__(self, folder: Path, role: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        remove_old(folder)
        os.environ[_FOLDER] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, metrics, values

        metrics.values.ValueClass = values.MultiProcessValue(process_identifier=_identifier)  # type: ignore[attr-defined,no-untyped-call]
        registry = CollectorRegistry()
        self.folder = folder
        self.requests: Counter = Counter(
            "capi_relay_http_requests",
            "HTTP requests answered.",
            ("kind", "status"),
            registry=registry,
        )
        self.request_seconds: Histogram = Histogram(
            "capi_relay_http_request_duration_seconds",
            "Time from a complete HTTP request to its response.",
            ("kind",),
            buckets=HTTP_SECONDS,
            registry=registry,
        )
        self.wakeups: Counter = Counter(
            "capi_relay_wakeups",
            "Messages that wake a worker, by whether the broker took them.",
            ("task", "result"),
            registry=registry,
        )
        self.tasks: Counter = Counter(
            "capi_relay_tasks",
            "Runs of background tasks.",
            ("task", "result"),
            registry=registry,
        )
        self.task_seconds: Histogram = Histogram(
            "capi_relay_task_duration_seconds",
            "How long background tasks ran.",
            ("task",),
            buckets=TASK_SECONDS,
            registry=registry,
        )
        self._gauges: dict[str, Gauge] = {
            name: Gauge(
                f"capi_relay_process_{name}", text, ("role",), registry=registry,
                multiprocess_mode="liveall",
            )
            for name, text in (
                ("cpu_seconds", "Processor time used by a process."),
                ("resident_memory_bytes", "Memory that a process holds."),
                ("open_fds", "Files and sockets that a process has open."),
                ("threads", "Threads of a process."),
                ("start_time_seconds", "When a process started, as a Unix time."),
            )
        }  # fmt: skip
        self._role = role
        self._started_at = time.time()
        self.report()
        threading.Thread(target=self._go_on_reporting, name="metrics", daemon=True).start()

    def report(self) -> None:
        """Write what the process is like now, and touch its files."""
        found = {
            "cpu_seconds": time.process_time(),
            "resident_memory_bytes": float(_resident_bytes()),
            "open_fds": float(_open_files()),
            "threads": float(threading.active_count()),
            "start_time_seconds": self._started_at,
        }
        for name, value in found.items():
            self._gauges[name].labels(self._role).set(value)
        for path in self.folder.glob(f"*_{_identifier()}.db"):
            with contextlib.suppress(OSError):
                os.utime(path)

    def _go_on_reporting(self) -> None:
        while True:
            time.sleep(REPORT_SECONDS)
            self.report()


_meters: _Meters | None = None


def start(folder: Path, role: str) -> None:
    """Count from here on, as a process of this ``role`` (web, worker); once for each process."""
    global _meters
    if _meters is None:
        _meters = _Meters(folder, role)


def note_request(kind: str, status: int, seconds: float) -> None:
    """An HTTP request was answered. ``kind``: ingest, pages or probes."""
    if _meters is not None:
        _meters.requests.labels(kind, str(status)).inc()
        _meters.request_seconds.labels(kind).observe(seconds)


def note_wakeup(task: str, succeeded: bool) -> None:
    """A message for a worker was sent, or could not be."""
    if _meters is not None:
        _meters.wakeups.labels(_short(task), "sent" if succeeded else "failed").inc()


def note_task(task: str, succeeded: bool, seconds: float) -> None:
    """A background task has ended."""
    if _meters is not None:
        name = _short(task)
        _meters.tasks.labels(name, "succeeded" if succeeded else "failed").inc()
        _meters.task_seconds.labels(name).observe(seconds)


def read_all(folder: Path, now: float) -> Iterable[Metric]:
    """What all processes counted, added up; ``now``: Unix time."""
    from prometheus_client.metrics_core import CounterMetricFamily
    from prometheus_client.multiprocess import MultiProcessCollector

    files = [
        str(path)
        for path, touched_at in _files(folder)
        if not path.name.startswith("gauge_live") or now - touched_at < DEAD_AFTER_SECONDS
    ]
    for family in MultiProcessCollector.merge(files, accumulate=True):  # type: ignore[no-untyped-call]
        if family.name == _CPU:  # gauges are told apart by process; this one only ever grows
            counter = CounterMetricFamily(_CPU, family.documentation)
            for sample in family.samples:
                counter.add_sample(f"{_CPU}_total", sample.labels, sample.value)
            yield counter
        else:
            yield family


def remove_old(folder: Path) -> None:
    """Remove the files of processes that ended more than a day ago."""
    for path, touched_at in _files(folder):
        if time.time() - touched_at > KEPT_SECONDS:
            path.unlink(missing_ok=True)


def remove_all(folder: Path) -> None:
    """Begin anew; for when no process of this folder runs."""
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> Iterable[tuple[Path, float]]:
    for path in sorted(folder.glob("*.db")):
        with contextlib.suppress(FileNotFoundError):
            yield path, path.stat().st_mtime


def _identifier() -> str:
    """Of this process, also where two machines or containers share the folder."""
    return f"{socket.gethostname().replace('_', '-')}-{os.getpid()}"


def _short(task: str) -> str:
    return task.rpartition(".")[2]


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:  # not Linux: the most it ever had
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()


def _open_files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(folder))
    return 0
