"""What is installed: a lock with hashes, licences that MIT allows, and nothing missing.

`bin/test` makes .venv-product, which has what requirements.txt pins and nothing else, and names its
Python (TEST_PRODUCT_PYTHON): every module of the product is imported there.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.stack import PRODUCT_PYTHON
from tests.variables import BASE_DIR, settings_variables

NOT_THE_PRODUCT = {"tests", "benchmarks", "bin", "docs", "node_modules"}
LOCKS = ("requirements", "requirements-dev")
LOCKED = re.compile(
    r"^(\S+==\S+)(?: ; ([^\\]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)

# Licences under which a package may be a dependency of an MIT project. LGPL (psycopg) and MPL
# (certifi) bind who changes the package itself.
ALLOWED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|MPL|Mozilla|LGPL|Lesser", re.I
)
FORBIDDEN = re.compile(r"(?<!L)(?<!Lesser )GPL|AGPL|Affero|SSPL|BUSL|Proprietary|Commercial", re.I)


def locked(name: str, python: str = platform.python_version()) -> dict[str, Requirement]:
    """The pins of a lock that apply to a version of Python, by canonical name."""
    text = (BASE_DIR / f"{name}.txt").read_text("utf-8")
    pins = [
        Requirement(f"{pin}; {marker}" if marker else pin)
        for pin, marker, _ in LOCKED.findall(text)
    ]
    return {
        canonicalize_name(pin.name): pin
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({"python_full_version": python})
    }


def declared(name: str) -> dict[str, Requirement]:
    lines = (BASE_DIR / f"{name}.in").read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(one.name): one for one in found}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_the_lock_is_a_pin_with_hashes(name: str) -> None:
    text = (BASE_DIR / f"{name}.txt").read_text("utf-8")
    assert re.sub(r"^ *#.*\n", "", LOCKED.sub("", text), flags=re.M) == ""
    assert len(locked(name)) > 30


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


def licence_of(name: str) -> str:
    about = metadata.metadata(name)
    classifiers = [
        line.rsplit(" :: ", 1)[1]
        for line in about.get_all("Classifier") or []
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    # Some put the whole text of the licence into the field.
    named = about.get("License-Expression") or " ".join(classifiers)
    return named or (about.get("License") or "").split("\n")[0]


@pytest.mark.parametrize("name", sorted(locked("requirements")))
def test_the_licence_of_each_package_allows_mit(name: str) -> None:
    licence = licence_of(name)
    assert ALLOWED.search(licence), f"{name}: {licence or 'no licence in its metadata'}"
    assert not FORBIDDEN.search(licence), f"{name}: {licence}"


def test_a_licence_that_binds_the_whole_is_refused() -> None:
    for licence in ("GPL-3.0-only", "AGPL-3.0", "GNU General Public License v3 (GPLv3)"):
        assert FORBIDDEN.search(licence), licence
    for licence in ("LGPL-3.0-only", "GNU Lesser General Public License v3 (LGPLv3)"):
        assert not FORBIDDEN.search(licence), licence


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
print(json.dumps([failed, sys.version.split()[0], [one.metadata["Name"] for one in metadata.distributions()]]))
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
