"""Output pictures, line heat, step strips and the difference of flame graphs."""

import re

import msgspec
import pytest

from sdprof.model import StackSamples
from sdprof.renderers.html.flame_graph import change_class, flame_graphs
from sdprof.renderers.html.frame_tree import lay_out, merge
from sdprof.renderers.html.line_heat import line_heat
from sdprof.renderers.html.output_pictures import LARGEST_CHARACTERS, output_pictures
from sdprof.renderers.html.step_strip import step_strip
from tests.renderers.samples import SAMPLES, faster, picture


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a.png",
        "data:text/html;base64,AAAA",
        "data:image/svg+xml;base64,AAAA",
        'data:image/png;base64,AAAA" onerror="x',
        "data:image/png;base64,AAAA\n",
        "data:image/png;base64," + "A" * LARGEST_CHARACTERS,
        "",
    ],
)
def test_only_a_small_png_is_shown(address: str) -> None:
    assert len(output_pictures(faster())) == 1
    for name in ("before_png", "after_png", "difference_png"):
        bad = msgspec.structs.replace(picture(), **{name: address})
        assert output_pictures(msgspec.structs.replace(faster(), pictures=(bad,))) == ()


def test_a_frame_knows_its_samples_on_the_other_side() -> None:
    def sampled(*merged: tuple[tuple[str, ...], int]) -> StackSamples:
        return StackSamples(rate_hz=100, samples=sum(count for _, count in merged), stacks=merged)

    before = merge(sampled((("m", "a", "x"), 6), (("m", "b"), 4)))
    after = merge(sampled((("m", "a", "x"), 1), (("m", "a", "y"), 2)))
    frames = {frame.name: frame.other_samples for frame in lay_out(before, after).frames}
    assert frames == {"m": 3, "a": 3, "x": 1, "b": 0}
    assert {frame.other_samples for frame in lay_out(before).frames} == {None}


@pytest.mark.parametrize(
    ("change", "css_class"),
    [(0.0, "same"), (0.002, "same"), (-0.01, "less1"), (0.05, "more2"), (-0.5, "less3"), (0.9, "more3")],
)
def test_a_change_has_its_colour(change: float, css_class: str) -> None:
    assert change_class(change) == css_class


def test_both_sides_are_drawn_and_compared() -> None:
    before, after = flame_graphs(faster())
    assert (before.side, after.side) == ("before", "after")
    assert before.compared
    assert re.search(r"a step: \S+ ms before, \S+ ms after", str(before.drawing))


def test_one_side_alone_is_not_compared() -> None:
    (only,) = flame_graphs(msgspec.structs.replace(faster(), hot_stacks_after=None))
    assert not only.compared
    assert flame_graphs(SAMPLES["everything_missing"]()) == ()


def test_lines_stand_in_their_order_and_the_hottest_function_first() -> None:
    functions = line_heat(faster())
    assert [function.hottest.share for function in functions] == sorted(
        (function.hottest.share for function in functions), reverse=True
    )
    for function in functions:
        numbers = [row.hot.where.line for row in function.lines]
        assert numbers == sorted(numbers)
        assert max(row.level for row in function.lines) == 9
    attention = next(one for one in functions if one.hottest.where.function == "CrossAttention.forward")
    assert [row.after_gap for row in attention.lines] == [False, True, True]


def test_steps_fill_their_cells() -> None:
    transfers = faster().transfers
    assert transfers is not None
    assert transfers.baseline is not None
    site = msgspec.structs.replace(transfers.baseline.sites[0], steps=(0, 3))
    strip = str(step_strip(site, 10, "before"))
    assert strip.count('class="cell before"') == 2
    assert strip.count('class="cell none"') == 8
    assert str(step_strip(None, 10, "after")).count('class="cell none"') == 10
    many = msgspec.structs.replace(site, steps=tuple(range(1000)))
    assert str(step_strip(many, 1000, "before")).count("<rect") == 60
