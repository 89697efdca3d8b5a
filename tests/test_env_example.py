"""`.env.example` names every variable, with the default that it really has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from launcher.commands import read_options
from tests.variables import BASE_DIR, settings_variables, supervisor_variables

EXAMPLE = dict(
    re.findall(r"^#([A-Z_]+)=(.*)$", (BASE_DIR / ".env.example").read_text("utf-8"), re.MULTILINE)
)
ELSEWHERE = {
    "DJANGO_SUPERUSER_USERNAME",
    "DJANGO_SUPERUSER_PASSWORD",
    "DJANGO_SUPERUSER_EMAIL",
    "PYTHON",
    "POSTGRES_PASSWORD",
    "RELAY_HOST",
    "COMMIT",
}


def settings_in_a_new_process(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Every setting that the product has with these variables alone."""
    script = (
        "import json\n"
        "from capi_project import settings as s\n"
        "found = {n: getattr(s, n) for n in dir(s) if n.isupper() and n != 'UNFOLD'}\n"
        "print(json.dumps(found, default=str))\n"
    )
    secrets = {"SECRET_KEY": "x", "TOKEN_ENCRYPTION_KEYS": "A" * 43 + "="}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "capi_project.settings",
            **variables,
            "CAPI_DATA_DIR": str(folder),
            **secrets,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_variable_is_in_the_example_and_no_other() -> None:
    assert set(EXAMPLE) == settings_variables() | supervisor_variables() | ELSEWHERE


def test_the_values_of_the_example_are_the_defaults(tmp_path: Path) -> None:
    given = {name: value for name, value in EXAMPLE.items() if value}
    assert settings_in_a_new_process(tmp_path, given) == settings_in_a_new_process(tmp_path, {})


def test_the_values_for_bin_run_are_the_defaults() -> None:
    assert read_options(EXAMPLE) == read_options({})


def test_the_data_folder_of_the_example_is_the_one_in_the_repository() -> None:
    assert EXAMPLE["CAPI_DATA_DIR"] == "./data"
