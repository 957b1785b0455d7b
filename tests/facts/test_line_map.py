"""Lines of a rewritten text, back to the lines that they were."""

from hypothesis import given
from hypothesis import strategies as st

from sdprof.facts.line_map import LineMap, OriginalLines

BEFORE = ["a", "b", "c", "d"]


def test_a_line_that_nobody_touched_is_itself_wherever_it_stands_now() -> None:
    lines = LineMap(BEFORE, ["new", "a", "b", "c", "d"])
    assert lines.original(1) is None
    assert [lines.original(line) for line in range(2, 6)] == [
        OriginalLines(line, line, changed=False) for line in range(1, 5)
    ]


def test_a_rewritten_line_is_the_block_that_it_stands_for() -> None:
    lines = LineMap(BEFORE, ["a", "B", "C", "C2", "d"])
    assert {lines.original(line) for line in (2, 3, 4)} == {OriginalLines(2, 3, changed=True)}
    assert lines.original(5) == OriginalLines(4, 4, changed=False)
    assert lines.original(6) is None


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_every_line_called_unchanged_has_the_same_text(before: list[str], after: list[str]) -> None:
    lines = LineMap(before, after)
    for number, text in enumerate(after, 1):
        found = lines.original(number)
        if found is not None and not found.changed:
            assert before[found.first - 1] == text
            assert lines.rewritten(found.first) == number
        elif found is not None:
            assert 1 <= found.first <= found.last <= len(before)


def test_neighbours_that_are_rewritten_each_in_its_place_are_told_apart() -> None:
    lines = LineMap(
        ["s = TABLE[i].to(d)", "t = torch.tensor([i] * n, device=d)"],
        ["s = kept(TABLE, d)[i]", "t = torch.full((n,), i, device=d)"],
    )
    assert [lines.original(line) for line in (1, 2)] == [OriginalLines(line, line, changed=True) for line in (1, 2)]
