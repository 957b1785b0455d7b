"""Each fact on a trace small enough to work out by hand; times in microseconds."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.facts.trace import read_trace, trace_diff, trace_facts, trace_report
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.repeating_pattern import repetition
from sdprof.facts.trace.runtime_names import is_blocking_copy, is_copy, is_sync
from tests.facts.trace import trace_files as make


@pytest.fixture
def report_of(tmp_path):
    def report(*events, **header):
        return trace_report(read_trace(make.write(tmp_path, events, **header)))

    return report


def test_busy_is_a_union_over_streams_and_kinds(report_of):
    device = report_of(
        make.kernel("a", 0, 10, 1),
        make.kernel("b", 5, 10, 2, stream=8),
        make.copy("Memcpy DtoD (Device -> Device)", 20, 5, 3, size=64),
    ).device
    assert (device.span_us, device.busy_us, device.idle_us, device.kernel_us) == (25, 20, 5, 20)
    assert device.idle_share == pytest.approx(0.2)


def test_devices_are_told_apart(report_of):
    report = report_of(
        make.kernel("a", 0, 10, 1),
        make.kernel("b", 30, 10, 2, device=1),
        deviceProperties=[{"id": 0, "name": "left"}, {"id": 1, "name": "right"}],
    )
    assert [(one.device, one.name, one.busy_us, one.idle_us) for one in report.devices] == [
        (0, "left", 10, 0),
        (1, "right", 10, 0),
    ]
    assert (report.device.device, report.device.name, report.device.idle_us) == (None, "left, right", 20)


def test_idle_time_is_split_by_what_the_launching_thread_did(report_of):
    report = report_of(
        make.python("loop.py(7): sample", 0, 300, 1),
        make.operator("aten::mm", 0, 10),
        make.call("cudaLaunchKernel", 5, 2, 1),
        make.kernel("first", 10, 10, 1),
        # 20 to 100: 10 in a wait that had emptied the queue, 30 in Python, 20 in an operator, 10 in a copying call,
        # then the launch at 90, and 10 until the kernel starts.
        make.call("cudaStreamSynchronize", 12, 18, 50),
        make.operator("aten::add", 60, 35),
        make.call("cudaMemcpyAsync", 70, 10, 51),
        make.call("cudaLaunchKernel", 90, 5, 2),
        make.kernel("second", 100, 10, 2),
        # launched long before: the GPU waited for itself
        make.call("cudaLaunchKernel", 96, 1, 3),
        make.kernel("third", 115, 5, 3),
        make.kernel("unlinked", 125, 5, 999),
    )
    idle = report.idle
    assert (idle.idle_us, idle.gaps) == (80 + 5 + 5, 3)
    assert (idle.sync_us, idle.python_us, idle.copy_us) == (10, 30, 10)
    assert idle.launch_bound_us == 20 + 10
    assert (idle.queued_us, idle.unknown_us, idle.after_sync_us) == (5, 5, 80)
    longest = report.gaps[0]
    assert (longest.start_us, longest.duration_us, longest.next_event) == (10, 80, "second")
    assert longest.drained_by == "cudaStreamSynchronize"
    assert (longest.host_event, longest.host_event_us) == ("loop.py(7): sample", 34)
    assert longest.launched_by.operator == "aten::add"
    assert (longest.launched_by.where.file, longest.launched_by.where.line) == ("loop.py", 7)
    assert sum(longest.spent_us.values()) == longest.duration_us


def test_what_filled_a_gap_is_looked_for_below_annotations(report_of):
    report = report_of(
        make.annotation("my step", 0, 200),
        make.operator("aten::outer", 0, 120),
        make.annotation("inner", 10, 100),
        make.operator("aten::slow", 15, 70),
        make.operator("aten::other thread", 20, 70, tid=2),
        make.call("cudaLaunchKernel", 1, 1, 1),
        make.kernel("first", 2, 8, 1),
        make.call("cudaLaunchKernel", 105, 2, 2),
        make.kernel("second", 110, 5, 2),
    )
    assert (report.gaps[0].host_event, report.gaps[0].host_event_us) == ("aten::slow", 70)
    assert trace_facts(report).gaps[0].host_event == "aten::slow"


def test_launch_delay_counts_from_the_start_of_the_call(report_of):
    delay = report_of(
        make.call("cudaLaunchKernel", 0, 5, 1),
        make.kernel("k", 10, 1, 1),
        make.call("cudaLaunchKernel", 6, 5, 2),
        make.kernel("k", 36, 1, 2),
        make.kernel("k", 50, 1, 3),
    ).launch_delay
    assert (delay.kernels, delay.unlinked, delay.median_us, delay.longest_us) == (2, 1, 20, 30)


def test_kernels_before_their_launch_are_counted_in_a_note(report_of):
    report = report_of(
        make.call("cudaLaunchKernel", 10, 5, 1),
        make.kernel("k", 4, 1, 1),
        make.call("cudaLaunchKernel", 20, 5, 2),
        make.kernel("k", 30, 1, 2),
    )
    assert report.launch_delay.negative == 1
    assert any(note.startswith("1 of 2 kernels began before their launch") for note in report.notes)


def test_copies_without_a_size_have_no_sum(report_of):
    report = report_of(
        make.copy("Memcpy HtoD (Pinned -> Device)", 0, 2, 1, size=100),
        make.copy("Memcpy HtoD (Pageable -> Device)", 5, 2, 2),
        make.copy("Memcpy PtoP (Device -> Device)", 9, 2, 3, size=7),
        make.copy("Memcpy from afar", 12, 2, 4, size=1),
    )
    found = {(group.direction, group.source): (group.count, group.bytes) for group in report.copies}
    assert found == {
        ("H2D", "Pinned"): (1, 100),
        ("H2D", "Pageable"): (1, None),
        ("P2P", "Device"): (1, 7),
        ("Memcpy from afar", ""): (1, 1),
    }
    section = {(copy.direction, copy.source): (copy.count, copy.bytes) for copy in trace_facts(report).copies}
    assert section == found


def test_overlap_of_copies_and_kernels(report_of):
    overlap = report_of(
        make.kernel("k", 0, 10, 1),
        make.copy("Memcpy HtoD (Pinned -> Device)", 6, 8, 2, size=1, stream=9),
        make.copy("Memcpy HtoD (Pinned -> Device)", 20, 2, 3, size=1, stream=9),
    ).copy_overlap
    assert (overlap.copy_us, overlap.overlapped_us, overlap.overlapped_share) == (10, 4, 0.4)


def test_only_calls_that_wait_are_syncs():
    names = pl.Series(
        ["cudaStreamSynchronize", "hipEventSynchronize", "cuCtxSynchronize", "cudaStreamWaitEvent", "cudaMemcpyAsync",
         "hipMemcpyWithStream", "cudaMemcpy", "cuMemcpyDtoHAsync_v2", "cudaLaunchKernel", None],
        dtype=pl.Categorical,
    )  # fmt: skip
    assert is_sync(names).to_list() == [True, True, True] + [False] * 7
    assert is_copy(names).to_list() == [False] * 4 + [True, True, True, True, False, False]
    assert is_blocking_copy(names).to_list() == [False] * 5 + [True, True, False, False, False]


def test_sites_skip_torch_and_follow_the_links_of_frames(report_of):
    (group,) = report_of(
        make.python("run.py(30): main", 0, 900, 1, tid=0),
        make.python("sampler.py(12): step", 0, 800, 2, parent=1),
        make.python("torch/nn/modules/module.py(1500): _call_impl", 1, 700, 3, parent=2),
        make.python("<built-in method item of Tensor object at 0x7f>", 2, 600, 4, parent=3),
        make.operator("aten::item", 3, 500),
        make.call("cudaStreamSynchronize", 4, 400, 1),
    ).syncs
    (site,) = group.sites
    assert (site.site.where.file, site.site.where.line, site.site.where.function) == ("sampler.py", 12, "step")
    assert site.site.operator == "aten::item"
    assert [caller.function for caller in site.site.callers] == ["main"]


def test_stacks_that_link_in_a_circle_end(report_of):
    report = report_of(
        make.python("a.py(1): a", 0, 50, 1, parent=2),
        make.python("b.py(1): b", 1, 40, 2, parent=1),
        make.call("cudaDeviceSynchronize", 4, 4, 1),
    )
    assert report.syncs[0].sites[0].site.where.function == "b"


def test_the_call_stack_argument_serves_where_no_python_calls_are(report_of):
    event = make.operator("aten::item", 0, 10)
    event["args"]["Call stack"] = "torch/_tensor.py(10): wrapped;plms.py(88): p_sample;plms.py(40): sample"
    report = report_of(event, make.call("cudaStreamSynchronize", 2, 4, 1))
    where = report.syncs[0].sites[0].site.where
    assert (where.file, where.line) == ("plms.py", 88)


def test_self_time_looks_through_ranges_and_recursion(report_of):
    report = report_of(
        make.operator("outer", 0, 100, shapes=[[2]]),
        make.annotation("range", 10, 50),
        make.operator("inner", 20, 30),
        make.operator("outer", 70, 10, shapes=[[3]]),
        make.call("cudaLaunchKernel", 72, 1, 1),
        make.kernel("k", 200, 7, 1),
    )
    found = {operator.name: operator for operator in report.operators}
    assert (found["outer"].count, found["outer"].self_host_us, found["outer"].host_us) == (2, 60 + 10, 100)
    assert (found["inner"].self_host_us, found["outer"].device_us) == (30, 7)
    assert {one.shapes: one.self_host_us for one in found["outer"].shapes} == {"[[2]]": 60, "[[3]]": 10}


def test_modules_own_their_children(report_of):
    report = report_of(
        make.python("nn.Module: Net_0", 0, 100, 1, module=0),
        make.python("nn.Module: Linear_0", 10, 20, 2, parent=1, module=1),
        make.call("cudaLaunchKernel", 15, 1, 1),
        make.python("nn.Module: Linear_0", 40, 20, 3, parent=1, module=1),
        make.call("cudaLaunchKernel", 70, 1, 2),
        make.kernel("k", 20, 4, 1),
        make.kernel("k", 80, 6, 2),
    )
    net, linear = report.modules
    assert (net.path, net.device_us, net.self_device_us, net.self_host_us) == ("Net_0", 10, 6, 60)
    assert (linear.path, linear.calls, linear.device_us, linear.depth) == ("Net_0/Linear_0", 2, 4, 1)
    assert linear.class_name == "Linear"
    assert {total.name: total.device_us for total in report.kernels_by_module} == {
        "nn.Module: Net_0": 6,
        "nn.Module: Linear_0": 4,
    }


def test_recompiled_frames_and_compilations(report_of):
    compiled = report_of(
        make.operator("Torch-Compiled Region: 0/0", 0, 10),
        make.operator("Torch-Compiled Region: 0/1", 20, 30),
        make.operator("Torch-Compiled Region: 1/0", 60, 5),
        make.operator("Torch-Compiled Region", 70, 2),
        make.operator("_compile.compile_inner (dynamo_timed)", 80, 9),
    ).compilation
    assert [(region.frame, region.version, region.host_us) for region in compiled.regions] == [
        (0, 1, 30),
        (0, 0, 10),
        (1, 0, 5),
        (None, None, 2),
    ]
    assert (compiled.recompiled_frames, compiled.compilations, compiled.compiling_us) == (1, 1, 9)


def test_steps_from_numbered_annotations(report_of):
    found = report_of(*[make.annotation(f"denoise step {n}", 100 * n, 90) for n in range(3)]).steps
    assert (found.found_by, found.name) == ("annotation", "denoise step")
    assert [(step.name, step.start_us, round(step.seconds * 1e6)) for step in found.steps] == [
        ("denoise step 0", 0, 90),
        ("denoise step 1", 100, 90),
        ("denoise step 2", 200, 90),
    ]


def test_a_short_repeated_range_is_no_step(report_of):
    found = report_of(
        make.operator("aten::mm", 0, 1000), make.annotation("log", 10, 5), make.annotation("log", 500, 5)
    ).steps
    assert (found.found_by, found.steps) == ("none", ())


def test_steps_from_the_pattern_of_operators(report_of):
    layer = ["norm", "q", "k", "v", "softmax", "out", "add"]
    loop = ["embed", "cast", *layer * 3, "final", "scale", "step"]
    names = ["load", "seed", *loop * 5, "decode"]
    events = [make.operator(name, 10 * index, 9) for index, name in enumerate(names)]
    found = report_of(*events).steps
    assert found.found_by == "repeating operators"
    assert [(step.start_us, round(step.seconds * 1e5)) for step in found.steps[:-1]] == [
        (10 * (2 + len(loop) * n), len(loop)) for n in range(4)
    ]
    assert len(found.steps) == 5


@given(
    body=st.lists(st.integers(0, 5), min_size=8, max_size=30),
    repeats=st.integers(3, 6),
    before=st.lists(st.integers(10, 20), max_size=10),
)
def test_a_planted_repetition_is_found(body, repeats, before):
    body = [*body, 99]  # a symbol that comes once a period, so that no shorter period is as good
    codes = np.array(before + body * repeats, np.int64)
    found = repetition(codes)
    assert found is not None
    assert found.period % len(body) == 0 or len(codes) < 3 * found.period


def test_nothing_repeats_in_what_does_not():
    assert repetition(np.arange(500)) is None
    assert repetition(np.arange(10)) is None


def brute_cover(intervals, low, high):
    covered = {point for start, length in intervals for point in range(start, start + length)}
    return sum(1 for point in covered if low <= point < high)


pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12)


@given(pairs, st.integers(-5, 80), st.integers(0, 40))
def test_cover_of_a_window(found, low, width):
    columns = np.array(found, np.int64).reshape(-1, 2).T
    union = Intervals.union(*columns)
    assert union.total == brute_cover(found, -5, 200)
    window = np.array([low]), np.array([low + width])
    assert union.covered_within(*window).tolist() == [brute_cover(found, low, low + width)]
    assert (union.starts[1:] > union.ends[:-1]).all()


@given(pairs, pairs)
def test_overlap_is_symmetric(left, right):
    first, second = (Intervals.union(*np.array(found, np.int64).reshape(-1, 2).T) for found in (left, right))
    assert first.overlap(second) == second.overlap(first)
    assert first.overlap(first) == first.total


def test_diff_divides_by_steps_and_marks_what_came_and_went(report_of):
    def loop(steps, kernel):
        events = []
        for step in range(steps):
            events += [
                make.annotation(f"ProfilerStep#{step}", 100 * step, 90),
                make.operator("aten::mm", 100 * step + 1, 20),
                make.call("cudaLaunchKernel", 100 * step + 2, 1, step + 1),
                make.kernel(kernel, 100 * step + 10, 40, step + 1),
            ]
        return report_of(*events)

    diff = trace_diff(loop(4, "old"), loop(2, "new"))
    assert diff.per_step
    assert "4 and 2 steps" in diff.notes[0]
    (operator,) = diff.operators
    assert (operator.us_before, operator.us_after, operator.change_us) == (40, 40, 0)
    assert {change.name: (change.status, change.change_us) for change in diff.kernels} == {
        "old": ("gone", -40),
        "new": ("added", 40),
    }


def test_diff_with_a_trace_without_gpu_compares_host_time(report_of):
    on_gpu = report_of(
        make.operator("aten::mm", 0, 10), make.call("cudaLaunchKernel", 2, 1, 1), make.kernel("k", 5, 50, 1)
    )
    on_cpu = report_of(make.operator("aten::mm", 0, 80))
    diff = trace_diff(on_gpu, on_cpu)
    assert diff.measure == "host time"
    assert diff.operators[0].change_us == 70
    assert "Only one of the traces has GPU events" in diff.notes[0]


def test_time_of_the_loop_between_operators(report_of):
    report = report_of(
        make.annotation("ProfilerStep#0", 0, 50),
        make.annotation("ProfilerStep#1", 50, 50),
        make.operator("aten::linear", 10, 20),
        make.operator("aten::addmm", 12, 10),
        make.operator("aten::mul", 55, 20),
        make.operator("aten::add", 90, 30),
        make.operator("aten::add", 0, 5, tid=2),
    )
    assert report.between_operators == (100, 50)
