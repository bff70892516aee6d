"""What the versions of an object tell: whether there is work, and whether all is well."""

from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.engine.versions import asks_for_work, is_released, is_requested, is_well, readiness
from unit.domain.federations import CREATED, federation


def ready(status: str = "True", reason: str = "Synced") -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": status,
                "reason": reason,
                "message": "",
                "observedGeneration": 1,
                "lastTransitionTime": CREATED,
            }
        ],
    }


WELL = federation(status=ready())


def test_an_object_that_was_never_seen_is_work() -> None:
    assert asks_for_work(None, WELL)


@pytest.mark.parametrize(
    "after",
    [
        federation(status=ready(), generation=2),
        federation(status=ready(), deleted=CREATED),
        federation(status=ready(), request="now"),
        federation(status=ready(), finalizers=()),
        federation(status=ready("False")),
        federation(),
    ],
    ids=["spec", "deleted", "requested", "without finalizer", "other status", "without status"],
)
def test_what_the_engine_acts_on_is_work(after: Federation) -> None:
    assert asks_for_work(WELL, after)


def test_other_finalizers_and_another_version_are_no_work() -> None:
    touched = federation(status=ready(), version=2, finalizers=("entrafed.io/cleanup", "backup.example/hold"))
    assert not asks_for_work(WELL, touched)


@pytest.mark.parametrize(
    ("unwell", "because"),
    [
        (federation(status=ready(), generation=2), "the spec is newer than what was observed"),
        (federation(status=ready("False")), "it is not ready"),
        (federation(status=ready("Unknown")), "it is not known to be ready"),
        (federation(), "nobody has looked"),
        (federation(status=ready(), deleted=CREATED), "it is being deleted"),
        (federation(status=ready(), finalizers=()), "nothing would be cleaned up"),
        (federation(status=ready(), request="now"), "somebody wants it looked at"),
    ],
)
def test_only_what_is_ready_for_its_present_spec_is_well(unwell: Federation, because: str) -> None:
    assert is_well(WELL)
    assert not is_well(unwell), because


def test_a_request_that_was_handled_is_none() -> None:
    requested = federation(status=ready(), request="now")
    handled = replace(requested, status=replace(requested.status, last_handled_reconcile_at="now"))
    earlier = replace(requested, status=replace(requested.status, last_handled_reconcile_at="before"))
    assert [is_requested(one) for one in (WELL, requested, handled, earlier)] == [False, True, False, True]
    assert is_well(handled)


def test_an_object_is_released_when_it_is_deleted_and_our_finalizer_is_gone() -> None:
    assert is_released(federation(deleted=CREATED, finalizers=("backup.example/hold",)))
    assert not is_released(federation(deleted=CREATED))
    assert not is_released(federation(finalizers=()))


def test_readiness_is_unknown_before_anybody_has_looked() -> None:
    assert readiness(federation()) == ("Unknown", Reason.PROGRESSING)
    assert readiness(federation(status=ready("False", "QuotaExceeded"))) == ("False", Reason.QUOTA_EXCEEDED)


def test_readiness_has_no_words_but_ours_whatever_a_hand_wrote_into_the_status() -> None:
    _, reason = readiness(federation(status=ready("False", "EverySecondAnotherWord")))
    assert reason == "Other"
