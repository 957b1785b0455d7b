from hypothesis import given
from hypothesis import strategies as st

from sdprof.renderers.printable import one_line, printable


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    assert printable("\x1b[31mred\x07") == "\\x1b[31mred\\x07"
    assert printable("a\u202eb") == "a\\u202eb"
    assert printable("kept\n\tas it is é 長") == "kept\n\tas it is é 長"


@given(st.text(alphabet=st.characters(), max_size=50) | st.text(alphabet="\ud800\udfff\x00\x1b\x9f", max_size=9))
def test_the_result_can_be_written_and_holds_no_control(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert not any(ord(character) < 32 and character not in "\n\t" for character in shown)
    assert printable(shown) == shown


@given(st.text(max_size=100), st.integers(min_value=2, max_value=60))
def test_one_line_is_one_line_of_limited_length(text: str, limit: int) -> None:
    flat = one_line(text, limit)
    assert len(flat) <= limit
    assert len(flat.splitlines()) <= 1
