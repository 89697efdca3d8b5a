"""The environment that `bin/run` and `bin/test` make: once, again when the pins change, or a word
why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.variables import BASE_DIR


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with bin/venv.sh and requirements that need no index."""
    (tmp_path / "bin").mkdir()
    shutil.copy(BASE_DIR / "bin" / "venv.sh", tmp_path / "bin")
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\n")
    return tmp_path


def make_venv(
    clone: Path, requirements: str = "requirements.txt", **variables: str
) -> subprocess.CompletedProcess[str]:
    script = f'set -eu; . bin/venv.sh; make_venv {requirements}; echo "with $python"'
    return subprocess.run(
        ["sh", "-c", script],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_made_once_and_a_changed_pin_is_installed_into_it(clone: Path) -> None:
    first = make_venv(clone)
    assert first.stderr.startswith("Creating .venv with Python 3.")
    assert "Installing the packages of requirements.txt" in first.stderr
    mark = clone / ".venv" / "mark"
    mark.touch()

    assert make_venv(clone).stderr == ""

    (clone / "requirements.txt").write_text("# something else\n")
    again = make_venv(clone)
    assert "Making" not in again.stderr
    assert "Installing the packages of requirements.txt" in again.stderr
    assert make_venv(clone).stderr == ""

    assert (
        "Installing the packages of requirements-dev.txt"
        in make_venv(clone, "requirements-dev.txt").stderr
    )
    assert make_venv(clone, "requirements-dev.txt").stderr == ""
    assert make_venv(clone).stderr == ""
    assert mark.exists()


def test_an_installation_that_was_cut_short_is_done_again(clone: Path) -> None:
    (clone / "requirements.txt").write_text("no-such-package-for-capi-relay==1\n")
    failed = make_venv(clone, PIP_NO_INDEX="1")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == (
        "The packages in requirements.txt could not be installed. Can this machine reach a Python "
        "package index? (pip's last output is above; set PIP_INDEX_URL to use another index.)"
    )
    (clone / "requirements.txt").write_text("# nothing\n")
    assert "Installing the packages of requirements.txt" in make_venv(clone).stderr


def test_a_python_without_venv_is_one_sentence(clone: Path) -> None:
    python = clone / "python3"
    python.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    done = make_venv(clone, PYTHON=str(python))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"{python} has no venv module. Install it (Debian and Ubuntu: apt-get install "
        "python3-venv), then try again."
    )
