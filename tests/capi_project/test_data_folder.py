"""Personal data and keys are this user's alone, whatever made the folder and with which umask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from capi_project.data_folder import protect
from tests.variables import BASE_DIR, settings_variables

USE_ALL = """
import django
django.setup()
from django.core.cache import cache, caches
from destinations.models import Source
from deliveries.engine.wakeups import wake
cache.set("a", 1)
caches["logins"].set("a", 1)
wake([1], at_once=True)
Source.objects.create(name="Shop")
"""


def run(data: Path, *command: str) -> None:
    """A command with the embedded setup, from a shell with the usual umask."""
    unwanted = settings_variables()
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {
        "CAPI_DATA_DIR": str(data),
        "DJANGO_SETTINGS_MODULE": "capi_project.settings",
    }
    subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env=environment,
        check=True,
        capture_output=True,
        umask=0o022,
    )


def open_to_others(folder: Path) -> dict[str, str]:
    """Whatever group or others may do something with, the folder as well: name → mode."""
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}
    return {
        str(path.relative_to(folder)): oct(mode) for path, mode in modes.items() if mode & 0o077
    }


def test_migrate_before_the_first_start_and_all_that_follows_is_closed_to_others(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    run(data, "manage.py", "migrate", "--verbosity", "0")
    run(data, "-c", USE_ALL)
    made = {path.relative_to(data).parts[0] for path in data.rglob("*")}
    assert {"secret_key", "token_encryption_keys", "capi_relay.sqlite3", "broker", "cache"} <= made
    assert list((data / "broker" / "queue").iterdir())
    assert open_to_others(data) == {}


def test_what_an_older_version_left_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run(data, "manage.py", "migrate", "--verbosity", "0")
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for ending in ("-wal", "-shm"):
        (data / f"capi_relay.sqlite3{ending}").touch(mode=0o644)

    run(data, "-c", "import django; django.setup()")

    # In a closed folder.
    below = {"broker/queue", "broker/control", "cache/logins"}
    assert set(open_to_others(data)) <= below


def test_an_empty_folder_made_by_hand_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    (data / "lost+found").mkdir(mode=0o700)
    protect(data)
    assert open_to_others(data) == {}


def test_a_folder_of_others_is_left_alone_but_for_what_is_ours(tmp_path: Path) -> None:
    data = tmp_path / "srv"
    data.mkdir()
    data.chmod(0o755)  # mkdir's own mode goes through the umask of these tests
    for name in ("secret_key", "index.html", "capi_relay.sqlite3"):
        (data / name).touch()
        (data / name).chmod(0o644)
    protect(data)
    assert open_to_others(data) == {".": "0o755", "index.html": "0o644"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    mounted = tmp_path / "mounted"
    mounted.touch()
    mounted.chmod(0o644)
    (data / "secret_key").symlink_to(mounted)
    protect(data)
    assert stat.S_IMODE(mounted.stat().st_mode) == 0o644


def test_a_database_elsewhere_is_closed_with_what_lies_beside_it(tmp_path: Path) -> None:
    database = tmp_path / "elsewhere" / "relay.sqlite3"
    database.parent.mkdir()
    for ending in ("", "-wal", "-shm"):
        Path(f"{database}{ending}").touch()
        Path(f"{database}{ending}").chmod(0o664)
    protect(tmp_path / "not-there", database)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in database.parent.iterdir()} == {
        f"relay.sqlite3{ending}": "0o600" for ending in ("", "-wal", "-shm")
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")
def test_what_belongs_to_another_user_stops_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        script = (
            "import os, sys; from pathlib import Path; "
            "from capi_project.data_folder import protect; "
            "os.setgid(54321); os.setuid(54321); protect(Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", script, folder], cwd=BASE_DIR, check=True)
        assert oct(data.stat().st_mode & 0o777) == "0o755"
