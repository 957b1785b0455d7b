import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.model import Location
from sdprof.renderers.excerpt import Excerpt, excerpt


def at(code: str, column: int | None = None, end_column: int | None = None, end_line: int | None = None) -> Location:
    return Location(file="/loop.py", line=7, column=column, end_line=end_line, end_column=end_column, code=code)


def marked(cut: Excerpt) -> list[str]:
    return [line.marked for line in cut.lines]


def test_the_expression_is_marked_and_the_indentation_goes() -> None:
    (line,) = excerpt(at("        x = f(y)", 12, 16, 7)).lines
    assert (line.number, line.before, line.marked, line.after) == (7, "x = ", "f(y)", "")


def test_columns_are_utf8_bytes() -> None:
    code = 'é = "長い"; f(ü)'
    start = len('é = "長い"; '.encode())
    assert marked(excerpt(at(code, start, start + len("f(ü)".encode()), 7))) == ["f(ü)"]


def test_a_span_over_lines_marks_each_from_its_first_word() -> None:
    assert marked(excerpt(at("    a = g(b,\n          c) + 1", 8, 12, 8))) == ["g(b,", "c)"]


def test_without_columns_nothing_is_marked() -> None:
    assert marked(excerpt(at("    print(x)"))) == [""]


def test_without_an_end_one_character_is_marked() -> None:
    assert marked(excerpt(at("abc", 1))) == ["b"]


def test_tabs_are_opened_before_and_inside_the_mark() -> None:
    (line,) = excerpt(at("\tx =\tf(y)", 5, 9, 7)).lines
    assert line.before.endswith("=   ") or line.before == "x = "
    assert line.marked == "f(y)"


def test_no_code_gives_no_lines() -> None:
    assert excerpt(at("")) == Excerpt(())


def test_long_code_is_cut_and_says_so() -> None:
    cut = excerpt(at("\n".join(f"line({n})" for n in range(40)), 0, 3, 46))
    assert len(cut.lines) + cut.left_out == 40
    assert cut.left_out > 0


@pytest.mark.parametrize(("column", "end_column"), [(99, 120), (5, 2), (-3, 4), (0, 0)])
def test_columns_outside_the_line_do_no_harm(column: int, end_column: int) -> None:
    (line,) = excerpt(at("x = 1", column, end_column, 7)).lines
    assert line.before + line.marked + line.after == "x = 1"


@given(
    st.text(max_size=60),
    st.none() | st.integers(-5, 90),
    st.none() | st.integers(-5, 90),
    st.none() | st.integers(0, 12),
)
def test_an_excerpt_never_loses_text(
    code: str, column: int | None, end_column: int | None, end_line: int | None
) -> None:
    cut = excerpt(at(code, column, end_column, end_line))
    assert len(cut.lines) + cut.left_out == len(code.splitlines())
    for line, source in zip(cut.lines, code.splitlines(), strict=False):
        shown = (line.before + line.marked + line.after).replace("\\", "")
        assert len(shown) >= len(source.strip().replace("\\", ""))
