from hypothesis import given
from hypothesis import strategies as st

from sdprof.model import StackSamples
from sdprof.renderers.html.frame_kinds import OwnSource, file_of, split_frame
from sdprof.renderers.html.frame_tree import MOST_FRAMES, lay_out, merge, self_times
from tests.renderers.samples import stacks


def sampled(*merged: tuple[tuple[str, ...], int]) -> StackSamples:
    return StackSamples(rate_hz=100, samples=sum(count for _, count in merged), stacks=merged)


def test_shared_outer_frames_are_folded_and_widths_are_shares() -> None:
    layout = lay_out(merge(sampled((("main", "loop", "a"), 3), (("main", "loop", "b"), 1))))
    assert layout.folded == ("main",)
    assert {frame.name: (frame.start, frame.width, frame.depth) for frame in layout.frames} == {
        "loop": (0.0, 1.0, 0),
        "a": (0.0, 0.75, 1),
        "b": (0.75, 0.25, 1),
    }


def test_self_time_counts_a_frame_over_all_its_callers() -> None:
    tree = merge(sampled((("m", "a", "x"), 2), (("m", "b", "x"), 3), (("m", "a"), 1)))
    assert self_times(tree) == [("x", 5), ("a", 1)]


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(tuple), st.integers(1, 9)), min_size=1
    )
)
def test_every_frame_lies_within_its_caller(merged: list[tuple[tuple[str, ...], int]]) -> None:
    layout = lay_out(merge(sampled(*merged)))
    for frame in layout.frames:
        assert frame.start >= -1e-9
        assert frame.start + frame.width <= 1 + 1e-9
        if frame.depth:
            assert any(
                other.depth == frame.depth - 1
                and other.start - 1e-9 <= frame.start
                and frame.start + frame.width <= other.start + other.width + 1e-9
                for other in layout.frames
            )


def test_many_stacks_are_cut_to_what_can_be_drawn() -> None:
    layout = lay_out(merge(stacks(20_000, 2, names=160)))
    assert 100 < len(layout.frames) <= MOST_FRAMES
    assert layout.hidden_frames > 0


def test_a_frame_is_split_at_its_last_parenthesis() -> None:
    assert split_frame("<lambda> (wrapped) (b.py:7)") == ("<lambda> (wrapped)", "b.py:7")
    assert split_frame("forward (torch/nn/modules/linear.py:134)") == ("forward", "torch/nn/modules/linear.py:134")
    assert split_frame("no place") == ("no place", "")
    assert file_of("a/b.py:12") == "a/b.py"
    assert file_of("<built-in>") == "<built-in>"


def test_whose_a_file_is() -> None:
    own = OwnSource(("/home/ada/loop",), frozenset({"/home/ada/loop/unet.py"}))
    assert own.kind("/home/ada/loop/sampler.py") == "own"
    assert own.kind("unet.py") == "own"
    assert own.kind("loop/sampler.py") == "own"
    assert own.kind("torch/nn/functional.py") == "torch"
    assert own.kind("/venv/site-packages/torch/nn/functional.py") == "torch"
    assert own.kind("/venv/site-packages/diffusers/unet.py") == "other"
    assert own.kind("threading.py") == "other"
