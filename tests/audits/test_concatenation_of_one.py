"""``cat`` of one tensor is found; of two it is none of this rule's business."""

from sdprof.audits.concatenation_of_one import audit
from tests.audits.census import facts, site


def test_finds_each_expression() -> None:
    (finding,) = audit(facts(site("aten::cat", input_shapes=((2, 8),), output_bytes=8192)))
    assert finding.count_per_step == 2
    assert finding.evidence == {"kib_per_step": 2.0}


def test_a_concatenation_of_two_is_left_alone() -> None:
    assert not list(audit(facts(site("aten::cat", input_shapes=((2, 8), (2, 8))))))
