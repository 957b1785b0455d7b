import pytest

from sdprof.facts.operator_flops import with_percent_of_peak
from sdprof.facts.trace.hot_operators import HotOperator, OperatorShapes
from sdprof.model import HotOp, Peaks

PEAKS = Peaks(
    device="cpu",
    dtype="float32",
    gemm_flops_per_second=1e9,
    copy_bytes_per_second=1e9,
    gemm_size=1024,
    copy_bytes=1 << 20,
)


def product(name: str, count: int, *groups: tuple[str, int]) -> HotOperator:
    shapes = tuple(
        OperatorShapes(shapes=shapes, dtypes="", count=calls, self_host_us=1.0, device_us=0.0)
        for shapes, calls in groups
    )
    return HotOperator(name=name, count=count, self_host_us=1.0, host_us=1.0, device_us=0.0, share=0.5, shapes=shapes)


def told(recorded: HotOperator) -> HotOp:
    row = HotOp(name=recorded.name, calls=recorded.count, seconds=0.001, share=0.5)
    (known,) = with_percent_of_peak([row], [recorded], None, PEAKS)
    return known


@pytest.mark.parametrize(
    ("name", "shapes", "flops"),
    [
        ("aten::mm", "[[8, 32], [32, 64]]", 2 * 8 * 32 * 64),
        ("aten::bmm", "[[4, 8, 32], [4, 32, 64]]", 4 * 2 * 8 * 32 * 64),
        ("aten::addmm", "[[64], [8, 32], [32, 64], [], []]", 2 * 8 * 32 * 64),
    ],
)
def test_a_product_takes_a_multiplication_and_an_addition_for_each_term(name: str, shapes: str, flops: int) -> None:
    row = told(product(name, 3, (shapes, 3)))
    assert row.flops == 3 * flops
    assert row.percent_of_peak == pytest.approx(100 * 3 * flops / 0.001 / 1e9)


def test_operations_are_those_of_all_shapes_or_unknown() -> None:
    groups = (("[[8, 32], [32, 64]]", 2), ("[[8, 64], [64, 32]]", 1))
    assert told(product("aten::mm", 3, *groups)).flops == 3 * 2 * 8 * 32 * 64
    assert told(product("aten::mm", 4, *groups)).flops is None
    assert told(product("aten::mm", 1, ("[[8, 32], [31, 64]]", 1))).flops is None
    assert told(product("aten::mul", 1, ("[[8, 32], [8, 32]]", 1))).flops is None
