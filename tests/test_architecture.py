"""The law of the layout: who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
PACKAGES = (
    "accounts",
    "admin_base",
    "brokers",
    "capi_project",
    "deliveries",
    "destinations",
    "launcher",
    "webserver",
)
MAX_LINES = 500
LONGER_FILES = {"destinations/models.py": 600}
"""Django finds the models of an app in one module: to part it would be to export them again."""
PURE_PACKAGES = ("requests", "urllib3", "orjson", "re2", "crawlerdetect")
"""What the Conversions API without Django may use: all of it is without a clock or a database."""
CODE = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    """A row of the picture: where it stands, and the places of the rows it may import."""

    place: int
    allowed: frozenset[int]


def source_files(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (BASE_DIR / folder).rglob("*.py")
        if not {"migrations", "node_modules", "__pycache__"} & set(path.parts)
    )


def module_name(path: Path) -> str:
    parts = path.relative_to(BASE_DIR).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, with relative imports resolved."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_within(module: str, *packages: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in packages)


def offences(files: list[Path], *forbidden: str, but: tuple[str, ...] = ()) -> list[str]:
    """``file imports module`` for each import of a forbidden package."""
    return sorted(
        {
            f"{path.relative_to(BASE_DIR)} imports {module}"
            for path in files
            for module in imports_of(path)
            if is_within(module, *forbidden) and not is_within(module, *but)
        }
    )


def layout() -> dict[str, Row]:
    """Module or package → its row in the table of docs/architecture.md, in the table's order."""
    document = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = document.partition("\n## Where things are\n")[2].partition("\n## ")[0]
    rows: dict[str, Row] = {}
    short_names: dict[str, int] = {}
    for place, line in enumerate(re.findall(r"^\| (`.+) \|$", section, re.MULTILINE)):
        paths, _, imports = (cell.strip() for cell in line.split(" | "))
        names = [path.removesuffix("/").removesuffix(".py") for path in CODE.findall(paths)]
        folder = names[0].rpartition("/")[0]
        allowed = frozenset(short_names[name] for name in CODE.findall(imports))
        for name in names:
            full = name if name == names[0] or not folder else f"{folder}/{name}"
            rows[full.replace("/", ".")] = Row(place, allowed)
            short_names[name.rpartition("/")[2]] = place
    return rows


def row_of(module: str, rows: dict[str, Row]) -> Row | None:
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        if (found := rows.get(".".join(parts[:count]))) is not None:
            return found
    return None


def test_every_package_is_in_the_picture_of_the_layout() -> None:
    packages = {
        module_name(path)
        for path in source_files(*PACKAGES, "pinterest_sandbox")
        if path.name == "__init__.py" and path.parent.name != "commands"
    } - {"deliveries", "destinations.management", "accounts.management"}
    assert packages - set(layout()) == set()


def test_modules_import_only_what_the_picture_of_the_layout_allows() -> None:
    """A row can only name rows above it (``layout`` fails else), so there is no circle."""
    rows = layout()
    assert len(rows) > 20
    wrong = []
    for path in source_files(*PACKAGES, "pinterest_sandbox"):
        own = row_of(module_name(path), rows)
        if own is None:  # deliveries/__init__.py holds nothing
            assert path.read_text(encoding="utf-8") == ""
            continue
        for module in imports_of(path):
            row = row_of(module, rows)
            if row is not None and row.place != own.place and row.place not in own.allowed:
                wrong.append(f"{path.relative_to(BASE_DIR)} imports {module}")
    assert wrong == []


def test_the_steps_of_an_event_name_what_is_there() -> None:
    document = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = document.partition("\n## One event, file by file\n")[2].partition("\n## ")[0]
    steps = re.findall(r"`([a-z_/]+\.py)`: `(\w+)`", section)
    assert len(steps) > 20
    missing = [
        f"{file}: {name}"
        for file, name in steps
        if not re.search(rf"^(?:def|class) {name}\b", (BASE_DIR / file).read_text("utf-8"), re.M)
    ]
    assert missing == []


@pytest.mark.parametrize("package", ["destinations.pinterest", "pinterest_sandbox"])
def test_the_folders_that_the_rules_speak_of_are_there(package: str) -> None:
    assert source_files(package.replace(".", "/"))


