"""No file makes the reader or the facts fail in any way but a TraceError."""

import json
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdprof.facts.trace import ReadLimits, TraceError, audit_sections, read_trace, trace_diff, trace_report
from sdprof.renderers import terminal
from sdprof.renderers.html import page
from sdprof.renderers.read_audit import parse_audit
from sdprof.stages.recorded import audit_recorded
from tests.facts.trace import trace_files as make

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SMALL = ReadLimits(chunk_bytes=97, event_bytes=1 << 16, outside_events_bytes=1 << 16)

EVENTS = [
    make.python("train.py(3): loop", 0, 90, 1),
    make.python("nn.Module: Net_0", 1, 50, 2, parent=1, module=0),
    make.operator("aten::linear", 2, 30, external_id=1, shapes=[[2, 3], [3]]),
    make.call("cudaLaunchKernel", 5, 2, 11),
    make.operator('a "},{" b', 40, 9, external_id=2),
    make.call("cudaMemcpyAsync", 41, 2, 12),
    make.call("cudaStreamSynchronize", 44, 4, 13),
    make.annotation("ProfilerStep#1", 0, 90),
    make.kernel("gemm<{lambda}, {lambda}>", 20, 6, 11),
    make.copy("Memcpy DtoH (Device -> Pageable)", 42, 3, 12, size=8),
]
TEXT = json.dumps({"schemaVersion": 1, "traceEvents": EVENTS, "deviceProperties": [{"id": 0}, {"id": 1}]}).encode()

names = st.text(max_size=12) | st.sampled_from(
    ["aten::add", "nn.Module: A_0", "ProfilerStep#3", "},{", "]}", '"', "\\"]
)
times = st.one_of(st.integers(-10, 100), st.floats(-1e3, 1e3), st.floats(), st.none(), st.integers())
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
arguments = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers(-1, 6) | anything
        for name in (
            "External id", "correlation", "stream", "device", "bytes", "Input Dims", "Input type",
            "Python id", "Python parent id", "Python module id", "Call stack",
        )
    },
)  # fmt: skip
categories = st.sampled_from(
    ["cpu_op", "user_annotation", "python_function", "cuda_runtime", "kernel", "gpu_memcpy", "gpu_memset", "Trace", "?"]
)
events = st.fixed_dictionaries(
    {"ph": st.sampled_from("XXXXXBEis"), "cat": categories, "name": names},
    optional={
        "pid": st.integers(0, 2) | anything,
        "tid": st.integers(0, 2) | anything,
        "ts": times,
        "dur": times,
        "args": arguments | anything,
    },
)


def read_and_compute(path: Path, limits: ReadLimits = SMALL) -> None:
    try:
        trace = read_trace(path, limits)
    except TraceError:
        return
    report = trace_report(trace)
    facts = audit_sections.trace_facts(report)
    assert 0 <= facts.busy_us <= facts.span_us
    assert report.idle.idle_us >= 0
    assert 0 <= report.loop_idle.idle_us <= report.idle.idle_us
    trace_diff(report, report)
    result = audit_recorded(path, limits=limits).result
    if result.transfers is not None and result.transfers.baseline is not None:
        told = [site for site in result.transfers.baseline.sites if site.kind != "SYNC"]
        crossing = sum(copy.count for copy in facts.copies if copy.direction in ("H2D", "D2H"))
        assert sum(site.count for site in told) <= crossing
    assert parse_audit(msgspec.json.encode(result)).findings == result.findings
    assert terminal.render(result)
    assert page.render(result).encode()


@FUZZ
@given(data=st.data())
def test_damaged_bytes(tmp_path, data):
    text = bytearray(TEXT)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "drop", "repeat"])):
            case "flip":
                text[position] = data.draw(st.integers(0, 255))
            case "cut":
                del text[position + 1 :]
            case "insert":
                text[position:position] = data.draw(
                    st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"NaN"])
                )
            case "drop":
                del text[position : position + data.draw(st.integers(1, 40))]
            case "repeat":
                text[position:position] = text[position : position + 60]
        text = text or bytearray(b" ")
    path = tmp_path / "fuzz.json"
    path.write_bytes(bytes(text))
    read_and_compute(path)


@FUZZ
@given(found=st.lists(events | anything, max_size=12), chunk=st.integers(1, 400), bare=st.booleans())
def test_odd_events(tmp_path, found, chunk, bare):
    path = tmp_path / "fuzz.json"
    path.write_text(json.dumps(found if bare else {"a": "},{", "traceEvents": found, "b": [{}, {}]}))
    read_and_compute(path, ReadLimits(chunk_bytes=chunk))


COPIES = st.sampled_from(
    ["Memcpy HtoD (Pinned -> Device)", "Memcpy DtoH (Device -> Pageable)", "Memcpy DtoD (Device -> Device)", "Memcpy"]
)
sound = st.builds(
    lambda name, start, length, id, copy: [
        make.operator(name, start, length),
        make.call("cudaMemcpyAsync" if copy else "cudaLaunchKernel", start, length, id),
        make.call("cudaStreamSynchronize", start + length, 1, 10_000 + id),
        make.copy(copy, start + 5, length, id, size=id) if copy else make.kernel(name, start + 5, length, id),
    ],
    st.sampled_from(["aten::copy_", "aten::_local_scalar_dense", "aten::add", "Torch-Compiled Region: 0/1"]),
    st.integers(0, 200),
    st.integers(0, 20),
    st.integers(0, 5),
    st.none() | COPIES,
)


@FUZZ
@given(
    found=st.lists(sound, min_size=1, max_size=8), broken=st.lists(st.sampled_from(["dur", "ts", "-dur"]), max_size=4)
)
def test_durations_that_are_missing_and_ids_that_are_shared(tmp_path, found, broken):
    written = [event for group in found for event in group]
    for number, damage in enumerate(broken):
        event = written[number % len(written)]
        event |= {"dur": -1 - number} if damage == "-dur" else {damage: None}
    path = make.write(tmp_path, written)
    read_and_compute(path, ReadLimits())
    unusable = sum(1 for event in written if event["ts"] is None or event["dur"] is None or event["dur"] < 0)
    try:
        trace = read_trace(path)
    except TraceError:
        assert unusable == len(written)
        return
    assert trace.event_count == len(written) - unusable
    assert bool(unusable) == any("left out" in gap for gap in trace.gaps)


@FUZZ
@given(
    found=st.lists(st.tuples(names, st.integers(0, 10**6), st.integers(0, 10**4)), min_size=1, max_size=20),
    chunk=st.integers(1, 300),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
)
def test_what_was_written_is_read(tmp_path, found, chunk, indent, ascii_only):
    written = [make.operator(name, start / 1000, duration / 1000) for name, start, duration in found]
    path = tmp_path / "trace.json"
    text = json.dumps({"x": [{}, {}], "traceEvents": written, "y": [{}, {}]}, indent=indent, ensure_ascii=ascii_only)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    trace = read_trace(path, ReadLimits(chunk_bytes=chunk))
    origin_ns = round(trace.origin_us * 1000)
    for table, marks in ((trace.operators, False), (trace.annotations, True)):
        rows = table.select("name", "start_ns", "duration_ns").rows()
        assert [(name, start + origin_ns, duration) for name, start, duration in rows] == [
            event for event in found if event[0].startswith("ProfilerStep#") == marks
        ]
    assert trace.gaps == ()
