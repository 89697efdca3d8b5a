"""What lies on the disk: who can read it, what stays in it too long, and when it is full."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import requests

from benchmarks.ports import free_port
from destinations.first_start import DEMO_WRITE_KEY
from tests.capi_project.test_data_folder import open_to_others, run
from tests.factories import make_event
from tests.outsider import CannotMount, drafts, fill_disk, small_disk
from tests.security.target import INDEX, Row, Target, answers, running
from tests.stack import PRODUCT_PYTHON, Stack
from tests.variables import settings_variables

ADDRESS = "rosalind.franklin@kings.example"
GIVEN = """
import json, sys
given = json.loads(sys.stdin.read())
"""
PRUNE = """
from django.core.management import call_command
call_command("prune")
"""
AGE = """
from datetime import timedelta
from django.conf import settings
from django.utils import timezone
from deliveries.models import Attempt, Batch, Delivery, Event, Refusal
then = timezone.now() - timedelta(days=settings.BODY_RETENTION_DAYS + 1)
said = {"error_message": f"Invalid value of {given['address']}"}
events = Event.objects.filter(source_id=given["source_id"])
deliveries = Delivery.objects.filter(event__in=events)
Attempt.objects.filter(delivery__in=deliveries).update(**said)
warnings = [{"code": "email_invalid", "field": "", "message": given["address"]}]
deliveries.update(created_at=then, settled_at=then, warnings=warnings, **said)
Batch.objects.filter(destination_id=given["destination_id"]).update(sent_at=then, **said)
Refusal.objects.filter(source_id=given["source_id"]).update(
    received_at=then, excerpt=given["address"], message=given["address"]
)
events.update(received_at=then)
"""
PLACES = """
from deliveries.models import SearchKey
from tests.deliveries.whole_database import places_of
keys = SearchKey.objects.filter(event__source_id=given["source_id"]).count()
print(json.dumps([sorted(places_of([given["address"]])), keys]))
"""


def known_write_key(target: Target) -> Iterator[Row]:
    """7: the key from the README on a host that others can reach."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        unwanted = settings_variables() | {"HOST", "WEB_THREADS", "WORKER_THREADS"}
        environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        environment |= {
            "CAPI_DATA_DIR": folder,
            "PORT": str(port),
            "SANDBOX_PORT": str(free_port()),
            "WEB_WORKERS": "1",
            # A proxy leads there: the server itself stays on loopback.
            "ALLOWED_HOSTS": "relay.example.com,127.0.0.1",
        }
        with running("all", [PRODUCT_PYTHON, "bin/supervise.py"], environment):
            target.stack.wait_until(lambda: answers(port), seconds=90)
            found = requests.post(
                f"http://127.0.0.1:{port}/v1/track",
                json=make_event(),
                auth=(DEMO_WRITE_KEY, ""),
                timeout=30,
            ).status_code
    yield Row(
        7, f"“{DEMO_WRITE_KEY}” on a first start behind a proxy", str(found), "401", found == 401
    )


def outlived_bodies(target: Target) -> Iterator[Row]:
    """8: what still names a person once her event's body is gone."""
    stack = target.stack
    shop = target.shops["ids of addresses"]
    person = {"context": {"traits": {"email": ADDRESS}}, "userId": ADDRESS}
    for event in (make_event(**person), {"type": "track", "nonsense": ADDRESS}):
        stack.post("/v1/track", event, write_key=shop.write_key)
    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1}, seconds=30)
    given = {
        "address": ADDRESS,
        "source_id": shop.source_id,
        "destination_id": shop.destination_id,
    }
    before, keys_before = target.shell(GIVEN + INDEX + AGE + PLACES, given)
    after, keys_after = target.shell(GIVEN + PRUNE + PLACES, given)
    yield Row(
        8,
        f"an address in {len(before)} columns, {keys_before} search keys; after the retention",
        f"{', '.join(after) or 'nowhere'}, {keys_after} keys",
        "nowhere, 0 keys",
        len(before) >= 6 and keys_before > 0 and not after and not keys_after,
    )


def open_data_folder(target: Target) -> Iterator[Row]:
    """10: `manage.py migrate` before `bin/run`, from a shell with the usual umask."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        run(data, "manage.py", "migrate", "--verbosity", "0")
        count = sum(1 for _ in data.rglob("*"))
        found = open_to_others(data)
    yield Row(
        10,
        f"`manage.py migrate` first: of {count} files others may use",
        str(found or "none"),
        "none",
        count > 2 and not found,
    )


def full_disk(target: Target) -> Iterator[Row]:
    """14: a data folder on a disk without a free byte (a Stack of its own, on SQLite)."""
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            small_disk(Path(folder) / "disk") as disk,
            Stack(folder=disk) as stack,
        ):
            yield from _on_full_disk(disk, stack)
    except CannotMount:
        yield Row(14, "a full disk", "not tried: mounting one needs root", "–", held=True)


def _on_full_disk(disk: Path, stack: Stack) -> Iterator[Row]:
    shop = stack.add_shop()

    def health() -> int:
        return requests.get(f"{stack.url}/health", timeout=30).status_code

    fill_disk(disk)
    stack.wait_until(lambda: health() == 503, seconds=30)
    ready = requests.get(f"{stack.url}/readyz", timeout=30).status_code
    noise = os.urandom(8000).hex()
    accepted, statuses = [], set()
    for _ in range(40):
        event = make_event(properties={"noise": noise, "value": 1})
        statuses.add(status := stack.post("/v1/track", event, write_key=shop.write_key).status_code)
        accepted += [event["messageId"]] if status == 200 else []
    login = requests.get(f"{stack.url}/admin/login/", timeout=30).status_code
    left = drafts(disk)
    running_parts = [name for name in ("web", "worker", "beat") if stack.is_running(name)]
    (disk / "ballast").unlink()
    stack.wait_until(lambda: health() == 200, seconds=30)
    stored = {one for (one,) in stack.rows("SELECT message_id FROM deliveries_event")}
    yield Row(
        14,
        "a full disk: /health, /readyz, the login page, events",
        f"503, {ready}, {login}, {sorted(statuses)}",
        "503, 503, 200 or 503, 200 or 503",
        ready == 503 and login in (200, 503) and 503 in statuses and statuses <= {200, 503},
    )
    yield Row(
        14,
        "… what was answered 200 is stored; drafts; parts alive",
        f"{len(set(accepted) - stored)} lost; {len(left)}; {len(running_parts)}",
        "0 lost; 0; 3",
        set(accepted) <= stored and not left and len(running_parts) == 3,
    )
