"""Several edits of one file: shared, ordered, in conflict; and the way back from the new text to the old."""

from __future__ import annotations

import ast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.fixes.source.compose import compose, compose_files, line_end
from sdprof.fixes.source.edit import Edit, FileChange, Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.model import Location

TEXT = '"""Doc."""\n\nimport math\n\nfirst = one + two  # keep me\nsecond = three * four\n'


def edit(*changes: tuple[str, str], helpers: tuple[str, ...] = (), imports: tuple[str, ...] = ()) -> Edit:
    replacements = []
    for old, new in changes:
        start = TEXT.index(old)
        replacements.append(Replacement(start=start, end=start + len(old), text=new))
    return Edit(
        fix="x",
        file="x.py",
        where=Location(file="x.py", line=1),
        replacements=tuple(replacements),
        helpers=helpers,
        imports=imports,
        numerics="exact",
        proof="data",
        description=f"{changes}",
    )


def source() -> ModuleSource:
    return ModuleSource("x.py", TEXT)


def test_edits_in_any_order_give_the_same_text() -> None:
    edits = [edit(("one", "1")), edit(("four", "4")), edit(("three", "333"))]
    texts = {compose(source(), order).text for order in (edits, edits[::-1])}
    assert texts == {TEXT.replace("one", "1").replace("four", "4").replace("three", "333")}


def in_both(one: Edit, *changes: tuple[str, str]) -> Edit:
    return msgspec.structs.replace(one, elsewhere=(FileChange(file="y.py", replacements=edit(*changes).replacements),))


def both(path: str) -> ModuleSource:
    return ModuleSource(path, TEXT)


def test_an_edit_of_two_files_changes_both() -> None:
    made = compose_files(both, [in_both(edit(("one", "1")), ("four", "4")), edit(("two", "2"))])
    assert {file: each.text for file, each in made.items()} == {
        "x.py": TEXT.replace("one + two", "1 + 2"),
        "y.py": TEXT.replace("four", "4"),
    }
    assert [len(each.applied) for each in made.values()] == [2, 1]


def test_an_edit_that_clashes_in_one_file_is_left_out_of_all() -> None:
    there = msgspec.structs.replace(edit(("three * four", "12")), file="y.py")
    torn = in_both(edit(("one", "1"), helpers=("_on_host",)), ("four", "4"))
    made = compose_files(both, [there, torn])
    assert made["x.py"].text == TEXT
    assert made["y.py"].text == TEXT.replace("three * four", "12")
    assert [each.edit for each in made["x.py"].conflicts] == [torn]


def test_helpers_and_imports_go_to_the_file_of_the_expression() -> None:
    made = compose_files(
        both, [in_both(edit(("one", "_on_host(one)"), helpers=("_on_host",), imports=("import torch",)), ("four", "4"))]
    )
    assert "def _on_host" in made["x.py"].text
    assert "import torch\n" in made["x.py"].text
    assert made["y.py"].text == TEXT.replace("four", "4")


def test_the_same_replacement_is_shared_and_an_overlap_is_a_conflict() -> None:
    hoist = ("first =", "table = 1\nfirst =")
    one, two, rival = edit(hoist, ("one", "table")), edit(hoist, ("two", "table")), edit(("one + two", "12"))
    composed = compose(source(), [one, two, rival])
    assert composed.applied == (one, two)
    assert [each.edit for each in composed.conflicts] == [rival]
    assert composed.text.count("table = 1") == 1
    assert "table + table  # keep me" in composed.text


def test_two_edits_do_not_give_one_new_name_two_values() -> None:
    def named(value: str, place: str = "first") -> Edit:
        at = TEXT.index(place)
        inserted = Replacement(start=at, end=at, text=f"pair = {value}\n")
        return msgspec.structs.replace(edit(), replacements=(inserted,), description=value + place)

    alike = compose(source(), [named("one"), named("one", "second")])
    assert not alike.conflicts
    other = compose(source(), [named("one"), named("two")])
    assert [each.reason for each in other.conflicts] == ["Another edit gives pair another value"]


def test_text_that_would_not_parse_is_a_conflict() -> None:
    bad = edit(("one", "(("))
    composed = compose(source(), [bad, edit(("two", "2"))])
    assert [each.edit for each in composed.conflicts] == [bad]
    assert "one + 2" in composed.text


def test_imports_and_helpers_come_once() -> None:
    composed = compose(
        source(),
        [
            edit(("one", "1"), helpers=("_on_host",), imports=("import torch", "import math")),
            edit(("two", "2"), helpers=("_on_host",), imports=("import torch",)),
        ],
    )
    assert composed.text.count("import torch\n") == 2  # at the top, and inside the helper
    assert composed.text.count("import math") == 1
    assert composed.text.count("def _on_host") == 1
    assert composed.text.startswith('"""Doc."""\n\nimport math\nimport torch\n')
    ast.parse(composed.text)


