import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.nested_steps import Interval, nest, write_nested


def intervals(*pairs):
    return [Interval(*pair) for pair in pairs]


def test_a_step_begins_with_the_call_that_leads_to_it():
    steps = intervals((12, 32), (32, 52), (52, 58))
    calls = intervals((0, 100), (10, 20), (11, 19), (22, 24), (30, 40), (50, 60), (51, 59), (70, 80))

    assert nest(steps, calls) == intervals((10, 30), (30, 50), (50, 60))


def test_two_steps_in_one_call_stay_within_it():
    steps = intervals((12, 16), (16, 32), (32, 36))
    assert nest(steps, intervals((10, 20), (30, 40))) == intervals((12, 16), (16, 30), (30, 40))


def test_a_call_over_several_steps_ends_the_step_before():
    steps = intervals((12, 22), (22, 32), (32, 36), (36, 42), (42, 46))
    samplers = intervals((10, 28), (30, 50))
    assert nest(steps, samplers) == intervals((12, 22), (22, 30), (32, 36), (36, 42), (42, 46))


def test_a_single_step_and_none_stay():
    assert nest(intervals((5, 6)), intervals((0, 10), (4, 7))) == intervals((5, 6))
    assert nest([], intervals((0, 10))) == []


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=12, unique=True).map(sorted), st.data())
def test_steps_stay_in_order_and_within_reach(borders, data):
    steps = [Interval(start, end) for start, end in itertools.pairwise(borders)]
    pairs = st.tuples(st.integers(-50, 1050), st.integers(-50, 1050)).map(sorted)
    nested = nest(steps, intervals(*data.draw(st.lists(pairs, max_size=20))))

    assert len(nested) == len(steps)
    for old, new in zip(steps, nested, strict=True):
        assert new.start <= old.start
        assert new.start <= new.end
    for one, other in itertools.pairwise(nested):
        assert one.end <= other.start


def event(name, start, duration, category="cpu_op", thread=7, **more):
    fields = {"ph": "X", "cat": category, "name": name, "pid": 1, "tid": thread, "ts": start, "dur": duration}
    return fields | more


def test_only_the_steps_are_rewritten():
    base = 4541115399468.0
    events = [
        event("denoise", base + 10, 10.5, "python_function"),
        event("ProfilerStep#0", base + 12, 20, "user_annotation"),
        event("ProfilerStep#1", base + 32, 4, "user_annotation"),
        event('a "quoted" name', base + 33, 1),
        event("denoise", base + 30.5, 9.5, "python_function", args={"Python id": 3}),
        event("other thread", base + 20, 13, thread=8),
        event("ProfilerStep#0", base + 15, 2, "gpu_user_annotation", thread=9),
    ]
    for indent in (None, 2):
        text = json.dumps({"traceEvents": events}, indent=indent).encode()
        written = bytearray()

        assert write_nested(text, written.extend) == 2
        result = json.loads(written)["traceEvents"]
        times = [time for e in result[1:3] for time in (e["ts"] - base, e["dur"])]
        assert times == pytest.approx([10, 20.5, 30.5, 9.5], abs=0.02)
        assert times[0] < 10
        assert times[0] + times[1] < times[2] < 30.5
        assert [e for e in result if e not in result[1:3]] == [e for e in events if e not in events[1:3]]


def test_a_trace_without_steps_is_copied():
    text = json.dumps({"traceEvents": [event("aten::add", 1.5, 2)]}).encode()
    written = bytearray()

    assert write_nested(text, written.extend) == 0
    assert written == text
