"""Traces by OpenTelemetry (OTEL_EXPORTER_OTLP_ENDPOINT): what became of an event, and when.

Each event has a trace of its own: its root is the span "event received", and each attempt to
deliver it adds a span "delivery". Requests and batches are traces as well, and links lead from an
event to those it was part of. The IDs of an event's trace are a keyed hash of its source and
message ID, so ingest and worker agree on them and nothing is stored. No attribute holds anything
of an event.

Nothing happens until ``start`` was called; the packages are only imported there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Link, SpanContext

MAX_LINKS = 100
"""Of a request or batch to its events; each event leads back in any case."""


class Attempted(NamedTuple):
    """What one batch did to one delivery."""

    delivery_id: int
    attempt: int
    outcome: str
    code: str


class Sent(NamedTuple):
    """One request to Pinterest, and when its outcomes were stored (``settled_ns``)."""

    destination_id: int
    batch_id: int | None
    status: str
    conversions: int
    sent_at: datetime
    duration_ms: int
    settled_ns: int


class _Tracing:
    def __init__(self, role: str, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        class Ids(RandomIdGenerator):
            """Those of an event for its root span, else random ones."""

            def generate_trace_id(self) -> int:
                return _own_ids.get()[0] or super().generate_trace_id()

            def generate_span_id(self) -> int:
                return _own_ids.get()[1] or super().generate_span_id()

        resource = Resource.create(
            {"service.name": f"capi-relay-{role}", "service.version": settings.VERSION}
        )
        self.provider: TracerProvider = TracerProvider(id_generator=Ids(), resource=resource)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("capi_relay", settings.VERSION)


_own_ids: ContextVar[tuple[int, int]] = ContextVar("own_ids", default=(0, 0))
_tracing: _Tracing | None = None


def start(role: str, exporter: SpanExporter | None = None) -> None:
    """Trace from here on, as a process of this ``role``; once for each process."""
    global _tracing
    if _tracing is None:
        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        _tracing = _Tracing(role, exporter)


def stop() -> None:
    """Send what waits, and trace nothing more."""
    global _tracing
    if _tracing is not None:
        _tracing.provider.shutdown()
        _tracing = None


def is_on() -> bool:
    return _tracing is not None


def note_received(source_id: int, message_ids: Iterable[str], refused: int, began_ns: int) -> None:
    """A request was stored; ``began_ns``: Unix time in nanoseconds."""
    if _tracing is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind

    tracer = _tracing.tracer
    contexts = [_context_of(source_id, one) for one in message_ids]
    request = tracer.start_span(
        "ingest request",
        Context(),
        SpanKind.SERVER,
        {"source": source_id, "events": len(contexts), "refused": refused},
        _links(contexts),
        start_time=began_ns,
    )
    for context in contexts:
        token = _own_ids.set((context.trace_id, context.span_id))
        try:
            span = tracer.start_span(
                "event received",
                Context(),
                attributes={"source": source_id},
                links=[Link(request.get_span_context())],
                start_time=began_ns,
            )
        finally:
            _own_ids.reset(token)
        span.end()
    request.end()


def note_sent(
    sent: Sent,
    attempted: Iterable[Attempted],
    events: Mapping[int, tuple[int, str]],
    claimed_ns: int,
) -> None:
    """A request to Pinterest was settled. ``events``: delivery → its event's source and message
    ID; ``claimed_ns``: when its deliveries were claimed."""
    if _tracing is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        Link,
        NonRecordingSpan,
        SpanKind,
        Status,
        StatusCode,
        set_span_in_context,
    )

    tracer = _tracing.tracer
    known = [(one, _context_of(*events[one.delivery_id])) for one in attempted
             if one.delivery_id in events]  # fmt: skip
    sent_ns = int(sent.sent_at.timestamp() * 1e9)
    replied_ns = sent_ns + sent.duration_ms * 1_000_000
    attributes = {"destination": sent.destination_id, "batch": sent.batch_id or 0}
    batch = tracer.start_span(
        "batch",
        Context(),
        attributes={**attributes, "conversions": sent.conversions, "status": sent.status},
        links=_links([context for _, context in known]),
        start_time=claimed_ns,
    )
    inside = set_span_in_context(batch, Context())
    for name, kind, begin, end in (
        ("claim and transform", SpanKind.INTERNAL, claimed_ns, sent_ns),
        ("send", SpanKind.CLIENT, sent_ns, replied_ns),
        ("settle", SpanKind.INTERNAL, replied_ns, sent.settled_ns),
    ):
        tracer.start_span(name, inside, kind, start_time=begin).end(end)
    for one, context in known:
        if not _is_sampled(_tracing.provider, context):
            continue
        span = tracer.start_span(
            "delivery",
            set_span_in_context(NonRecordingSpan(context), Context()),
            attributes={
                **attributes,
                "attempt": one.attempt,
                "outcome": one.outcome,
                "code": one.code,
            },
            links=[Link(batch.get_span_context())],
            start_time=claimed_ns,
        )
        if one.outcome != "delivered":
            span.set_status(Status(StatusCode.ERROR))
        span.add_event("sent", timestamp=sent_ns)
        span.end(sent.settled_ns)
    batch.end(sent.settled_ns)


def now_ns() -> int:
    return time.time_ns()


def _context_of(source_id: int, message_id: str) -> SpanContext:
    """Of the root span of an event's trace."""
    from opentelemetry.trace import SpanContext, TraceFlags

    digest = hashlib.blake2b(
        f"{source_id}:{message_id}".encode("utf-8", "surrogatepass"),
        key=settings.SECRET_KEY.encode()[:64],
        digest_size=24,
        person=b"trace of event",
    ).digest()
    return SpanContext(
        int.from_bytes(digest[:16]) or 1,
        int.from_bytes(digest[16:]) or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _links(contexts: list[SpanContext]) -> list[Link]:
    from opentelemetry.trace import Link

    return [Link(context) for context in contexts[:MAX_LINKS]]


def _is_sampled(provider: TracerProvider, context: SpanContext) -> bool:
    """What ingest decided for this trace: the sampler goes by the trace's ID."""
    from opentelemetry.sdk.trace.sampling import Decision

    decided = provider.sampler.should_sample(None, context.trace_id, "event received")
    return decided.decision is Decision.RECORD_AND_SAMPLE
