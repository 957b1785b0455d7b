from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.graphs import trace_log
from sdprof.collectors.graphs.trace_log import TraceRecord, read_records

GOLDEN = Path(__file__).parents[2] / "golden" / "torch_trace" / "sampler.log"
HEAD = "V1123 02:03:01.010000 28478 torch/_dynamo/guards.py:5400] "


def test_a_recorded_log():
    records = list(read_records(GOLDEN.read_text(encoding="utf-8").splitlines(keepends=True)))

    breaks = [record for record in records if record.artifact == "dynamo_graph_break_reason"]
    assert len(breaks) == 12
    assert all(record.payload.startswith("Graph break in user code at ") for record in breaks)
    assert breaks[0].compile_id == (0, 0)
    assert [record.artifact for record in records].count("recompile_reasons") == 4
    assert sum("dynamo_output_graph" in record.metadata for record in records) == 6
    assert all(record.payload for record in records if "dynamo_output_graph" in record.metadata)


def test_payload_lines_lose_their_tab():
    lines = [
        HEAD + '{"artifact": {"name": "a"}, "frame_id": 3, "frame_compile_id": 1}\n',
        "\tone\n",
        "\t\ttwo\n",
        "\t\n",
    ]

    (record,) = read_records(lines)
    assert record == TraceRecord({"artifact": {"name": "a"}, "frame_id": 3, "frame_compile_id": 1}, "one\n\ttwo\n")
    assert (record.artifact, record.compile_id) == ("a", (3, 1))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not a log",
        HEAD + "{broken",
        HEAD + "[1, 2]",
        HEAD + "{" * 100_000,
        '{"str": ["no head", 1]}',
        HEAD + '{"n": 1' + "0" * 400 + "e",
    ],
)
def test_lines_that_are_no_records_are_passed_over_with_their_payload(line):
    (record,) = read_records([line, "\tpayload of nothing", HEAD + '{"str": ["file.py", 0]}'])
    assert record == TraceRecord({"str": ["file.py", 0]})


def test_odd_metadata_has_no_artifact_and_no_id():
    record = TraceRecord({"artifact": ["name"], "frame_id": "0", "frame_compile_id": None})
    assert (record.artifact, record.compile_id) == ("", None)
    assert TraceRecord({"artifact": {"name": 3}}).artifact == ""


def test_limits(monkeypatch):
    monkeypatch.setattr(trace_log, "LARGEST_PAYLOAD", 10)
    monkeypatch.setattr(trace_log, "MOST_RECORDS", 2)

    records = list(read_records([HEAD + "{}", "\t123456", "\t789012", "\tno room", HEAD + "{}", HEAD + "{}"]))
    assert [record.payload for record in records] == ["123456\n789", ""]


@given(st.lists(st.text(max_size=60).map(lambda text: text.replace("\n", " ")), max_size=30))
def test_any_text_is_read_without_an_error(lines):
    assert all(isinstance(record, TraceRecord) for record in read_records([*lines, *(HEAD + line for line in lines)]))
