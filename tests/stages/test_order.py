"""What a caller leaves unsaid is filled in."""

import pytest

from sdprof.stages.order import DEFAULT_BUDGET_SECONDS, OVERRUN, PATIENT_SECONDS, order
from sdprof.target_index import builtin_targets


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({}, PATIENT_SECONDS),
        ({"budget_seconds": DEFAULT_BUDGET_SECONDS}, OVERRUN * DEFAULT_BUDGET_SECONDS),
        ({"budget_seconds": 20.0}, OVERRUN * 20.0),
        ({"quick": True, "budget_seconds": 20.0}, OVERRUN * 20.0),
    ],
)
def test_a_budget_that_was_asked_for_is_kept_and_a_slow_loop_gets_its_rounds_without_one(
    asked: dict[str, float], seconds: float
) -> None:
    assert order(original(), **asked).search_seconds == seconds


def test_a_quick_audit_stays_quick() -> None:
    assert order(original(), quick=True).search_seconds < PATIENT_SECONDS


def original():
    return next(target for target in builtin_targets() if target.declaration.name == "sd21-original")