def test_the_pinterest_package_imports_only_the_standard_library_and_a_few_packages() -> None:
    outsiders = sorted(
        {
            f"{path.relative_to(BASE_DIR)} imports {module}"
            for path in source_files("destinations/pinterest")
            for module in imports_of(path)
            if module.split(".")[0] not in {*sys.stdlib_module_names, *PURE_PACKAGES, "__future__"}
            and not is_within(module, "destinations.pinterest")
        }
    )
    assert outsiders == []


def test_the_pinterest_package_can_be_imported_without_django() -> None:
    modules = [module_name(path) for path in source_files("destinations/pinterest")]
    script = (
        "import sys\n"
        "sys.modules['django'] = None\n"
        f"for name in {modules!r}:\n"
        "    __import__(name)\n"
        "assert not [name for name in sys.modules if name.startswith(('celery', 'django.'))]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_sandbox_shares_no_code_with_what_it_judges() -> None:
    others = (*PACKAGES, "django")
    assert offences(source_files("pinterest_sandbox"), *others) == []


def test_nothing_but_its_command_and_the_supervisor_uses_the_sandbox() -> None:
    files = [
        path
        for path in source_files(*PACKAGES)
        if "sandbox" not in path.parts and path.name != "pinterest_sandbox.py"
    ]
    assert offences(files, "pinterest_sandbox") == []


def test_the_retry_policy_knows_no_orm_no_clock_and_no_settings() -> None:
    forbidden = ("django", "celery", "time", "deliveries.models", "capi_project")
    assert offences([BASE_DIR / "deliveries" / "engine" / "retry.py"], *forbidden) == []


def test_only_connections_and_dispatch_know_both_the_client_and_the_orm() -> None:
    """Reply and NoReply are values that anyone may read; sending is what is kept in one place."""
    client = ("destinations.pinterest.client.PinterestClient", "requests")
    users = {
        str(path.relative_to(BASE_DIR))
        for path in source_files(*PACKAGES)
        if not {"pinterest", "sandbox"} & set(path.relative_to(BASE_DIR).parts)
        and any(is_within(module, *client) for module in imports_of(path))
    }
    assert users <= {"destinations/connections.py", "deliveries/engine/dispatch.py"}


def test_only_one_module_sends_alerts() -> None:
    """Apprise and urllib3 reach out; the classes of Apprise are chosen in ``channels``."""
    users = {
        str(path.relative_to(BASE_DIR))
        for path in source_files(*PACKAGES)
        if any(is_within(module, "apprise", "urllib3") for module in imports_of(path))
        and "pinterest" not in path.parts
    }
    assert users == {"deliveries/alerts/channels.py", "deliveries/alerts/sending.py"}


def test_ingest_does_not_send() -> None:
    modules = ("dispatch", "claims", "settlement")
    senders = (*(f"deliveries.engine.{name}" for name in modules), "requests")
    assert offences(source_files("deliveries/ingest"), *senders) == []


def test_a_worker_loads_no_page(tmp_path: Path) -> None:
    """The admin, its forms and the ingest API are ten megabytes that no worker needs."""
    script = (
        "import sys, django; django.setup()\n"
        "from capi_project.celery import app\n"
        "app.loader.import_default_modules()\n"
        "assert 'deliveries.tasks.deliver' in app.tasks\n"
        "pages = ('capi_project.urls', 'deliveries.admin', 'destinations.admin', 'unfold.sites',\n"
        "         'destinations.forms', 'deliveries.ingest', 'rest_framework.views')\n"
        "print([name for name in pages if name in sys.modules])\n"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "capi_project.settings",
        "CAPI_DATA_DIR": str(tmp_path),
        "CELERY_SKIP_CHECKS": "true",  # what --skip-checks sets
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_no_code_uses_signals_of_the_orm() -> None:
    forbidden = ("django.db.models.signals", "django.dispatch")
    assert offences(source_files(*PACKAGES), *forbidden) == []


def test_no_file_is_longer_than_500_lines() -> None:
    files = source_files(*PACKAGES, "pinterest_sandbox", "tests", "bin")
    too_long = {
        str(path.relative_to(BASE_DIR)): count
        for path in files
        if (count := len(path.read_text(encoding="utf-8").splitlines()))
        > LONGER_FILES.get(str(path.relative_to(BASE_DIR)), MAX_LINES)
    }
    assert too_long == {}
