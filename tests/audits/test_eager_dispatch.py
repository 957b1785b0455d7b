"""A step of very many operators is worth a compiler's try; a short one is not."""

from sdprof.audits.eager_dispatch import MANY_OPERATORS_PER_STEP, audit
from tests.audits.census import facts, site


def test_counts_the_operators_of_a_step_and_names_the_frequent_ones() -> None:
    many = 4 * MANY_OPERATORS_PER_STEP
    (finding,) = audit(facts(site("aten::mul", calls=many), site("aten::mul", 11, calls=4), site("aten::mm", calls=4)))
    assert finding.evidence["operators_per_step"] == MANY_OPERATORS_PER_STEP + 2
    assert finding.evidence["most_frequent"] == f"aten::mul {MANY_OPERATORS_PER_STEP + 1}, aten::mm 1"


def test_a_short_step_passes() -> None:
    assert not list(audit(facts(site("aten::mul", calls=4 * MANY_OPERATORS_PER_STEP - 4))))
