"""What two processes read side by side is what one reads; where that cannot be, one reads it."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sdprof.facts.trace import ReadLimits, TraceError, read_trace
from sdprof.facts.trace.tables import TableMaker
from sdprof.facts.trace_file import two_readers
from sdprof.facts.trace_file.file_chunks import file_chunks
from sdprof.facts.trace_file.parsed_stretch import ParsedStretch, parse_stretch
from sdprof.facts.trace_file.two_readers import read_in_two
from tests.facts.trace import trace_files as make

TRACES = Path(__file__).parents[2] / "golden" / "traces"
EVENTS = [make.operator(f"aten::op{number % 7}", 10 * number, 5, external_id=number) for number in range(400)]


@pytest.fixture(autouse=True)
def any_size_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_readers, "WORTH_IT_FROM_BYTES", 0)
    monkeypatch.setattr(two_readers, "_processors", lambda: 2)


def in_one(path: Path) -> ParsedStretch:
    return parse_stretch(str(path), file_chunks(path, ReadLimits()), ReadLimits())


def tables_of(*stretches: ParsedStretch) -> Mapping[str, pl.DataFrame]:
    return TableMaker(stretches[0].beside.origin_us or 0.0).tables([stretch.columns for stretch in stretches])


@pytest.mark.parametrize("name", ["a100_train_control", "mi300_sd35_4steps", "h100_qwen", "cpu_toy_loop"])
def test_a_real_trace_is_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.json"
    path.write_bytes(gzip.decompress((TRACES / f"{name}.json.gz").read_bytes()))
    whole, parts = in_one(path), read_in_two(path, ReadLimits())
    assert parts is not None
    first, later = (part.beside for part in parts)
    assert first.metadata | later.metadata == whole.beside.metadata
    assert (first.origin_us, later.notes) == (whole.beside.origin_us, whole.beside.notes)
    parted = tables_of(*parts)
    assert sum(table.height for table in parted.values()) > 0
    for kind, table in tables_of(whole).items():
        assert_frame_equal(parted[kind], table)


def test_a_bare_list_of_events_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(EVENTS))
    parts = read_in_two(path, ReadLimits())
    assert parts is not None
    assert tables_of(*parts)["operators"].height == len(EVENTS)


@pytest.mark.parametrize(
    "document",
    [
        {"traceEvents": [*EVENTS[:4], EVENTS[4] | {"args": {"nested": [{"a": 1}, {"b": 2}] * 20_000}}]},
        {"traceEvents": EVENTS[:4], "after": [{"a": 1}, {"b": 2}] * 20_000},
        {"traceEvents": [*EVENTS[:4]]},
    ],
    ids=["the cut is inside an event", "the cut is behind the events", "nothing to cut"],
)
def test_a_cut_that_is_none_is_noticed(document: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(document))
    if len(document["traceEvents"]) > 4 or "after" in document:
        assert read_in_two(path, ReadLimits()) is None
    assert len(read_trace(path).operators) == len(document["traceEvents"])


def test_an_event_that_begins_in_one_part_and_ends_in_the_other_is_not_lost(tmp_path: Path) -> None:
    whole = EVENTS[0]
    begin = {key: value for key, value in whole.items() if key != "dur"} | {"ph": "B", "name": "long"}
    end = {"ph": "E", "pid": whole["pid"], "tid": whole["tid"], "ts": 5000}
    path = make.write(tmp_path, [begin, *EVENTS, end])
    assert read_in_two(path, ReadLimits()) is None
    assert "long" in read_trace(path).operators["name"].to_list()


def test_limits_of_the_callers_own_and_packed_files_are_for_one_reader(tmp_path: Path) -> None:
    assert read_in_two(make.write(tmp_path, EVENTS, "trace.json.gz"), ReadLimits()) is None
    assert read_in_two(make.write(tmp_path, EVENTS), ReadLimits(unpacked_bytes=10)) is None


def test_a_damaged_file_is_refused_as_ever(tmp_path: Path) -> None:
    path = make.write(tmp_path, EVENTS)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(TraceError, match="is cut off in its list of events"):
        read_trace(path)


def test_without_another_process_one_reads_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_readers.sys, "executable", "/usr/bin/false")
    path = make.write(tmp_path, EVENTS)
    assert read_in_two(path, ReadLimits()) is None
    assert len(read_trace(path).operators) == len(EVENTS)


def test_without_room_for_what_the_other_says_one_reads_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(two_readers.tempfile, "TemporaryFile", full)
    path = make.write(tmp_path, EVENTS)
    assert read_in_two(path, ReadLimits()) is None
    assert len(read_trace(path).operators) == len(EVENTS)