SCRIPT = """import torch


def unrelated():
    pass


# What the loop reads.
@torch.no_grad()
def sample(table):
    return float(table[0])


if __name__ == "__main__":
    print(sample(torch.ones(2)))
"""


def reading(text: str, old: str = "table[0]") -> Edit:
    start = text.index(old)
    return msgspec.structs.replace(
        edit(helpers=("_on_host",)),
        replacements=(Replacement(start=start, end=start + len(old), text=f"_on_host({old})"),),
    )


def test_a_helper_is_defined_before_a_script_runs_what_uses_it(capsys: pytest.CaptureFixture[str]) -> None:
    text = compose(ModuleSource("x.py", SCRIPT), [reading(SCRIPT)]).text
    assert text.index("def unrelated") < text.index("def _on_host") < text.index("# What the loop reads.\n@torch")
    exec(compile(text, "x.py", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "1.0\n"


def test_a_helper_of_an_earlier_patch_is_used_again_and_another_of_its_name_is_a_conflict() -> None:
    once = compose(ModuleSource("x.py", SCRIPT), [reading(SCRIPT)]).text
    more = once.replace("    pass", "    return torch.ones(1)[0]")
    twice = compose(ModuleSource("x.py", more), [reading(more, "torch.ones(1)[0]")])
    assert twice.text.count("def _on_host") == 1
    assert not twice.conflicts
    own = SCRIPT.replace("unrelated", "_on_host")
    refused = compose(ModuleSource("x.py", own), [reading(own)])
    assert refused.text == own
    assert [each.reason for each in refused.conflicts] == ["The file has a _on_host of its own"]


@given(st.lists(st.sampled_from([("one", "1"), ("two", "22222\n  "), ("three", ""), ("four", "(4)")]), unique=True))
def test_every_place_of_the_new_text_leads_back(changes: list[tuple[str, str]]) -> None:
    wrapped = TEXT.replace("one + two", "(one + two)")
    start = {old: wrapped.index(old) for old, _ in changes}
    edits = [
        Edit(
            fix="x",
            file="x.py",
            where=Location(file="x.py", line=1),
            replacements=(Replacement(start=start[old], end=start[old] + len(old), text=new),),
            numerics="exact",
            proof="data",
            description="",
        )
        for old, new in changes
    ]
    composed = compose(ModuleSource("x.py", wrapped), edits)
    lines = composed.text.split("\n")
    for number, line in enumerate(lines, 1):
        for word in ("first", "second", "keep", "math"):
            if word in line:
                assert composed.origin(number, line.index(word)) == wrapped.index(word)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_what_is_inserted_ends_its_lines_as_the_file_does(end: str) -> None:
    text = SCRIPT.replace("\n", end)
    composed = compose(ModuleSource("x.py", text), [reading(text)])
    assert "def _on_host" in composed.text
    assert composed.text.replace(end, "") == composed.text.replace("\r", "").replace("\n", "")
    assert composed.text.count(end) == compose(ModuleSource("x.py", SCRIPT), [reading(SCRIPT)]).text.count("\n")
    line = next(n for n, each in enumerate(composed.text.split(end), 1) if "_on_host(table" in each)
    assert composed.origin(line, composed.text.split(end)[line - 1].index("_on_host")) == text.index("table[0]")


def test_in_a_file_of_mixed_line_ends_each_line_keeps_its_own_and_what_is_inserted_ends_as_those_around() -> None:
    text = SCRIPT.replace("\n", "\r\n", 3)
    both = msgspec.structs.replace(reading(text), imports=("import math",))
    composed = compose(ModuleSource("x.py", text), [both])
    assert composed.text.startswith("import torch\r\nimport math\r\n\r\n\r\ndef unrelated():\n")
    assert composed.text.count("\r") == 4
    made = composed.text.split("\n")
    assert [line for line in text.split("\n") if line not in made] == ["    return float(table[0])"]


def test_a_line_that_is_added_to_a_call_leaves_the_others_their_ends() -> None:
    text = "f(\n    x,\r\n)\n"
    added = msgspec.structs.replace(
        edit(), replacements=(Replacement(start=text.index(",") + 1, end=text.index(",") + 1, text="\n    y,"),)
    )
    assert compose(ModuleSource("x.py", text), [added]).text == "f(\n    x,\r\n    y,\r\n)\n"


@pytest.mark.parametrize(
    ("text", "offset", "end"),
    [
        ("a\r\nb\n", 0, "\r\n"),
        ("a\r\nb\n", 1, "\r\n"),
        ("a\r\nb\n", 3, "\r\n"),
        ("a\r\nb\n", 4, "\n"),
        ("a\r\nb\n", 5, "\n"),
        ("a\nb\rc", 4, "\r"),
        ("a\r\nb", 4, "\r\n"),
        ("\r\n", 0, "\r\n"),
        ("a", 1, "\n"),
        ("", 0, "\n"),
    ],
)
def test_how_a_line_ends(text: str, offset: int, end: str) -> None:
    assert line_end(text, offset) == end
