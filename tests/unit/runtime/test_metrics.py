"""Metrics have fixed labels, and none per object."""

import time

from prometheus_client.parser import text_string_to_metric_families

from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.events import RegardingKind
from entrafed.engine.ports import Measure
from entrafed.runtime.metrics import Metrics


def new_metrics() -> Metrics:
    return Metrics(time.monotonic)


def parent(name: str) -> Parent:
    return Parent(ParentKind.APPLICATION, "tenant", name)


def test_requests_to_microsoft_are_counted_by_what_they_were() -> None:
    metrics = new_metrics()
    metrics.azure_request("graph", "create_credential", "201", 0.2)

    line = 'entrafed_azure_requests_total{code="201",operation="create_credential",service="graph"} 1.0'
    assert line in metrics.render().decode()


def test_orphans_are_shown_as_one_sum() -> None:
    metrics = new_metrics()
    metrics.orphans(parent("one"), 2)
    metrics.orphans(parent("two"), 3)
    metrics.orphans(parent("one"), 0)

    assert "entrafed_orphans 3.0" in metrics.render().decode()


def test_a_state_that_no_object_has_any_more_is_not_shown() -> None:
    metrics = new_metrics()
    metrics.states({(RegardingKind.FEDERATION, "False", "Throttled"): 1})
    metrics.states({(RegardingKind.FEDERATION, "True", "Synced"): 2})

    shown = metrics.render().decode()
    assert 'entrafed_resources{kind="ManagedIdentityFederation",ready="True",reason="Synced"} 2.0' in shown
    assert "Throttled" not in shown


def test_the_oldest_work_grows_older_when_nobody_works() -> None:
    now = 100.0
    metrics = Metrics(lambda: now)
    metrics.queue(3, 5.0)
    now = 160.0

    assert "entrafed_queue_depth 3.0" in metrics.render().decode()
    assert "entrafed_queue_oldest_seconds 65.0" in metrics.render().decode()


def test_an_empty_queue_has_no_oldest_work() -> None:
    metrics = new_metrics()
    metrics.queue(1, 5.0)
    metrics.queue(0, 0.0)

    assert "entrafed_queue_oldest_seconds 0.0" in metrics.render().decode()


DESIGNED = {
    "entrafed_reconcile": {"kind", "result"},
    "entrafed_reconcile_seconds": {"kind"},
    "entrafed_queue_depth": set(),
    "entrafed_queue_oldest_seconds": set(),
    "entrafed_time_to_ready_seconds": set(),
    "entrafed_azure_requests": {"service", "operation", "code"},
    "entrafed_azure_request_seconds": {"service"},
    "entrafed_throttle_wait_seconds": {"service"},
    "entrafed_drift_repairs": set(),
    "entrafed_orphans": set(),
    "entrafed_resources": {"kind", "ready", "reason"},
}


def test_every_metric_has_exactly_the_labels_that_are_documented() -> None:
    metrics = new_metrics()
    metrics.azure_request("graph", "create_credential", "201", 0.2)
    metrics.throttle_wait("arm", 4.0)
    tell(metrics)

    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        if family.name.startswith("entrafed_") and not family.name.endswith("_created"):
            shown[family.name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert shown == DESIGNED


def tell(measure: Measure) -> None:
    """Everything that the engine has to say."""
    measure.reconciled("settle", "done", 0.1)
    measure.queue(1, 0.5)
    measure.time_to_ready(2.0)
    measure.drift_repaired(1)
    measure.orphans(parent("one"), 1)
    measure.states({(RegardingKind.CONNECTION, "True", "SignedIn"): 1})
