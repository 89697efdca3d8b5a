"""A month in the life of an installation, made by the product itself: for pictures and page tests.

Events come in over the ingest API and go out to a sandbox, at moments of the last six days; only
the figures of the days before are written straight into the tallies.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import orjson
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import TwoFactor
from accounts.roles import OPERATOR, VIEWER, make_groups
from deliveries.actions.operations import discard
from deliveries.catalog.counting import catalog_events
from deliveries.db.bulk_sql import insert_rows
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Batch, BulkAction, Delivery, Refusal, SavedLink, Tally
from deliveries.search import Selection
from deliveries.stats.tallies import COLUMNS, bucket_of
from destinations.connection_check import check_and_record
from destinations.models import (
    Destination,
    EventMapping,
    EventRuleRow,
    FormerWriteKey,
    Source,
    UnknownWriteKey,
)
from destinations.secrets import Secret
from pinterest_sandbox import Sandbox
from tests.browser.sample_alerts import add_alerts
from tests.browser.visitors import Visitors

PASSWORD = "correct horse battery"
GOOD_TOKEN, BAD_TOKEN = "pina_example-token", "bad-token"

Events = Iterable[dict[str, Any]]


@dataclass
class SampleData:
    """What there is to look at. Deliveries are the newest of their kind."""

    admin: User
    sources: dict[str, Source] = field(default_factory=dict)
    destinations: dict[str, Destination] = field(default_factory=dict)

    def newest(self, **filters: Any) -> Delivery:
        return Delivery.objects.filter(**filters).order_by("-pk")[0]

    def bulk_action(self, how: str) -> BulkAction:
        """One that is ``running``, ``done`` or ``cancelled``."""
        return {
            "running": BulkAction.objects.filter(finished_at=None),
            "cancelled": BulkAction.objects.exclude(cancelled_at=None),
            "done": BulkAction.objects.filter(cancelled_at=None).exclude(finished_at=None),
        }[how][0]

    @property
    def group(self) -> Group:
        return Group.objects.get(name=OPERATOR)

    @property
    def log_entry(self) -> LogEntry:
        return LogEntry.objects.order_by("pk")[0]

    @property
    def destination(self) -> Destination:
        return self.destinations["Pinterest Germany"]

    @property
    def source(self) -> Source:
        return self.sources["Web shop"]


def make_people() -> User:
    """An operator, a viewer and administrators, lena with two-factor authentication; returns
    anna."""
    make_groups()
    for name, role in (("tom", OPERATOR), ("mei", VIEWER)):
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
    User.objects.create_user("ines", "ines@example.com", PASSWORD, is_staff=True)  # without a role
    for name in ("sara", "noor", "lena"):
        User.objects.create_superuser(name, f"{name}@example.com", PASSWORD)
    TwoFactor.objects.create(
        user=User.objects.get(username="lena"), secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    )
    return User.objects.create_superuser("anna", "anna@example.com", PASSWORD)


def make_sample_data(sandbox: Sandbox, *, visitors: int, days: int, seed: int = 4) -> SampleData:
    """About ``visitors`` events in the log, and figures of ``days`` days on the home page."""
    with override_settings(PINTEREST_API_URL=sandbox.url, SANDBOX_URL=sandbox.url):
        sample = SampleData(make_people())
        story = Story(sample, sandbox, Visitors(seed))
        with at(story.now - timedelta(days=days)):
            story.set_up()
        story.tell(visitors)
        story.add_bulk_actions()
        story.add_saved_links()
        story.add_figures(days, random.Random(seed))
        add_alerts(sample.admin, story.now)
        catalog_events(story.now)
        catalog_events(story.now + timedelta(minutes=1))
    return sample


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """The clock of the product stands at ``moment``."""
    with mock.patch("django.utils.timezone.now", return_value=moment):
        yield


class Story:
    """What happened, in order."""

    def __init__(self, sample: SampleData, sandbox: Sandbox, visitors: Visitors) -> None:
        self.sample, self.sandbox, self.visitors = sample, sandbox, visitors
        self.now = timezone.now()

    def set_up(self) -> None:
        for name in ("Web shop", "iOS app", "Shops (tills)", "Garden shop"):
            self.sample.sources[name] = Source.objects.create(name=name, created_at=timezone.now())
        web, app, tills, plants = self.sample.sources.values()
        landing = Source.objects.create(name="Landing page", created_at=timezone.now())
        self.sample.sources["Landing page"] = landing
        FormerWriteKey.objects.create(
            source=web,
            digest="0" * 64,
            ending="x8Qf",
            replaced_at=self.now - timedelta(days=2),
            expires_at=self.now + timedelta(days=5),
            last_used_at=self.now - timedelta(minutes=3),
        )
        UnknownWriteKey.objects.create(
            digest="1" * 64,
            beginning="shop",
            count=1280,
            first_seen_at=self.now - timedelta(days=3),
            last_seen_at=self.now - timedelta(minutes=2),
            address="203.0.113.0/24",
        )
        germany = self._destination("Pinterest Germany", "549755885175", [web, app])
        self._destination("Pinterest France", "549761207733", [web])
        self._destination("Garden brand", "549768841020", [plants])
        stores = self._destination(
            "Stores (offline)",
            "549755885176",
            [tills],
            default_action_source=Destination.ActionSource.OFFLINE,
            unmapped_events=Destination.UnmappedEvents.FILTER,
        )
        self._destination(
            "Try-out",
            "549755885175",
            [],
            service=Destination.Service.SANDBOX,
            test_mode=True,
            enabled=False,
        )
        self._destination(
            "Client of last year",
            "549755885179",
            [],
            conversion_token="",
            enabled=False,
            archived_at=self.now - timedelta(days=2),
        )
        for destination in Destination.objects.exclude(pk__in=[stores.pk]):
            EventMapping.objects.create(
                destination=destination,
                source_event_name="Product Viewed",
                pinterest_event_name="page_visit",
            )
        EventMapping.objects.create(
            destination=germany, source_event_name="Signed Up", pinterest_event_name="signup"
        )
        for position, (action, path) in enumerate(
            [("block", "properties.is_test"), ("and", "context.is_internal")], start=1
        ):
            EventRuleRow.objects.create(
                destination=germany, position=position, action=action, path=path, operator="true"
            )
        LogEntry.objects.log_actions(
            self.sample.admin.pk,
            [germany],
            CHANGE,
            change_message=[
                {"changed": {"fields": ["Dedup key: – → “properties.order_id”"]}},
                {"added": {"name": "event map row", "object": "Signed Up → signup"}},
            ],
            single_object=True,
        )

    def _destination(
        self, name: str, account: str, sources: list[Source], **fields: Any
    ) -> Destination:
        destination = Destination.objects.create(
            **{
                "name": name,
                "advertiser_id": account,
                "conversion_token": GOOD_TOKEN,
                "created_at": timezone.now(),
                **fields,
            }
        )
        destination.refresh_from_db()  # the token is sealed on its way in
        destination.sources.set(sources)
        self.sample.destinations[name] = destination
        return destination

    def tell(self, count: int) -> None:
        """Ordinary days; an outage of France, a token that ends, orders without a person."""
        share = max(1, count // 16)
        hours = (139, 121, 97, 75, 51, 30, 22, 16, 9, 6, 4)
        for number, ago in enumerate(hours):
            moment = self.now - timedelta(hours=ago)
            if ago == 9:
                for name in ("Pinterest Germany", "Stores (offline)"):
                    check_and_record(self.sample.destinations[name], moment)
            if ago == 22:
                garden = self.sample.destinations["Garden brand"]
                garden.conversion_token = Secret.seal(BAD_TOKEN)
                garden.save()
            self._send("Web shop", self.visitors.browse(share, moment), moment)
            self._send("Shops (tills)", self.visitors.till(1 + share // 8, moment), moment)
            self._send("Garden shop", self.visitors.browse(1 + share // 8, moment), moment)
            self._send("iOS app", self.visitors.app(1 + share // 8, moment), moment)
            self._deliver(moment + timedelta(seconds=2.3 + number / 7))
        self._outage_of_france(self.now - timedelta(hours=3.9))
        self._refused_by_us_and_by_pinterest(self.now - timedelta(minutes=48), share)
        self._send_what_is_refused(self.now - timedelta(minutes=35))
        moment = self.now - timedelta(minutes=40)
        self._send("Landing page", self.visitors.browse(3, moment), moment)
        france = self.sample.destinations["Pinterest France"].advertiser_id
        self.sandbox.add_fault("status=503", account=france)
        names = ("Order Completed", "Product Added", "Product Viewed", "Order Completed", "page")
        for minutes, name in zip((30, 28, 25, 19, 8), names, strict=True):
            moment = self.now - timedelta(minutes=minutes)
            self._send("Web shop", self.visitors.track(name, 1, moment), moment)
            if minutes in (19, 8):
                self._send("Garden shop", self.visitors.track("Signed Up", 1, moment), moment)
                self._send("Web shop", self.visitors.unknown(1, moment), moment)
            self._deliver(moment + timedelta(seconds=3))
        self.sandbox.clear_faults()

    def _outage_of_france(self, moment: datetime) -> None:
        """Every try fails until the budget is spent: dead."""
        self._send("Web shop", self.visitors.browse(3, moment), moment)
        france = self.sample.destinations["Pinterest France"]
        self.sandbox.add_fault("status=503", account=france.advertiser_id)
        tries = 0
        while (
            tries < 20
            and Delivery.objects.filter(destination=france, due_at__isnull=False).exists()
        ):
            later = moment + timedelta(hours=2 * tries)
            with at(later):
                deliver_batch(france.pk, clock=lambda later=later: later)
            tries += 1
        self.sandbox.clear_faults()
        self._deliver(moment + timedelta(seconds=2))
        # The tries were in the past, all of them.
        for delivery in Delivery.objects.filter(destination=france, status="dead"):
            step = timedelta(minutes=17)
            for number, attempt in enumerate(delivery.attempts.order_by("number")):
                attempt.ended_at = moment + number * step
                attempt.save(update_fields=["ended_at"])
                Batch.objects.filter(pk=attempt.batch_id).update(sent_at=attempt.ended_at)
            delivery.settled_at = attempt.ended_at
            delivery.save(update_fields=["settled_at"])
        france.circuit.failure_count, france.circuit.hold_until = 0, None
        france.circuit.save()

    def _refused_by_us_and_by_pinterest(self, moment: datetime, share: int) -> None:
        self._send("Web shop", self.visitors.unknown(2 + share // 4, moment), moment)
        events = list(self.visitors.browse(2 + share // 3, moment))
        self._send("Web shop", events, moment)
        odd = list(self.visitors.track("Quiz Finished", 2, moment))
        self._send("Web shop", odd, moment)
        self.sandbox.add_fault(f"fail={odd[0]['messageId']},{odd[1]['messageId']}")
        self._deliver(moment + timedelta(seconds=2))
        self.sandbox.clear_faults()
        oldest = Delivery.objects.filter(status="rejected").order_by("pk")[:1]
        discard(Delivery.objects.filter(pk__in=[one.pk for one in oldest]), "A test order", moment)

    def _send_what_is_refused(self, moment: datetime) -> None:
        nobody = {"type": "track", "event": "Order Completed", "properties": {"value": 12}}
        with at(moment):
            self._post("Web shop", b'{"batch": [{"type": "track", "event": "Product Vie')
            self._post("Web shop", orjson.dumps({"batch": [nobody, {**nobody, "userId": "x"}]}))
            self._post("iOS app", b'{"batch": [{"userId": "u", "properties": {"value": NaN}}]}')

    def _send(self, source: str, events: Events, moment: datetime) -> None:
        """One request each, some seconds apart, the last at ``moment``."""
        sent_later = list(events)
        while sent_later:
            event = sent_later.pop(0)
            earlier = moment - timedelta(seconds=11.3 * len(sent_later))
            with at(earlier):
                sent = {**event, "originalTimestamp": earlier.isoformat()}
                status = self._post(source, orjson.dumps({"batch": [sent]}))
                assert status == 200, status

    def _post(self, source: str, body: bytes) -> int:
        key = self.sample.sources[source].write_key
        credentials = base64.b64encode(f"{key}:".encode()).decode()
        return (
            Client()
            .post(
                "/v1/batch",
                body,
                content_type="application/json",
                HTTP_AUTHORIZATION=f"Basic {credentials}",
            )
            .status_code
        )

    def _deliver(self, moment: datetime) -> None:
        with at(moment):
            for destination in self.sample.destinations.values():
                for _ in range(5):
                    if not deliver_batch(destination.pk, clock=lambda: moment):
                        break

    def add_saved_links(self) -> None:
        for name, query, is_shared in (
            ("Rejected orders", "conversion_name=checkout&status=rejected", True),
            ("France", f"destination={self.sample.destinations['Pinterest France'].pk}", False),
        ):
            SavedLink.objects.create(
                owner=self.sample.admin, name=name, query=query, is_shared=is_shared
            )

    def add_bulk_actions(self) -> None:
        rejected = Selection.from_json({"statuses": ["rejected"]})
        for ago, total, examined, changed, how in (
            (73, 12_408, 12_408, 12_377, "done"),
            (26, 310, 120, 118, "cancelled"),
            (0.02, 8_200, 3_000, 2_998, "running"),
        ):
            begun = self.now - timedelta(hours=ago)
            BulkAction.objects.create(
                verb="retry",
                requested_by="tom",
                selection=rejected.to_json(),
                reason="The token was renewed" if how == "done" else "",
                created_at=begun,
                started_at=begun + timedelta(seconds=1),
                finished_at=begun + timedelta(minutes=3) if how != "running" else None,
                cancelled_at=begun + timedelta(minutes=3) if how == "cancelled" else None,
                total_count=total,
                examined_count=examined,
                changed_count=changed,
                positions={} if how == "done" else {"1": 5},
                last_id=1,
            )

    def add_figures(self, days: int, draw: random.Random) -> None:
        """Figures of the days before, by the hour, with nights and weekends."""
        rows: list[tuple[Any, ...]] = []
        for hours in range(1, days * 24):
            moment = self.now - timedelta(hours=hours)
            bucket = bucket_of(moment)
            tide = 0.35 + 0.65 * max(0, 12 - abs(moment.hour - 17)) / 12
            tide *= 0.7 if moment.weekday() >= 5 else 1.0
            for name, size in SIZES.items():
                destination = self.sample.destinations[name]
                if name == "Garden brand" and hours < 22:
                    continue
                delivered = int(size * tide * draw.uniform(0.8, 1.2))
                rows += [
                    (Tally.Level.HOURLY, bucket, destination.pk, None, metric, count)
                    for metric, count in _metrics(name, delivered, hours, draw)
                    if count
                ]
            received = int(150 * tide * draw.uniform(0.9, 1.3))
            for name, part in (("Web shop", 1.0), ("iOS app", 0.2), ("Shops (tills)", 0.25)):
                source = self.sample.sources[name]
                rows.append(
                    (Tally.Level.HOURLY, bucket, None, source.pk, "received", int(received * part))
                )
        for begin in range(0, len(rows), 5000):
            insert_rows(Tally, COLUMNS, rows[begin : begin + 5000])


SIZES = {
    "Pinterest Germany": 118,
    "Pinterest France": 44,
    "Garden brand": 27,
    "Stores (offline)": 19,
}


def _metrics(
    name: str, delivered: int, hours: int, draw: random.Random
) -> Iterator[tuple[str, int]]:
    """What one destination did in one hour."""
    yield "delivered", delivered
    yield "latency:22", int(delivered * 0.62)
    yield "latency:24", int(delivered * 0.33)
    yield "latency:27", delivered - int(delivered * 0.62) - int(delivered * 0.33)
    bad = 4 if name == "Pinterest France" and hours in (4, 5, 6) else 1
    yield "rejected:missing_user_data", int(delivered * 0.012 * draw.uniform(0, 2) * bad)
    yield "rejected:pinterest_rejected", int(delivered * 0.006 * draw.uniform(0, 2))
    if bad > 1:
        yield "dead:server_error", draw.randint(2, 9)
    if name == "Stores (offline)":
        yield "filtered:unmapped_event", draw.randint(1, 6)
        yield "match:of_offline", delivered
        yield "match:em", int(delivered * 0.58)
        return
    yield "match:em", int(delivered * 0.71)
    yield "completed", int(delivered * 0.14)
    yield "remembered:em", int(delivered * 0.11)
    yield "remembered:click_id", int(delivered * 0.05)
    yield "second_chance", int(delivered * 0.02)
    yield "match:ph", int(delivered * 0.18)
    yield "match:external_id", int(delivered * 0.96)
    yield "match:click_id", int(delivered * 0.22)
    yield "match:ip_ua", int(delivered * 0.93)
    if name == "Pinterest Germany":
        yield "match:of_app", int(delivered * 0.12)
        yield "match:hashed_maids", int(delivered * 0.05)


def refusal() -> Refusal:
    return Refusal.objects.order_by("-pk")[0]
