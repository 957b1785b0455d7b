"""Facts of real traces, against the table that was counted by hand in tests/golden/traces/README.md."""

from functools import cache
from pathlib import Path

import pytest

from sdprof.facts.trace.audit_sections import hot_ops, trace_facts
from sdprof.facts.trace.read_trace import read_trace
from sdprof.facts.trace.trace_diff import trace_diff
from sdprof.facts.trace.trace_report import TraceReport, trace_report

TRACES = Path(__file__).parents[2] / "golden" / "traces"
CLEAN = ("a100_alexnet", "a100_train_control", "h100_bert", "h100_qwen", "mi300_sd35_4steps", "v100_train_test")


@cache
def report(name: str) -> TraceReport:
    return trace_report(read_trace(TRACES / f"{name}.json.gz"))


@pytest.mark.parametrize(
    ("name", "gpu_events", "kernels", "kernel_us", "span_us", "busy_us", "idle_percent"),
    [
        ("mi300_sd35_4steps", 8066, 8042, 712014, 1171629, 712490, 39.2),
        ("a100_train_control", 9450, 8568, 446813, 464594, 388587, 16.4),
        ("v100_train_test", 15632, 9876, 801858, 745239, 717943, 3.7),
        ("h100_bert", 61, 60, 307, 3908, 309, 92.1),
        ("h100_qwen", 1707, 1465, 45433, 49653, 45647, 8.1),
        ("a100_alexnet", 98, 79, 10692, 12920244, 66141, 99.5),
    ],
)
def test_device_time(name, gpu_events, kernels, kernel_us, span_us, busy_us, idle_percent):
    facts = trace_facts(report(name))
    assert (facts.gpu_events, facts.kernels) == (gpu_events, kernels)
    assert (round(facts.kernel_us), round(facts.span_us), round(facts.busy_us)) == (kernel_us, span_us, busy_us)
    assert round(100 * facts.idle_share, 1) == idle_percent


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "mi300_sd35_4steps",
            {
                ("H2D", "Host", "Device"): (7, 6576),
                ("D2D", "Device", "Device"): (15, 4833304),
                ("D2H", "Device", "Host"): (1, 6291456),
            },
        ),
        (
            "a100_train_control",
            {
                ("H2D", "Pinned", "Device"): (150, None),
                ("D2H", "Device", "Pageable"): (60, 100896),
                ("D2D", "Device", "Device"): (18, None),
            },
        ),
        (
            "v100_train_test",
            {
                ("H2D", "Pinned", "Device"): (151, None),
                ("D2H", "Device", "Pageable"): (60, None),
                ("D2D", "Device", "Device"): (4645, None),
            },
        ),
        ("h100_bert", {("D2H", "Device", "Pinned"): (1, None)}),
        ("h100_qwen", {("D2H", "Device", "Pinned"): (1, None)}),
        ("a100_alexnet", {("H2D", "Pageable", "Device"): (16, 244403360)}),
    ],
)
def test_copies(name, expected):
    found = {(group.direction, group.source, group.destination): group for group in report(name).copies}
    assert {key: group.count for key, group in found.items()} == {key: count for key, (count, _) in expected.items()}
    for key, (_, size) in expected.items():
        if size is not None:
            assert found[key].bytes == size
    for group in found.values():
        assert sum(site.count for site in group.sites) == group.count
        assert sum(site.bytes for site in group.sites) == group.bytes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mi300_sd35_4steps", {"hipDeviceSynchronize": 3}),
        ("a100_train_control", {"cudaStreamSynchronize": 60, "cudaDeviceSynchronize": 1}),
        ("v100_train_test", {"cudaStreamSynchronize": 60, "cudaDeviceSynchronize": 1}),
        ("h100_bert", {"cudaDeviceSynchronize": 2, "cudaStreamSynchronize": 1}),
        ("h100_qwen", {"cudaDeviceSynchronize": 2, "cudaStreamSynchronize": 1}),
        ("a100_alexnet", {"cudaStreamSynchronize": 16, "cudaDeviceSynchronize": 5}),
    ],
)
def test_syncs(name, expected):
    assert {group.name: group.count for group in trace_facts(report(name)).syncs} == expected
    for group in report(name).syncs:
        assert sum(site.count for site in group.sites) == group.count


@pytest.mark.parametrize("name", CLEAN)
def test_parts_add_up(name):
    facts = report(name)
    idle = facts.idle
    parts = (idle.launch_bound_us, idle.sync_us, idle.copy_us, idle.python_us, idle.queued_us, idle.unknown_us)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(idle.idle_us)
    assert idle.idle_us == pytest.approx(facts.device.span_us - facts.device.busy_us)
    for totals in (facts.kernels, facts.kernels_by_operator):
        assert sum(total.device_us for total in totals) == pytest.approx(facts.device.kernel_us)
        assert sum(total.count for total in totals) == facts.device.kernels
    assert facts.launch_delay.kernels + facts.launch_delay.unlinked == facts.device.kernels
    assert sum(operator.count for operator in facts.operators) == facts.operator_calls
    assert sum(operator.share for operator in facts.operators) == pytest.approx(1)


def test_the_denoising_loop_of_stable_diffusion_has_four_steps():
    found = report("mi300_sd35_4steps").steps
    assert (found.found_by, found.name) == ("module calls", "SD3Transformer2DModel_0")
    assert [round(step.seconds, 3) for step in found.steps] == [0.251, 0.249, 0.249, 0.249]
    assert all(1090 < step.kernels < 1120 for step in found.steps)
    assert [step.name for step in trace_facts(report("mi300_sd35_4steps")).steps] == ["SD3Transformer2DModel_0"] * 4


