"""What is installed: a lock with hashes, licenses that MIT allows, and nothing missing.

`bin/test` makes .venv-product, which has what requirements.txt pins and nothing else, and names its
Python (TEST_PRODUCT_PYTHON): every module of the product is imported there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.known_flaws import CLEAN, FLAWED, NOT_SCANNED, judge
from tests.licenses import LOCKED, LOCKS, is_allowed, license_of, locked
from tests.stack import PRODUCT_PYTHON
from tests.variables import BASE_DIR, settings_variables

NOT_THE_PRODUCT = {"tests", "benchmarks", "bin", "docs", "node_modules"}


def declared(name: str) -> dict[str, Requirement]:
    lines = (BASE_DIR / f"{name}.in").read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(one.name): one for one in found}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_the_lock_is_a_pin_with_hashes(name: str) -> None:
    text = (BASE_DIR / f"{name}.txt").read_text("utf-8")
    assert re.sub(r"^ *#.*\n", "", LOCKED.sub("", text), flags=re.M) == ""
    assert len(locked(name)) > (30 if name in ("requirements", "requirements-dev") else 2)


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_holds_what_is_declared(name: str) -> None:
    """Who changes requirements.in runs bin/lock."""
    pins = locked(name)
    assert {one: str(pins[one].specifier) if one in pins else None for one in declared(name)} == {
        one: str(wanted.specifier) for one, wanted in declared(name).items()
    }


def test_the_tests_run_on_the_versions_that_users_get() -> None:
    product, development = locked("requirements"), locked("requirements-dev")
    assert product.items() <= development.items()


@pytest.mark.parametrize("name", sorted(locked("requirements-dev")))
def test_the_license_of_each_package_allows_mit(name: str) -> None:
    license = license_of(name)
    assert is_allowed(license), f"{name}: {license or 'no license in its metadata'}"


def test_a_license_that_binds_the_whole_is_refused() -> None:
    for license in ("GPL-3.0-only", "AGPL-3.0", "GNU General Public License v3 (GPLv3)"):
        assert not is_allowed(license), license
    for license in ("LGPL-3.0-only", "GNU Lesser General Public License v3 (LGPLv3)"):
        assert is_allowed(license), license


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([], NOT_SCANNED, "could not be reached"),
        (
            [{"name": "django", "skip_reason": "not found"}],
            NOT_SCANNED,
            "no entry for 1 of 1 packages",
        ),
        ([{"name": "django", "version": "5.2.1", "vulns": []}], CLEAN, "0 known vulnerabilities"),
        (
            [
                {"name": "attrs", "skip_reason": "not found"},
                {
                    "name": "django",
                    "version": "5.2.1",
                    "vulns": [{"id": "CVE-1", "fix_versions": ["5.2.2"]}],
                },
            ],
            FLAWED,
            "django 5.2.1: CVE-1, fixed in 5.2.2",
        ),
    ],
)
def test_a_scan_that_looked_up_nothing_is_no_clean_bill(
    packages: list[dict[str, Any]], status: int, said: str
) -> None:
    found, lines = judge({"dependencies": packages})
    assert found == status
    assert said in "\n".join(lines)
    assert judge(None)[0] == NOT_SCANNED


def product_modules() -> Iterator[str]:
    """Every module of every folder at the top that holds Python, by what lies there."""
    for folder in sorted(BASE_DIR.iterdir()):
        if folder.name[0] == "." or folder.name in NOT_THE_PRODUCT or not any(folder.glob("*.py")):
            continue
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(BASE_DIR).with_suffix("").parts
            if parts[-1] != "__main__":
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


IMPORT_ALL = """
import importlib, json, sys
from importlib import metadata
import django
django.setup()
failed = {}
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
import kombu, django.db.backends.postgresql.base, django.core.cache.backends.redis
for url in ("redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0", "amqp://127.0.0.1:1//"):
    try:
        kombu.Connection(url).transport
    except Exception as error:
        failed[url] = f"{type(error).__name__}: {error}"
names = [one.metadata["Name"] for one in metadata.distributions()]
print(json.dumps([failed, sys.version.split()[0], names]))
"""


@pytest.mark.product
def test_every_module_can_be_imported_with_what_users_install(tmp_path: Path) -> None:
    modules = list(product_modules())
    assert {"capi_project.wsgi", "deliveries.tasks", "launcher.supervisor"} <= set(modules)
    environment = {
        "PATH": "/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "capi_project.settings",
        "CAPI_DATA_DIR": str(tmp_path),
    }
    assert "CAPI_DATA_DIR" in settings_variables()
    done = subprocess.run(
        [PRODUCT_PYTHON, "-c", IMPORT_ALL],
        cwd=BASE_DIR,
        env=environment,
        input=json.dumps(modules),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    failed, version, installed = json.loads(done.stdout.splitlines()[-1])
    assert failed == {}
    assert {canonicalize_name(name) for name in installed} - {"pip", "setuptools"} == set(
        locked("requirements", version)
    )
    assert sys.executable != PRODUCT_PYTHON
