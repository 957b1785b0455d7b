"""Reading traces: spellings, limits, and files that are broken in every way we could think of."""

import gzip
import json
import os
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from sdprof.facts.trace import ReadLimits, TraceError, read_trace, trace_report
from tests.facts.trace import trace_files as make

TRACES = Path(__file__).parents[2] / "golden" / "traces"
EVENT = make.operator("aten::add", 10, 5, external_id=1)


def refusal(path: Path, limits: ReadLimits | None = None) -> str:
    with pytest.raises(TraceError) as error:
        read_trace(path, limits)
    sentence = str(error.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\x00" * 5000, "is not JSON"),
        (b"hello", "is not JSON"),
        (b"{hello", "not valid JSON"),
        (b'{"a": 1}', "without a list traceEvents"),
        (b"[]", "without any operator"),
        (b"[1, 2", "is cut off"),
        (b'{"traceEvents": {}}', "without a list traceEvents"),
        (b'{"note": "\\"traceEvents\\": [", "a": 1}', "without a list traceEvents"),
        (b'{"schemaVersion": 1, "dev', "cut off before its first event"),
        (b'{"traceEvents": []}', "without any operator"),
        (b'{"traceEvents": [', "is cut off"),
        (b'{"traceEvents": [{"ph": "X"}, {"ph": ', "is cut off"),
        (b'{"traceEvents": [{"ph": "X"} {"ph": "X"}]}', "not valid JSON"),
        (b'{"traceEvents": ' + b"[" * 100_000, "nested too deeply"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (gzip.compress(b'{"traceEvents": []}', mtime=0)[:-9], "gzip stream has no end"),
        (b"\x1f\x8b" + b"nonsense" * 4, "gzip stream does not unpack"),
    ],
)
def test_what_is_no_trace_is_refused_in_one_sentence(tmp_path, text, said):
    path = tmp_path / "broken.json"
    path.write_bytes(text)
    assert said in refusal(path)


def test_a_missing_file_a_pipe_and_a_folder_are_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "absent.json")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, b'{"traceEvents": []}')
    assert "is a pipe, which is read only once: write it to a file first." in refusal(pipe)
    os.close(writer)
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_every_truncation_of_the_events_is_noticed(tmp_path, packed):
    text = make.write(tmp_path, [EVENT] * 3).read_bytes()
    end_of_events = text.rindex(b"]")
    for length in range(1, end_of_events + 1):
        path = tmp_path / "cut.json"
        path.write_bytes(gzip.compress(text[:length], mtime=0) if packed else text[:length])
        refusal(path)


def test_a_file_cut_off_after_its_events_is_read_and_marked(tmp_path):
    text = make.write(tmp_path, [EVENT] * 3).read_bytes()
    path = tmp_path / "cut.json"
    path.write_bytes(text[: text.rindex(b"]") + 5])
    trace = read_trace(path)
    assert trace.operators.height == 3
    assert trace.gaps == ("The file is cut off or damaged after its last event: metadata may be missing.",)


def test_a_decompression_bomb_is_refused_by_its_size(tmp_path):
    path = tmp_path / "bomb.json.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"traceEvents": [')
        for _ in range(40):
            file.write(json.dumps(EVENT).encode() + b"," + b" " * (1 << 20))
        file.write(json.dumps(EVENT).encode() + b"]}")
    assert "more than 8 MiB" in refusal(path, ReadLimits(unpacked_bytes=8 << 20))
    bomb = ReadLimits(expansion=50, expansion_from_bytes=4 << 20)
    assert "decompression bomb" in refusal(path, bomb)
    assert read_trace(path).operators.height == 41


def test_a_plain_file_over_the_limit_is_refused_unread(tmp_path):
    assert "more than 1 MiB" in refusal(
        make.write(tmp_path, [EVENT] * 12000), ReadLimits(unpacked_bytes=1 << 20, chunk_bytes=1)
    )


def test_endless_metadata_and_an_endless_event_are_refused(tmp_path):
    small = ReadLimits(outside_events_bytes=1 << 16, event_bytes=1 << 16, chunk_bytes=1 << 12)
    path = tmp_path / "trace.json"
    path.write_bytes(b'{"a": "' + b"a" * (1 << 18))
    assert "no list traceEvents in its first" in refusal(path, small)
    path.write_bytes(b'{"traceEvents": [{"name": "' + b"a" * (1 << 18))
    assert "an event of more than" in refusal(path, small)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dur": -5}, "1 events with a negative or impossible duration were left out."),
        ({"dur": 1e30}, "1 events with a negative or impossible duration were left out."),
        ({"dur": None}, "1 events without a duration were left out."),
        ({"ts": None}, "1 events without a usable start were left out."),
        ({"ts": -1e300}, "1 events without a usable start were left out."),
        ({"ts": "soon"}, "1 entries are no events that can be read and were left out."),
        ({"args": [1]}, "1 entries are no events that can be read and were left out."),
        ({"cat": "hovercraft"}, "1 events of the unknown category 'hovercraft' were left out."),
    ],
)
def test_an_event_that_cannot_be_used_is_left_out_and_marked(tmp_path, change, said):
    trace = read_trace(make.write(tmp_path, [EVENT, EVENT | change, EVENT]))
    assert trace.operators.height == 2
    assert trace.gaps == (said,)
    assert said in trace_report(trace).notes


