"""One trace follows an event from its request to the outcome of each attempt, and names nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Batch, Circuit, Delivery
from deliveries.stats import traces
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.stats.test_tallies import post_batch
from tests.factories import make_destination, make_event, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    found = InMemorySpanExporter()
    traces.start("test", found)
    yield found
    traces.stop()


def finished(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    traces._tracing.provider.force_flush()  # type: ignore[union-attr]
    return list(exporter.get_finished_spans())


def run(sandbox: Sandbox, count: int = 3) -> Any:
    source = make_source()
    destination = make_destination(sources=[source], event_map={"Order Completed": "checkout"})
    post_batch(source, [make_event() for _ in range(count)])
    for fault in ("status=503", ""):
        sandbox.clear_faults()
        if fault:
            sandbox.add_fault(fault)
        Circuit.objects.update(hold_until=None)
        Delivery.objects.update(due_at=timezone.now() - timedelta(minutes=1))
        deliver_batch(destination.pk)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    return destination


def test_one_trace_follows_an_event(sandbox: Sandbox, exporter: InMemorySpanExporter) -> None:
    destination = run(sandbox)
    spans = finished(exporter)
    by_trace: defaultdict[int, list[ReadableSpan]] = defaultdict(list)
    for span in spans:
        by_trace[span.context.trace_id].append(span)
    of_events = [one for one in by_trace.values() if one[0].name == "event received"]
    assert len(of_events) == 3
    names = {span.context.span_id: span.name for span in spans}
    batches = list(Batch.objects.order_by("pk").values_list("pk", flat=True))
    for trace in of_events:
        root, *attempts = sorted(trace, key=lambda one: (one.start_time or 0, one.name))
        assert root.parent is None
        assert [names[link.context.span_id] for link in root.links] == ["ingest request"]
        assert [one.name for one in attempts] == ["delivery", "delivery"]
        for one in attempts:
            assert one.parent is not None
            assert one.parent.span_id == root.context.span_id
            assert [names[link.context.span_id] for link in one.links] == ["batch"]
            assert (one.start_time or 0) < (one.end_time or 0)
        attributes = [dict(one.attributes or {}) for one in attempts]
        assert [one["outcome"] for one in attributes] == ["retryable", "delivered"]
        assert [one["attempt"] for one in attributes] == [1, 2]
        assert [one["batch"] for one in attributes] == batches
        assert {one["destination"] for one in attributes} == {destination.pk}
    parts = [span.name for span in spans if span.parent and span.name != "delivery"]
    assert parts == ["claim and transform", "send", "settle"] * 2


def test_a_trace_names_nobody(sandbox: Sandbox, exporter: InMemorySpanExporter) -> None:
    run(sandbox)
    text = "".join(span.to_json() for span in finished(exporter))
    assert "ingest request" in text
    for secret in ("alex", "example.com", "message-", "user-", "order-", "sandbox-token"):
        assert secret not in text, secret


def test_a_sampler_keeps_traces_whole(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    found = InMemorySpanExporter()
    traces.start("test", found)
    try:
        run(sandbox, 40)
        spans = finished(found)
    finally:
        traces.stop()
    received = {one.context.trace_id for one in spans if one.name == "event received"}
    delivered = {one.context.trace_id for one in spans if one.name == "delivery"}
    assert 5 < len(received) < 35
    assert delivered == received


def test_nothing_is_traced_unasked(sandbox: Sandbox) -> None:
    assert not traces.is_on()
    run(sandbox)
