from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.graphs.recompile_reason import GuardFailure, parse_recompile
from sdprof.collectors.graphs.trace_log import read_records
from sdprof.collectors.graphs.traceback_text import TextFrame

GOLDEN = Path(__file__).parents[2] / "golden" / "torch_trace" / "sampler.log"


def test_recorded_guards():
    with GOLDEN.open(encoding="utf-8") as lines:
        failures = [
            parse_recompile(record.payload) for record in read_records(lines) if record.artifact == "recompile_reasons"
        ]
    assert [(failure.guard, failure.frames[-1].line) for failure in failures] == [
        ("i == 0", 21),
        ("len(old) == 1", 22),
        ("i == 1", 24),
        ("len(old) == 2", 22),
    ]


def test_of_several_versions_the_newest_tells_what_changed():
    failure = parse_recompile(
        '["0/1: len(old) == 1  # if old:  # loop.py:7 in step", "0/0: len(old) == 0  # loop.py:7 in step"]'
    )
    assert (failure.guard, failure.file_name, failure.line, failure.function) == ("len(old) == 1", "loop.py", 7, "step")


def test_a_guard_without_a_place():
    told = "0/0: tensor 'x' size mismatch at index 0. expected 2, actual 4"
    assert parse_recompile(told) == GuardFailure(guard="tensor 'x' size mismatch at index 0. expected 2, actual 4")


def test_the_stack_is_read():
    told = '1/0: t == 981\nUser stack trace:\n  File "/home/user/net.py", line 3, in forward\n    return t * 2'
    assert parse_recompile(told).frames == (TextFrame("/home/user/net.py", 3, "forward"),)


def test_nothing_to_tell():
    assert parse_recompile("").guard == "unknown"
    assert parse_recompile("[]").guard == "unknown"


@given(st.text())
def test_any_text_is_taken_apart(text):
    assert parse_recompile(text).guard
