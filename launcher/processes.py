"""Child processes of the supervisor: each in its own process group, its output labelled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launcher.restarts import RestartPolicy

PARENT_WATCH = Path(__file__).with_name("parent_watch.py")
BASE_DIR = PARENT_WATCH.parent.parent
LINES_KEPT = 30


class Child:
    """One long-running command: started, watched, stopped, started again.

    ``show(name, line)`` gets every line of its output. ``restart_at`` is when it will be started
    again, on the clock that the restart policy is told; None while it runs.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        show: Callable[[str, str], None],
        policy: RestartPolicy | None = None,
    ) -> None:
        self.name = name
        self.policy = policy or RestartPolicy()
        self.restart_at: float | None = None
        self.last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._command = list(command)
        self._environment = dict(environment)
        self._show = show
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C reaches the supervisor alone."""
        self.restart_at = None
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(PARENT_WATCH), str(os.getpid()), *self._command],
            cwd=BASE_DIR,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def exit_status(self) -> int | None:
        """Its exit status once it has ended (negative: the signal), None while it runs."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, waiting up to ``seconds``."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=max(0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def clear_away(self) -> None:
        """Kill what is left of its process group, and read its last words."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._reader is not None:
            self._reader.join(timeout=1)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                text = line.rstrip()
                if text:
                    self.last_lines.append(text)
                    self._show(self.name, text)
