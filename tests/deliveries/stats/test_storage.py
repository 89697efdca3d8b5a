"""Probes are told the truth about a disk that is full: by writing, and by what ingest met."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from deliveries.models import Heartbeat
from deliveries.stats import health, storage
from tests.deliveries.no_room import read_only
from tests.factories import make_event, make_source


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> storage.StorageWatch:
    fresh = storage.StorageWatch()
    monkeypatch.setattr(storage, "watch", fresh)
    return fresh


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each probe looks for itself."""
    monkeypatch.setattr(storage, "LOOK_AGAIN_SECONDS", 0.0)


def ask_health() -> tuple[int, bytes]:
    response = Client().get("/health")
    return response.status_code, response.content


def send() -> int:
    return (
        Client()
        .post("/v1/track?writeKey=shop-key", make_event(), content_type="application/json")
        .status_code
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("at_once")
def test_health_says_no_from_the_first_event_that_cannot_be_stored_until_one_can() -> None:
    make_source(write_key="shop-key")
    assert send() == 200
    assert ask_health()[0] == 200
    with read_only():
        assert ask_health()[0] == 200  # while all is well it writes no row
        assert send() == 503
        for _ in range(2):
            assert ask_health() == (503, b"events can't be stored at the moment\n")
    assert ask_health()[0] == 200
    assert send() == 200


@pytest.mark.django_db(transaction=True)
def test_readiness_writes_each_time() -> None:
    Heartbeat.objects.create(name=health.SWEEP, seen_at=timezone.now())
    for _ in range(2):
        answer = health.check_readiness(timezone.now())
        assert (answer["ready"], answer["storage"]["ok"]) == (True, True)
    with read_only():
        answer = health.check_readiness(timezone.now())
    assert (answer["ready"], answer["database"]["ok"]) == (False, True)
    assert answer["storage"]["ok"] is False


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota"), OperationalError("full")],
)
def test_health_says_no_before_an_event_has_come_if_a_file_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(storage, "write_file", fail)
    assert ask_health()[0] == 503


@pytest.mark.django_db
def test_a_file_is_written_where_files_are_used_and_none_stays(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "filesystem://localhost"
    before = sorted(path.name for path in settings.DATA_DIR.iterdir())
    storage.write_file()
    assert sorted(path.name for path in settings.DATA_DIR.iterdir()) == before
    settings.DATA_DIR = settings.DATA_DIR / "not-there"
    with pytest.raises(FileNotFoundError):
        storage.write_file()


def test_probes_that_come_often_share_a_look(
    watch: storage.StorageWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    monkeypatch.setattr(storage, "write_file", lambda: looks.append("file"))
    monkeypatch.setattr(storage, "write_all", lambda: looks.append("all"))
    now = 100.0
    monkeypatch.setattr(storage.time, "monotonic", lambda: now)
    watch._looked_at = 0.0
    assert [watch.is_fine() for _ in range(3)] == [True] * 3
    assert looks == ["file"]
    watch.note_failure()
    assert [watch.is_fine() for _ in range(3)] == [True] * 3  # it did not last
    assert looks == ["file", "all"]
    now = 105.0
    assert watch.is_fine() is True
    assert looks == ["file", "all", "file"]
