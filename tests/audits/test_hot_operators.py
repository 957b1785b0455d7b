"""Operators with a tenth of the time or more, against the machine's peak where their work is known."""

from sdprof.audits.hot_operators import audit
from sdprof.facts.facts import Facts
from sdprof.model import HotOp


def operator(name: str, share: float, percent_of_peak: float | None = None) -> HotOp:
    return HotOp(name=name, calls=12, seconds=share, share=share, percent_of_peak=percent_of_peak)


def test_lists_the_hot_ones_with_their_part_of_the_peak() -> None:
    (finding,) = audit(
        Facts(hot_ops=(operator("aten::mm", 0.5, 61.4), operator("aten::mul", 0.1), operator("aten::add", 0.09)))
    )
    assert finding.evidence == {
        "aten::mm": "50.0 % of the time, 12 calls, 61 % of GEMM peak",
        "aten::mul": "10.0 % of the time, 12 calls",
    }


def test_an_even_spread_passes() -> None:
    assert not list(audit(Facts(hot_ops=(operator("aten::mm", 0.09),))))