def test_a_list_of_entries_that_cannot_be_read_says_how_many(tmp_path):
    path = make.write(tmp_path, [EVENT | {"ts": "10"}] * 3)
    assert "without any operator, call or kernel (3 entries are no events that can be read)" in refusal(path)


def test_entries_that_are_no_objects_are_left_out(tmp_path):
    trace = read_trace(make.write(tmp_path, [EVENT, 5, None, "x", [], EVENT]))
    assert trace.operators.height == 2
    assert trace.gaps == ("4 entries are no events that can be read and were left out.",)


def test_numbers_in_quotes_are_numbers(tmp_path):
    event = make.copy("Memcpy HtoD (Host -> Device)", 0, 1, 3)
    event["args"] = {"correlation": "3", "stream": "7", "device": "1", "bytes": "616"}
    copies = read_trace(make.write(tmp_path, [event])).copies
    assert copies.select("correlation", "stream", "device", "bytes").row(0) == (3, 7, 1, 616)


def test_ids_that_are_no_numbers_are_null(tmp_path):
    event = make.kernel("k", 0, 1, "none")
    event["args"] |= {"External id": 1 << 70, "stream": 1.5}
    kernels = read_trace(make.write(tmp_path, [event])).kernels
    assert kernels.select("correlation", "external_id", "stream").row(0) == (None, None, None)


def test_older_spellings(tmp_path):
    events = [
        EVENT | {"cat": "Operator", "args": {"external id": 9}},
        make.call("cudaLaunchKernel", 11, 1, 4) | {"cat": "Runtime"},
        {"ph": "X", "cat": "Kernel", "name": "k", "pid": 0, "tid": "stream 7", "ts": 15, "dur": 2,
         "args": {"correlation": 4, "external id": 9}},
        {"ph": "X", "cat": "Memset", "name": "Memset (Device)", "pid": 0, "tid": "stream 7 ", "ts": 18, "dur": 2},
        {"ph": "B", "cat": "Operator", "name": "aten::mul", "pid": 100, "tid": 1, "ts": 20},
        {"ph": "E", "pid": 100, "tid": 1, "ts": 24},
        {"ph": "B", "cat": "Operator", "name": "aten::sub", "pid": 100, "tid": 1, "ts": 30},
        {"ph": "s", "cat": "async_cpu_to_gpu", "name": "async_gpu", "id": 4, "pid": 100, "tid": 1, "ts": 11},
    ]  # fmt: skip
    path = tmp_path / "old.json"
    path.write_text(json.dumps(events))  # a bare list, as the first exporters wrote it
    trace = read_trace(path)
    assert trace.operators.select("name", "duration_ns", "external_id").rows() == [
        ("aten::add", 5000, 9),
        ("aten::mul", 4000, None),
    ]
    assert trace.kernels.select("device", "stream").row(0) == (0, 7)
    assert trace.memsets.select("device", "stream", "bytes").row(0) == (0, 7, None)
    assert trace.gaps == ("1 events without a matching begin or end were left out.",)
    (by_operator,) = trace_report(trace).kernels_by_operator
    assert by_operator.name == "aten::add"


def test_broken_json_of_known_writers_is_mended_and_marked(tmp_path):
    path = tmp_path / "mended.json"
    event = json.dumps(EVENT)
    text = (
        b'{"traceEvents": ['
        + event.encode()
        + b","
        + event.replace('"External id": 1', '"x": NaN, "y": -inf, "External id": 1').encode()
        + b","
        + event.replace("aten::add", "C:\\Users\\x inf\tNaN").encode()
        + b","
        + event.encode().replace(b"aten::add", b"a\xff")
        + b"]}"
    )
    path.write_bytes(text)
    trace = read_trace(path)
    assert trace.operators["name"].to_list() == ["aten::add", "aten::add", "C:\\Users\\x inf NaN", "a�"]
    assert trace.gaps == ("The file was not valid JSON in places (bare NaN, bad escapes or bytes) and was mended.",)


def test_a_lone_half_of_a_surrogate_pair_costs_one_character(tmp_path):
    names = ["a\udc80.py(1): f", "high \ud83d alone", "\ud83d\ude00 a pair", "plain"]
    path = make.write(tmp_path, [EVENT | {"name": name} for name in names])
    trace = read_trace(path)
    assert trace.operators["name"].to_list() == ["a\ufffd.py(1): f", "high \ufffd alone", "\U0001f600 a pair", "plain"]
    assert trace.gaps == ("The file was not valid JSON in places (bare NaN, bad escapes or bytes) and was mended.",)


