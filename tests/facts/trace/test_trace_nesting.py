"""Nesting of intervals, against a stack that is walked one event at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sdprof.facts.trace.nesting import NONE, nested


def by_stack(events):
    parents, ends, open_events = [], [end for _, _, end in events], []
    for index, (thread, start, end) in enumerate(events):
        while open_events and (
            events[open_events[-1]][0] != thread or (ends[open_events[-1]] <= start and ends[open_events[-1]] < end)
        ):
            open_events.pop()
        parents.append(open_events[-1] if open_events else NONE)
        if open_events:
            ends[index] = min(end, ends[open_events[-1]])
        open_events.append(index)
    return parents, ends


def call(events):
    events = sorted(events, key=lambda event: (event[0], event[1], -event[2]))
    columns = np.array(events, np.int64).reshape(-1, 3).T
    parent, levels, end = nested(*columns)
    return events, parent, levels, end


times = st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 20))


@given(st.lists(times, max_size=40))
def test_parents_enclose_their_children(found):
    events, parent, levels, end = call([(thread, start, start + length) for thread, start, length in found])
    assert sorted(np.concatenate(levels).tolist() if levels else []) == list(range(len(events)))
    depth = {index: depth for depth, level in enumerate(levels) for index in level.tolist()}
    for index, above in enumerate(parent.tolist()):
        if above == NONE:
            assert depth[index] == 0
            continue
        assert depth[index] == depth[above] + 1
        assert above < index
        assert events[above][0] == events[index][0]
        assert events[above][1] <= events[index][1]
        assert end[index] <= end[above]


@given(st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=4), max_leaves=25))
def test_a_tree_of_calls_is_found_again(tree):
    events, clock = [], 0

    def run(children):
        nonlocal clock
        begin, clock = clock, clock + 1
        for child in children:
            run(child)
            clock += 1
        clock += 1
        events.append((0, begin, clock))

    run(tree)
    ordered, parent, _, end = call(events)
    expected, ends = by_stack(ordered)
    assert parent.tolist() == expected
    assert end.tolist() == ends == [event[2] for event in ordered]


def test_an_event_that_outlasts_its_parent_is_cut():
    events, parent, _, end = call([(0, 0, 10), (0, 5, 15), (0, 12, 14), (0, 6, 8)])
    assert [(begin, stop) for (_, begin, _), stop in zip(events, end.tolist(), strict=True)] == [
        (0, 10),
        (5, 10),
        (6, 8),
        (12, 14),
    ]
    assert parent.tolist() == [NONE, 0, 1, NONE]


def test_an_empty_event_at_the_end_of_another_lies_in_it():
    assert call([(0, 0, 10), (0, 10, 10), (0, 10, 12)])[1].tolist() == [NONE, NONE, 1]
    assert call([(0, 0, 10), (0, 10, 10)])[1].tolist() == [NONE, 0]
