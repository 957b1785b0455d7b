import pytest

from sdprof.model import HotOp
from sdprof.renderers.compiler_names import merged, plain_name


def test_what_a_reader_knows_keeps_its_name() -> None:
    assert plain_name("aten::mm") == "aten::mm"
    assert plain_name("triton_poi_fused_add_0") == "triton_poi_fused_add_0"


def test_graphs_named_by_a_hash_are_one_row() -> None:
    first = HotOp(name="## Call CompiledFxGraph fa27ahlx ##", calls=5, seconds=2.0, share=0.25)
    product = HotOp(name="aten::mm", calls=9, seconds=1.0, share=0.125, input_shapes="[[2, 2]]")
    second = HotOp(name="## Call CompiledFxGraph fmw3jvtz ##", calls=3, seconds=1.0, share=0.125)
    region = HotOp(name="Torch-Compiled Region: 1/2", calls=5, seconds=0.5, share=0.0625)

    graphs, unchanged, regions = merged([first, product, second, region])

    assert unchanged == product
    assert (graphs.name, graphs.calls) == ("compiled graphs", 8)
    assert (graphs.seconds, graphs.share) == pytest.approx((3.0, 0.375))
    assert regions.name == "calls of compiled regions"
