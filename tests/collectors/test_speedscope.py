import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.speedscope import StackFrame, collapse, collapsed_text, cut, read_samples, write_samples

RUN, LOOP, STEP = StackFrame("run", "/a.py", 3), StackFrame("loop", "/a.py", 7), StackFrame("step", "/b;c.py", 1)

frames = st.builds(StackFrame, st.text(min_size=1), st.text(), st.integers(0, 10**6))


@given(st.lists(st.lists(frames, min_size=1, max_size=5).map(tuple), max_size=20))
def test_what_is_written_is_read_again(tmp_path_factory, samples):
    file = tmp_path_factory.mktemp("speedscope") / "profile.json"
    write_samples(file, "loop", samples, 0.01)

    assert read_samples(file) == [samples]


def test_the_file_says_what_speedscope_needs(tmp_path):
    write_samples(tmp_path / "p.json", "loop", [(RUN, LOOP), (RUN, LOOP, STEP), (RUN, LOOP)], 0.5)
    content = json.loads((tmp_path / "p.json").read_text())
    (profile,) = content["profiles"]

    assert content["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert content["shared"]["frames"][1] == {"name": "loop", "file": "/a.py", "line": 7}
    assert profile["samples"] == [[0, 1], [0, 1, 2], [0, 1]]
    assert profile["weights"] == [0.5, 0.5, 0.5]
    assert (profile["type"], profile["unit"], profile["endValue"]) == ("sampled", "seconds", 1.5)


def test_collapsed_stacks():
    stacks = collapse([(RUN, LOOP), (RUN, LOOP, STEP), (RUN, LOOP)])

    assert stacks == [((RUN, LOOP), 2), ((RUN, LOOP, STEP), 1)]
    assert collapsed_text(stacks) == (
        "run (/a.py:3);loop (/a.py:7) 2\nrun (/a.py:3);loop (/a.py:7);step (/b:c.py:1) 1\n"
    )


def test_cut_at_the_innermost_base():
    sample = (RUN, LOOP, RUN, STEP, LOOP)

    assert cut(sample, lambda frame: frame == RUN) == (STEP, LOOP)
    assert cut((LOOP,), lambda frame: frame == RUN) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"shared":{"frames":[]},"profiles":[{"type":"sampled","samples":[[0]],"weights":[1]}]}'],
)
def test_what_is_no_profile_is_refused(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(ValueError, match=r"p\.json"):
        read_samples(tmp_path / "p.json")
