"""Columns of events: what numbers, texts and times become on their way into a table."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from sdprof.facts.trace.tables import TableMaker
from sdprof.facts.trace_file.event_columns import EventColumns, SealedColumns
from sdprof.facts.trace_file.raw_event import ABSENT, RawEvent
from tests.facts.trace import trace_files as make


def event(**changes: object) -> RawEvent:
    return msgspec.convert(make.kernel("k", 1.5, 2, 3) | changes, RawEvent)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        ("stream 7 ", 7),
        (7.0, 7),
        (7.5, None),
        ("seven", None),
        (None, None),
        (1 << 70, None),
        (ABSENT, None),
    ],
)
def test_numbers(value: object, number: int | None) -> None:
    columns = EventColumns("kernels")
    columns.add([event(args={"correlation": value}), event(args={"correlation": 5})])
    table = TableMaker(0.0).tables([{"kernels": columns.sealed()}])["kernels"]
    assert table["correlation"].to_list() == [number, 5]


def test_processes_that_are_names_are_told_apart() -> None:
    columns = EventColumns("runtime_calls")
    columns.add([event(pid=pid) for pid in ("Spans", "Traces", "Spans", 7, None)])
    pids = TableMaker(0.0).tables([{"runtime_calls": columns.sealed()}])["runtime_calls"]["pid"].to_list()
    assert pids[0] == pids[2] != pids[1]
    assert max(pids[:2]) < 0
    assert pids[3:] == [7, None]


def test_parts_from_two_processes_make_one_table() -> None:
    one, two = EventColumns("kernels"), EventColumns("kernels")
    one.add([event(name="a"), event(name="b")])
    two.add([event(name="b"), event(name="c"), event(name="a", ts=None)])
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(two.sealed()), type=SealedColumns)
    maker = TableMaker(1.0)
    table = maker.tables([{"kernels": one.sealed()}, {"kernels": packed}])["kernels"]
    assert table["name"].to_list() == ["a", "b", "b", "c"]
    assert table["start_ns"].to_list() == [500] * 4
    assert table["duration_ns"].to_list() == [2000] * 4
    assert maker.left_out == {"without a usable start": 1}


def test_a_process_that_only_parses_imports_nothing_that_computes() -> None:
    program = "import sys, sdprof.facts.trace_file.later_part; print({'polars', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