def test_profiler_steps_are_taken_as_marked():
    found = report("a100_train_control").steps
    assert found.found_by == "ProfilerStep"
    assert [step.name for step in found.steps] == [f"ProfilerStep#{number}" for number in range(1009, 1015)]
    assert [step.kernels for step in found.steps] == [1428] * 6


def test_the_compiled_region_was_called_once_a_step():
    (region,) = report("mi300_sd35_4steps").compilation.regions
    assert (region.frame, region.version, region.calls) == (0, 0, 4)
    assert report("mi300_sd35_4steps").compilation.recompiled_frames == 0


def test_copies_and_syncs_point_at_python_lines():
    mi300 = report("mi300_sd35_4steps")
    (to_host,) = (group for group in mi300.copies if group.direction == "D2H")
    where = to_host.sites[0].site.where
    assert (where.file, where.function) == ("diffusers/image_processor.py", "pt_to_numpy")
    bert = {group.name: group for group in report("h100_bert").syncs}
    site = bert["cudaStreamSynchronize"].sites[0].site
    assert site.operator == "aten::_local_scalar_dense"
    assert site.where.function == "_prepare_4d_attention_mask_for_sdpa"


def test_kernels_launched_before_the_recording_are_marked():
    qwen = report("h100_qwen")
    assert qwen.launch_delay.unlinked == 436
    assert any("509 of 1707 GPU events have no recorded launch" in note for note in qwen.notes)


@pytest.mark.parametrize("name", [name for name in CLEAN if name != "h100_qwen" and name != "v100_train_test"])
def test_every_gpu_event_of_a_whole_recording_is_linked(name):
    assert report(name).launch_delay.unlinked == 0


def test_device_time_of_modules_is_that_of_their_kernels():
    bert = report("h100_bert")
    (root,) = (module for module in bert.modules if module.depth == 0)
    assert root.path == "BertLMHeadModel_0"
    assert root.device_us == pytest.approx(bert.device.kernel_us + 2.24, abs=0.001)
    assert sum(module.self_device_us for module in bert.modules) == pytest.approx(root.device_us)


def test_a_trace_without_gpu_has_hot_operators_modules_and_steps():
    toy = report("cpu_toy_loop")
    facts = trace_facts(toy)
    assert (facts.gpu_events, facts.idle_share) == (0, None)
    assert "The trace has no GPU events: nothing is said about GPU time, copies and idle time." in facts.notes
    assert toy.steps.name == "Net_0"
    assert len(toy.steps.steps) == 4
    paths = {module.path: module for module in toy.modules}
    assert set(paths) >= {"Net_0", "Net_0/Block_0", "Net_0/Block_2/Linear_2", "Net_0/Block_1/Conv2d_1"}
    assert {module.calls for module in toy.modules} == {4}
    assert paths["Net_0"].share == pytest.approx(1)
    assert sum(module.self_host_us for module in toy.modules) == pytest.approx(paths["Net_0"].host_us)
    hottest = hot_ops(toy)[0]
    assert (hottest.name, hottest.calls) == ("aten::mkldnn_convolution", 12)
    assert hottest.input_shapes.startswith("[[2, 4, 32, 32], [4, 4, 3, 3], [4]")


def test_self_times_of_operators_add_up_to_the_outermost_ones():
    trace = read_trace(TRACES / "cpu_toy_loop.json.gz")
    named = dict(trace.operators.select("name", "duration_ns").group_by("name").agg(ns="duration_ns").iter_rows())
    toy = {operator.name: operator for operator in report("cpu_toy_loop").operators}
    assert toy["aten::conv2d"].host_us == pytest.approx(sum(named["aten::conv2d"]) / 1000)
    chain = ("aten::conv2d", "aten::convolution", "aten::_convolution", "aten::mkldnn_convolution")
    assert toy["aten::conv2d"].host_us >= sum(toy[name].self_host_us for name in chain)


def test_diff_of_the_same_job_on_two_gpus():
    diff = trace_diff(report("a100_train_control"), report("v100_train_test"))
    assert diff.measure == "device time"
    assert not diff.per_step
    for changes in (diff.totals, diff.operators, diff.kernels):
        sizes = [abs(change.change_us) for change in changes]
        assert sizes == sorted(sizes, reverse=True)
    totals = {change.name: change for change in diff.totals}
    assert round(totals["kernels"].change_us) == 801858 - 446813
    assert totals["busy"].ratio == pytest.approx(717943 / 388587)
    kernels = {change.name: change for change in diff.kernels}
    gone = next(change for change in kernels.values() if "cutlass_80_tensorop_s1688gemm_64x64_16x6" in change.name)
    assert gone.status == "gone"
    assert (gone.count_after, gone.us_after) == (0, 0)
    assert any(change.status == "added" and "volta" in change.name for change in kernels.values())
    assert sum(change.us_before for change in diff.kernels) == pytest.approx(totals["kernels"].us_before)
    operators = {change.name: change for change in diff.operators}
    assert operators["CompiledFunctionBackward"].status == "added"


def test_a_trace_does_not_differ_from_itself():
    diff = trace_diff(report("h100_bert"), report("h100_bert"))
    for changes in (diff.totals, diff.operators, diff.kernels, diff.modules):
        assert changes
        assert {(change.status, change.change_us) for change in changes} == {("changed", 0.0)}
