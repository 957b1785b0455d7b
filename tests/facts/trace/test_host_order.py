"""The order of host events, against Python's own sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.facts.trace import host_order as module
from sdprof.facts.trace.host_order import host_order, numbered_threads

EVENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 9), st.integers(0, 4), st.integers(0, 3)), max_size=40)


@given(EVENTS, st.booleans())
def test_it_is_that_of_thread_start_length_and_kind(events: list[tuple[int, int, int, int]], huge: bool) -> None:
    given_order = [(thread, start, -length, kind) for thread, start, length, kind in events]
    columns = np.array(events, np.int64).reshape(-1, 4)
    thread, start, length, kind = columns.T
    limit = module._LARGEST_KEY
    module._LARGEST_KEY = 0 if huge else limit
    try:
        order = host_order(thread, start, start + length, kind.astype(np.int8))
    finally:
        module._LARGEST_KEY = limit
    assert order.tolist() == sorted(range(len(events)), key=lambda index: given_order[index])


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-(2**62), 2**62) | st.integers(0, 2)), max_size=30))
def test_threads_are_numbered_by_process_and_thread(found: list[tuple[int, int]]) -> None:
    pid, tid = np.array(found, np.int64).reshape(-1, 2).T
    numbers = numbered_threads(pid, tid)
    places = {pair: number for number, pair in enumerate(sorted(set(found)))}
    assert numbers.tolist() == [places[pair] for pair in found]


@pytest.mark.parametrize("size", [0, 1])
def test_hardly_any_events(size: int) -> None:
    zeros = np.zeros(size, np.int64)
    assert host_order(zeros, zeros, zeros, zeros.astype(np.int8)).tolist() == list(range(size))
