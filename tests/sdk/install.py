"""Installs the pinned SDKs once, each set in a folder of its own, and makes the browser bundles.

The Python SDKs pin each other's dependencies differently, so every requirements file gets a folder
below ``sdk`` of this virtual environment. The npm packages lie in ``tests/sdk/node_modules``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE / "node_modules"


class InstallationFailed(Exception):
    """The package manager could not do it; the text is its last words."""


def install_python_sdk(name: str) -> Path:
    """The folder that holds what ``requirements-<name>.txt`` pins, to be put on PYTHONPATH."""
    requirements = HERE / f"requirements-{name}.txt"
    stamp = _stamp(requirements, sys.version)
    folder = Path(sys.prefix) / "sdk" / f"{name}-{stamp[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder.parent))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        _run([*command, "--target", str(fresh), "--no-deps", "-r", str(requirements)])
    except InstallationFailed:
        shutil.rmtree(fresh)
        raise
    try:
        fresh.rename(folder)  # complete or not there
    except OSError:
        shutil.rmtree(fresh)  # another run was first
        if not folder.is_dir():
            raise
    return folder


def install_npm_sdks() -> Path:
    """``node_modules`` as package-lock.json says, made by ``npm ci`` when the lock has changed."""
    stamp = _stamp(HERE / "package-lock.json", "")
    stamp_file = NODE_MODULES / ".capi-relay-stamp"
    # The passes of bin/test run side by side: the second waits here for the first.
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp_file.is_file() or stamp_file.read_text() != stamp:
            _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            stamp_file.write_text(stamp)
    return NODE_MODULES


def bundle(programs: dict[str, str]) -> dict[str, str]:
    """Browser programs (name -> module source) as scripts that a page can load."""
    with tempfile.TemporaryDirectory(dir=NODE_MODULES) as folder:
        for name, source in programs.items():
            (Path(folder) / f"{name}.mjs").write_text(source, encoding="utf-8")
        _run(
            [
                str(NODE_MODULES / ".bin" / "esbuild"),
                *(f"{folder}/{name}.mjs" for name in programs),
                f"--outdir={folder}/out",
                "--bundle",
                "--format=iife",
                "--log-level=error",
            ]
        )
        return {
            name: (Path(folder) / "out" / f"{name}.js").read_text(encoding="utf-8")
            for name in programs
        }


def _stamp(path: Path, more: str) -> str:
    return hashlib.sha256(path.read_bytes() + more.encode()).hexdigest()


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, timeout=280, env=os.environ
    )
    if done.returncode:
        raise InstallationFailed(f"{command[0]}: {(done.stderr or done.stdout)[:2000]}")
