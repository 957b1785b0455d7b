"""Attention is naive where a softmax over a batch of products is written out."""

import pytest

from sdprof.audits.naive_attention import audit
from sdprof.facts.facts import Facts
from sdprof.model import OperatorCensus
from tests.audits.census import facts, place, site

SCORES = (10, 64, 77)


def softmax(**fields: object) -> object:
    return site(
        "aten::_softmax",
        12,
        **{"input_shapes": (SCORES,), "input_dtypes": ("float32",), "output_bytes": 4 * 2**20, **fields},
    )


def test_finds_it_and_counts_the_bytes() -> None:
    product = site("aten::bmm", 11, input_shapes=((10, 64, 40), (10, 40, 77)))
    (finding,) = audit(facts(product, softmax()))
    assert finding.locations == (place(12),)
    assert finding.count_per_step == 2
    assert finding.evidence["softmax_mib_per_step"] == 1.0
    assert finding.evidence["largest_score_matrix"] == "10 × 64 × 77"
    # 4 passes over 1 MiB at 10 GB/s
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(1e3 * 4 * 2**20 / 1e10)


def test_heads_may_be_a_dimension_of_their_own() -> None:
    product = site("aten::bmm", 11, input_shapes=((10, 64, 40), (10, 40, 77)))
    assert list(audit(facts(product, softmax(input_shapes=((2, 5, 64, 77),)))))


@pytest.mark.parametrize(
    "product",
    [
        site("aten::bmm", 11, input_shapes=((10, 64, 40), (10, 40, 64))),
        site("aten::mul", 11, input_shapes=((10, 64, 40), (10, 40, 77))),
        site("aten::bmm", 11, where=place(11, "elsewhere"), input_shapes=((10, 64, 40), (10, 40, 77))),
    ],
)
def test_another_softmax_is_no_attention(product: object) -> None:
    assert not list(audit(facts(product, softmax())))


def test_a_classifier_softmax_is_no_attention() -> None:
    assert not list(audit(facts(softmax(input_shapes=((64, 1000),)))))


def test_attention_outside_of_the_loop_has_no_share_of_a_step() -> None:
    product = site("aten::bmm", 11, input_shapes=((10, 64, 40), (10, 40, 77)), calls_per_step=0.0)
    census = OperatorCensus(steps=4, operators=0, sites=(), outside=(product, softmax(scope="results")))
    (finding,) = audit(Facts(operators=census))
    assert (finding.severity, finding.count_per_step, finding.cost) == ("low", None, None)
    assert finding.region == "behind the loop"
