from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.graphs.break_reason import LONGEST_PART, parse_break
from sdprof.collectors.graphs.trace_log import read_records
from sdprof.collectors.graphs.traceback_text import TextFrame

GOLDEN = Path(__file__).parents[2] / "golden" / "torch_trace" / "sampler.log"
SAMPLER = "/home/user/sampler.py"


@pytest.fixture(scope="module")
def recorded():
    with GOLDEN.open(encoding="utf-8") as lines:
        return [
            parse_break(record.payload)
            for record in read_records(lines)
            if record.artifact == "dynamo_graph_break_reason"
        ]


def test_every_recorded_break_is_taken_apart(recorded):
    assert {
        (reason.frames[-1].line, reason.kind, reason.resumed) for reason in recorded if "user" in reason.frames[-1].file
    } == {
        (34, "An opaque object was created in the middle of the program.", True),
        (34, "torch.Generator method", True),
        (35, "Failed to convert args/kwargs to proxy", True),
        (37, "Attempted to inline function marked as skipped", False),
        (25, "Data-dependent branching", True),
        (12, "Attempted to call function marked as skipped", False),
        (23, "TypeError when making fake tensor call", True),
    }
    assert all(reason.explanation or reason.context for reason in recorded)
    assert all("torch/_dynamo/symbolic_convert" not in frame.file for reason in recorded for frame in reason.frames)


def test_frames_go_from_the_program_to_the_break(recorded):
    branching = next(reason for reason in recorded if reason.kind == "Data-dependent branching")

    assert [frame.function for frame in branching.frames] == ["<module>", "sample", "step"]
    assert branching.frames[-1] == TextFrame(SAMPLER, 25, "step", 3)
    assert branching.explanation.endswith("Dynamo does not support tracing dynamic control flow.")
    assert branching.hint.startswith("For the common pattern")
    assert branching.hint.endswith("Use `torch.cond` to express dynamic control flow.")
    assert branching.context == "attempted to jump with TensorVariable()"


def test_where_values_came_from_is_not_taken_for_the_traceback(recorded):
    with_table = next(reason for reason in recorded if "ndarray" in reason.context)

    assert [frame.line for frame in with_table.frames[-2:]] == [39, 23]
    assert with_table.explanation == ""


def test_a_function_that_is_skipped_has_its_reason_in_the_exception():
    reason = parse_break(
        """Graph break: torch.compile cannot properly resume from this graph break, which results in a skip.
torch.compile will skip tracing the frame sample (/home/user/sampler.py line 32) and fall back to eager.
The graph break occurred in the following user code:
  File "/home/user/sampler.py", line 37, in torch_dynamo_resume_in_sample_at_36
    for i in progress(range(n)):
             ^^^^^^^^^^^^^^^^^^

Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/torch/_dynamo/symbolic_convert.py", line 1950, in run
    while self.step():
torch._dynamo.exc.Unsupported: Dynamic control flow
  Explanation: It cannot be traced.
  Hint: Use torch.cond.
"""
    )
    assert reason.kind == "Dynamic control flow"
    assert (reason.explanation, reason.hint, reason.resumed) == ("It cannot be traced.", "Use torch.cond.", False)
    assert reason.frames == (TextFrame("/home/user/sampler.py", 37, "sample", 9, 27),)


def test_what_explain_says_in_one_line():
    assert parse_break("generic_jump TensorVariable()").kind == "generic_jump TensorVariable()"
    assert parse_break("").kind == "unknown"


def test_long_texts_are_cut():
    reason = parse_break("Graph Break Reason: k\n  Explanation: " + "e" * 5000 + "\n  Hint: " + "h" * 5000)
    assert (len(reason.explanation), len(reason.hint)) == (LONGEST_PART, LONGEST_PART)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(
                ["  Explanation:", "  Hint: h", "User code traceback:", "Traceback (most recent call last):", ""]
            ),
        )
    )
)
def test_any_text_is_taken_apart(lines):
    assert parse_break("\n".join(lines)).kind
