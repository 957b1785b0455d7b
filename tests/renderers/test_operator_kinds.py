import msgspec
import pytest

from sdprof.model import HotOp, TraceFacts, TraceStep
from sdprof.renderers.operator_kinds import OUTSIDE, kind_of, kind_times
from sdprof.renderers.step_time import before_and_after
from tests.renderers.samples import SAMPLES, faster


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::cudnn_convolution", "convolution"),
        ("aten::addmm", "matrix product"),
        ("aten::bmm", "matrix product"),
        ("mkldnn::_linear_pointwise", "matrix product"),
        ("mkldnn::_convolution_pointwise", "convolution"),
        ("ampere_fp16_s16816gemm_fp16_128x64_ldg8_f2f_stages_32x6_tn", "matrix product"),
        ("aten::_softmax", "attention"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("aten::native_group_norm", "normalisation"),
        ("aten::native_layer_norm", "normalisation"),
        ("aten::copy_", "layout and copies"),
        ("aten::cat", "layout and copies"),
        ("Memcpy HtoD (Pageable -> Device)", "layout and copies"),
        ("aten::mul", "element-wise"),
        ("aten::silu_", "element-wise"),
        ("aten::gelu", "element-wise"),
        ("triton_poi_fused_add_3", "compiled code"),
        ("aten::nonzero", "other"),
    ],
)
def test_names_fall_into_kinds(operator: str, kind: str) -> None:
    assert kind_of(operator) == kind


def test_kinds_add_up_to_the_measured_step() -> None:
    before_ms, after_ms = before_and_after(faster())
    times = kind_times(faster())
    assert sum(time.before_ms or 0 for time in times) == pytest.approx(before_ms)
    assert sum(time.after_ms or 0 for time in times) == pytest.approx(after_ms)
    assert [time.longest_ms for time in times] == sorted((time.longest_ms for time in times), reverse=True)


def test_a_side_without_operators_has_no_times() -> None:
    result = msgspec.structs.replace(faster(), hot_ops_after=())
    assert {time.after_ms for time in kind_times(result)} == {None}
    assert kind_times(SAMPLES["everything_missing"]()) == ()


def test_operators_without_time_divide_nothing() -> None:
    idle = HotOp(name="aten::mul", calls=1, seconds=0.0, share=0.0)
    assert kind_times(msgspec.structs.replace(faster(), hot_ops=(idle,), hot_ops_after=())) == ()


def test_what_the_profiler_did_not_see_is_outside_of_operators() -> None:
    steps = tuple(TraceStep(name=f"ProfilerStep#{n}", start_us=0, seconds=0.1) for n in range(4))
    seen = TraceFacts(gpu_events=0, kernels=0, kernel_us=0, span_us=0, busy_us=0, idle_share=None, steps=steps)
    little = (HotOp(name="aten::mul", calls=4, seconds=0.02, share=1.0),)
    times = {
        time.kind: time for time in kind_times(msgspec.structs.replace(faster(), hot_ops_after=little, trace=seen))
    }
    _, after_ms = before_and_after(faster())
    assert after_ms is not None
    assert times["element-wise"].after_ms == pytest.approx(5.0)
    assert times[OUTSIDE].after_ms == pytest.approx(after_ms - 5.0)
    assert times["convolution"].after_ms == 0
