"""SDKs of servers, each in a process of its own: the snippet and the calls after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, Self

from tests.sdk.install import install_npm_sdks, install_python_sdk
from tests.sdk.kits import Sdk


class ProgramFailed(Exception):
    """It ended, or did not say what was awaited; the text is what it wrote."""


class Program:
    """A running SDK. Its lines are ``phase done`` and ``done``."""

    def __init__(self, sdk: Sdk, source: str, trial: dict[str, Any]) -> None:
        environment = {"PATH": os.environ["PATH"]}
        if sdk.language == "python":
            folder = Path(tempfile.mkdtemp(prefix="capi-relay-sdk-"))
            self._file = folder / "program.py"
            environment["PYTHONPATH"] = str(install_python_sdk(sdk.requirements))
            command = [sys.executable, str(self._file)]
        else:
            # Below node_modules, so that imports of packages are found.
            folder = Path(tempfile.mkdtemp(prefix=".program-", dir=install_npm_sdks()))
            self._file = folder / "program.mjs"
            command = ["node", str(self._file)]
        self._file.write_text(source, encoding="utf-8")
        self._process = subprocess.Popen(
            [*command, json.dumps(trial)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            bufsize=1,
        )
        self._queue: Queue[str | None] = Queue()
        self._written: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._file.unlink()
        self._file.parent.rmdir()

    def wait_for(self, line: str, seconds: float) -> None:
        """Raises ProgramFailed."""
        while True:
            try:
                written = self._queue.get(timeout=seconds)
            except Empty:
                raise ProgramFailed(f"no {line!r} in {seconds} s:\n{self.output}") from None
            if written == line:
                return
            if written is None:
                raise ProgramFailed(f"ended before {line!r}:\n{self.output}")

    def wait_for_end(self, seconds: float) -> None:
        """Until it is done and has ended well. Raises ProgramFailed."""
        self.wait_for("done", seconds)
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProgramFailed(f"did not end in {seconds} s:\n{self.output}") from None
        if status:
            raise ProgramFailed(f"ended with {status}:\n{self.output}")

    def go_on(self) -> None:
        """Start the next phase."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    @property
    def output(self) -> str:
        return "\n".join(self._written)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._written.append(line.rstrip("\n"))
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)
