"""What the process counts. Labels are fixed lists of words: no metric has a series per object."""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from entrafed.domain.credentials import Parent
from entrafed.domain.events import RegardingKind

SECONDS = (0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds from one cached look at an object to an identity whose budget is spent by others."""


class Metrics:
    """Every metric of the process; implements the engine's port `Measure`. `monotonic` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._reconciled = Counter(
            "entrafed_reconcile_total", "Runs of a step of the engine.", ("kind", "result"), registry=registry
        )
        self._reconcile_seconds = Histogram(
            "entrafed_reconcile_seconds", "Seconds per run.", ("kind",), buckets=SECONDS, registry=registry
        )
        self._azure_requests = Counter(
            "entrafed_azure_requests_total",
            "Requests to Microsoft; code is the HTTP status, or timeout, unreachable, unreadable.",
            ("service", "operation", "code"),
            registry=registry,
        )
        self._azure_seconds = Histogram(
            "entrafed_azure_request_seconds", "Seconds per request.", ("service",), buckets=SECONDS, registry=registry
        )
        self._drift_repairs = Counter(
            "entrafed_drift_repairs_total",
            "Credentials set right that others had changed.",
            registry=registry,
        )
        self._orphans = Gauge(
            "entrafed_orphans", "Credentials with a mark of this cluster that nobody owns.", registry=registry
        )
        self._resources = Gauge(
            "entrafed_resources", "Objects by kind and Ready.", ("kind", "ready", "reason"), registry=registry
        )
        self._queue_depth = Gauge("entrafed_queue_depth", "Work that is due and waits for its turn.", registry=registry)
        self._time_to_ready = Histogram(
            "entrafed_time_to_ready_seconds",
            "Seconds from the creation of an object to its first Ready.",
            buckets=SECONDS,
            registry=registry,
        )
        self._throttle_wait = Histogram(
            "entrafed_throttle_wait_seconds",
            "Seconds that a request to Microsoft waited for its budget.",
            ("service",),
            buckets=SECONDS,
            registry=registry,
        )
        # The oldest work grows older between two runs of the engine, above all when there is no next run.
        self._monotonic = monotonic
        self._oldest_since: float | None = None
        Gauge(
            "entrafed_queue_oldest_seconds",
            "For how long the oldest work of the queue has been due.",
            registry=registry,
        ).set_function(lambda: 0.0 if self._oldest_since is None else self._monotonic() - self._oldest_since)
        self._orphans_of: dict[Parent, int] = {}

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count one run of admit, settle or report."""
        self._reconciled.labels(kind, result).inc()
        self._reconcile_seconds.labels(kind).observe(seconds)

    def drift_repaired(self, count: int) -> None:
        """Count credentials that were set right."""
        self._drift_repairs.inc(count)

    def orphans(self, parent: Parent, count: int) -> None:
        """Set the number of orphans under one parent; only their sum is shown."""
        if count:
            self._orphans_of[parent] = count
        else:
            self._orphans_of.pop(parent, None)
        self._orphans.set(sum(self._orphans_of.values()))

    def states(self, counts: Mapping[tuple[RegardingKind, str, str], int]) -> None:
        """Set how many objects there are per (kind, status of Ready, its reason)."""
        self._resources.clear()
        for labels, count in counts.items():
            self._resources.labels(*labels).set(count)

    def queue(self, depth: int, oldest_seconds: float) -> None:
        """Set how much work is due, and for how long the oldest of it has been."""
        self._queue_depth.set(depth)
        self._oldest_since = self._monotonic() - oldest_seconds if depth else None

    def time_to_ready(self, seconds: float) -> None:
        """Observe how long a new object took to its first Ready."""
        self._time_to_ready.observe(seconds)

    def throttle_wait(self, service: str, seconds: float) -> None:
        """Observe how long one request waited for its budget."""
        self._throttle_wait.labels(service).observe(seconds)

    def azure_request(self, service: str, operation: str, code: str, seconds: float) -> None:
        """Count one request to Microsoft."""
        self._azure_requests.labels(service, operation, code).inc()
        self._azure_seconds.labels(service).observe(seconds)
