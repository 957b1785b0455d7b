from hypothesis import given
from hypothesis import strategies as st

from sdprof.model import Location
from sdprof.renderers.text_region import TextRegion, text_region


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=30), st.data())
def test_columns_cut_out_the_same_characters(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    where = Location(
        file="f", line=3, column=len(line[:start].encode()), end_line=3, end_column=len(line[:end].encode()), code=line
    )
    place = text_region(where)
    assert place.column is not None
    assert place.end_column is not None
    cut = line.encode("utf-16-le")[2 * (place.column - 1) : 2 * (place.end_column - 1)]
    assert cut.decode("utf-16-le") == line[start:end]


def test_a_range_over_lines_counts_each_end_in_its_own_line() -> None:
    where = Location(file="f", line=5, column=4, end_line=6, end_column=3, code="ab = é(\n  🙂)")
    assert text_region(where) == TextRegion(5, 5, 6, 3)


def test_without_the_source_only_lines_are_told() -> None:
    assert text_region(Location(file="f", line=5, column=4, end_line=6, end_column=3)) == TextRegion(5, None, 6, None)
    cut = Location(file="f", line=5, column=4, end_line=7, end_column=3, code="only the first line")
    assert text_region(cut) == TextRegion(5, 5, 5, None)


def test_a_line_without_a_number_is_the_first() -> None:
    assert text_region(Location(file="f", line=0)) == TextRegion(1, None, 1, None)
