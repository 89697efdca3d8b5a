"""The catalog of what is exported beside a process's own metrics: names, help, labels.

docs/monitoring.md lists them all, and a test compares. Labels are bounded: destinations and sources
by ``MAX_SUBJECTS``, codes by the catalog of codes, everything else by what the code writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

MAX_SUBJECTS = 300
"""More destinations, or sources, are added up as ``other``, those with the highest IDs."""


class Kind(NamedTuple):
    """``type``: counter, gauge, or histogram. A counter's name has no ``_total`` here."""

    type: str
    help: str
    labels: tuple[str, ...] = ()


_OF = ("destination",)
_OF_CODE = ("destination", "code")
FAMILIES: Mapping[str, Kind] = {
    "build_info": Kind("gauge", "Always 1; what is running.", ("version", "commit", "database")),
    "snapshot_timestamp_seconds": Kind(
        "gauge", "When all but the metrics of processes were collected, as a Unix time."
    ),
    "destination_info": Kind("gauge", "Always 1; a destination's name.", ("destination", "name")),
    "source_info": Kind("gauge", "Always 1; a source's name.", ("source", "name")),
    "events_received": Kind("counter", "New events stored, by source.", ("source",)),
    "events_invalid": Kind("counter", "Invalid events, by source and code.", ("source", "code")),
    "delivered": Kind("counter", "Deliveries that Pinterest accepted.", _OF),
    "rejected": Kind("counter", "Deliveries that can't succeed, by code.", _OF_CODE),
    "failed": Kind("counter", "Deliveries without attempts left, by code of the last.", _OF_CODE),
    "filtered": Kind("counter", "Deliveries not meant for Pinterest, by code.", _OF_CODE),
    "retryable": Kind("counter", "Failed attempts that are followed by another.", _OF_CODE),
    "warnings": Kind("counter", "Warnings of delivered deliveries, by code.", _OF_CODE),
    "delivery_latency_seconds": Kind(
        "histogram", "Time from receiving an event to Pinterest accepting it.", _OF
    ),
    "requests": Kind(
        "counter", "Requests to Pinterest, by HTTP status or the error without one.", _OF_CODE
    ),
    "request_duration_seconds": Kind("histogram", "Duration of requests to Pinterest.", _OF),
    "request_conversions": Kind("histogram", "Conversions in a request to Pinterest.", _OF),
    "conversions_resent": Kind("counter", "Conversions sent that had been tried before.", _OF),
    "leases_expired": Kind("counter", "Claims whose worker didn't end them in time.", _OF),
    "waiting_deliveries": Kind(
        "gauge", "Deliveries that are pending or being sent; counted up to a limit.", _OF
    ),
    "waiting_count_limit": Kind("gauge", "Up to how many waiting deliveries are counted."),
    "oldest_due_seconds": Kind(
        "gauge", "How long the oldest due delivery has waited; paused destinations too.", _OF
    ),
    "destination_enabled": Kind("gauge", "1 if the destination is on.", _OF),
    "destination_paused": Kind("gauge", "1 if the destination is paused.", _OF),
    "destination_check_failed": Kind("gauge", "1 if its last connection check failed.", _OF),
    "circuit_open": Kind("gauge", "1 if the circuit breaker is open.", _OF),
    "consecutive_failures": Kind("gauge", "Failed requests in a row.", _OF),
    "held_back_seconds": Kind("gauge", "Nothing is sent for so long yet.", _OF),
    "last_success_timestamp_seconds": Kind(
        "gauge", "When Pinterest last accepted a request, as a Unix time.", _OF
    ),
    "rate_limit_remaining": Kind("gauge", "Requests left, as Pinterest last said.", _OF),
    "in_flight_claims": Kind("gauge", "Claims that workers hold.", _OF),
    "alerts_open": Kind("gauge", "Open alerts, by condition.", ("condition",)),
    "heartbeat_timestamp_seconds": Kind(
        "gauge", "When a part was last at work, as a Unix time.", ("part",)
    ),
    "retention_behind_seconds": Kind(
        "gauge", "How long the next row has been due to be pruned.", ("job",)
    ),
    "database_size_bytes": Kind("gauge", "Size of the database."),
    "disk_free_bytes": Kind("gauge", "Free space where the data folder is."),
}
"""Without the prefix ``capi_relay_``."""


class Exposition:
    """Collects samples, then renders them as Prometheus' text."""

    def __init__(self) -> None:
        self._found: dict[str, Metric] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        """A sample of a counter or a gauge."""
        family: Any = self._family(name)
        family.add_metric(labels, value)

    def add_histogram(
        self, name: str, counts: Mapping[float, int], bounds: Sequence[float], total: float,
        *labels: str,
    ) -> None:  # fmt: skip
        """``counts``: upper bound → how many; what exceeds all ``bounds`` is in +Inf alone."""
        family: Any = self._family(name)
        buckets = [
            (f"{bound:g}", float(sum(n for le, n in counts.items() if le <= bound * 1.000001)))
            for bound in bounds
        ]
        buckets.append(("+Inf", float(sum(counts.values()))))
        family.add_metric(labels, buckets=buckets, sum_value=total)

    def render(self) -> str:
        """As text, in the order of ``FAMILIES``."""
        return render(self._found[name] for name in FAMILIES if name in self._found)

    def _family(self, name: str) -> Metric:
        if name not in self._found:
            kind = FAMILIES[name]
            make: Any = {
                "counter": CounterMetricFamily,
                "gauge": GaugeMetricFamily,
                "histogram": HistogramMetricFamily,
            }[kind.type]
            self._found[name] = make(f"capi_relay_{name}", kind.help, labels=kind.labels)
        return self._found[name]


class _Found:
    """What ``generate_latest`` asks of a registry."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def render(families: Iterable[Metric]) -> str:
    """Families as Prometheus' text."""
    registry: Any = _Found(families)
    return generate_latest(registry).decode()