def test_step_marks_of_old_traces_are_no_operators(tmp_path):
    events = []
    for step in (1, 2):
        events += [
            make.operator(f"ProfilerStep#{step}", 100 * step, 90) | {"cat": "Operator"},
            make.call("cudaLaunchKernel", 100 * step + 10, 5, step) | {"cat": "Runtime"},
            make.kernel("k", 100 * step + 20, 30, step) | {"cat": "Kernel"},
        ]
    trace = read_trace(make.write(tmp_path, [EVENT, *events]))
    assert trace.operators["name"].to_list() == [EVENT["name"]]
    report = trace_report(trace)
    assert (report.steps.found_by, len(report.steps.steps)) == ("ProfilerStep", 2)
    assert [step.kernels for step in report.steps.steps] == [1, 1]
    assert [total.name for total in report.kernels_by_operator] == ["(outside any)"]


@pytest.mark.parametrize(
    ("start", "nanoseconds"), [(1.7e15 + 0.25, "250"), (1.7e15, None), (4e9 + 0.123, None), (5e12 + 0.5, "0.977")]
)
def test_time_stamps_that_double_precision_rounds_are_noted(tmp_path, start, nanoseconds):
    trace = read_trace(make.write(tmp_path, [make.operator("aten::add", start, 5.123)]))
    assert [f"rounded to {nanoseconds} ns" in gap for gap in trace.gaps] == ([True] if nanoseconds else [])
    assert trace.operators["duration_ns"].to_list() == [5123]


def test_a_byte_order_mark_and_a_second_list_of_events(tmp_path):
    path = tmp_path / "trace.json"
    path.write_bytes(b'\xef\xbb\xbf{"traceEvents": [' + json.dumps(EVENT).encode() + b'], "traceEvents": [{}]}')
    trace = read_trace(path)
    assert trace.operators.height == 1
    assert trace.gaps == ("The file has a second list of events, which was left out.",)


def test_the_header_may_hold_anything(tmp_path):
    trace = read_trace(make.write(tmp_path, [EVENT], distributedInfo=[1], deviceProperties={"id": 1}, with_stack="yes"))
    assert trace.metadata.devices == ()
    assert trace.metadata.rank is None
    trace = read_trace(
        make.write(
            tmp_path,
            [EVENT],
            distributedInfo={"rank": 3, "world_size": 8, "backend": "nccl"},
            deviceProperties=[{"id": 0, "name": "GPU", "totalGlobalMem": 5, "numSms": 2}, 7],
            with_stack=1,
        )
    )
    assert (trace.metadata.rank, trace.metadata.world_size, trace.metadata.backend) == (3, 8, "nccl")
    assert [(device.index, device.name, device.memory_bytes) for device in trace.metadata.devices] == [(0, "GPU", 5)]
    assert trace.metadata.with_stack is True


@pytest.mark.parametrize("chunk_bytes", [1 << 10, 5000, 1 << 16])
@pytest.mark.parametrize("name", ["h100_bert", "cpu_toy_loop", "a100_alexnet"])
def test_the_size_of_chunks_changes_nothing(name, chunk_bytes):
    whole = read_trace(TRACES / f"{name}.json.gz", ReadLimits(chunk_bytes=1 << 30))
    parts = read_trace(TRACES / f"{name}.json.gz", ReadLimits(chunk_bytes=chunk_bytes))
    for table in ("operators", "annotations", "python_calls", "runtime_calls", "kernels", "copies", "memsets"):
        assert_frame_equal(getattr(whole, table), getattr(parts, table))
    assert (whole.header, whole.gaps) == (parts.header, parts.gaps)


def test_duplicate_correlation_ids_link_nothing_and_are_marked(tmp_path):
    events = [
        make.operator("aten::add", 0, 20),
        make.call("cudaLaunchKernel", 1, 2, 5),
        make.call("cudaLaunchKernel", 6, 2, 5),
        make.call("cudaGraphLaunch", 10, 2, 6),
        make.kernel("k", 30, 2, 5),
        make.kernel("g", 40, 2, 6),
        make.kernel("h", 50, 2, 6),
    ]
    report = trace_report(read_trace(make.write(tmp_path, events)))
    assert (report.launch_delay.kernels, report.launch_delay.unlinked) == (2, 1)
    assert any(note.startswith("1 correlation ids belong to more than one call") for note in report.notes)
    assert {total.name: total.count for total in report.kernels_by_operator} == {
        "aten::add": 2,
        "(launch not recorded)": 1,
    }


def test_shapes_that_are_no_utf8_cost_no_event(tmp_path):
    event = {**EVENT, "args": {"External id": 1, "Input Dims": [["@"]]}}
    text = json.dumps({"traceEvents": [event, EVENT]}).encode().replace(b"@", b"\xff")
    path = tmp_path / "trace.json"
    path.write_bytes(text)
    assert read_trace(path).operators["shapes"].to_list() == ['[["\ufffd"]]', None]


def test_a_name_with_quotes_in_it_is_mended(tmp_path):
    broken, whole = ({**EVENT, "name": name} for name in ("@", 'say "hello"'))
    text = json.dumps({"traceEvents": [broken, whole, EVENT]}, indent=2).replace("@", 'torch/lazy.py(0): "')
    path = tmp_path / "trace.json"
    path.write_text(text)
    trace = read_trace(path)
    assert trace.operators["name"].to_list() == ['torch/lazy.py(0): "', 'say "hello"', "aten::add"]
    assert len(trace.gaps) == 1
