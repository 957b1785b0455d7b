"""Unified diffs: what difflib and git write is read back to the same change."""

import difflib
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sdprof.renderers.unified_diff import FileDiff, parse

TEXTS = st.lists(st.sampled_from(["a", "b", "", "-- x", "++ y", "@@", " indented", "--- a/z", "+++ b/z"]), max_size=25)


def apply(old: list[str], file: FileDiff) -> list[str]:
    new = list(old)
    for change in reversed(file.replacements):
        assert tuple(new[change.line - 1 : change.line - 1 + len(change.removed)]) == change.removed
        new[change.line - 1 : change.line - 1 + len(change.removed)] = change.inserted
    return new


@given(TEXTS, TEXTS, st.integers(0, 3))
def test_replacements_lead_from_the_old_text_to_the_new(old: list[str], new: list[str], context: int) -> None:
    diff = "\n".join(difflib.unified_diff(old, new, "a/f.py", "b/f.py", lineterm="", n=context))
    files = parse(diff)
    if old == new:
        assert files == ()
        return
    (file,) = files
    assert file.path == "f.py"
    assert apply(old, file) == new
    for line in (line for hunk in file.hunks for line in hunk.lines):
        if line.old is not None:
            assert old[line.old - 1] == line.text
        if line.new is not None:
            assert new[line.new - 1] == line.text


def test_a_patch_of_git_with_two_files_and_no_last_newline(tmp_path: Path) -> None:
    for side, texts in {"a": ("1\n2\n3", "x\ny\n"), "b": ("1\n2\nthree", "x\n")}.items():
        (tmp_path / side).mkdir()
        for name, text in zip(("one.py", "two.py"), texts, strict=True):
            (tmp_path / side / name).write_text(text)
    done = subprocess.run(
        ["git", "diff", "--no-index", "--no-prefix", "a", "b"], cwd=tmp_path, capture_output=True, text=True
    )
    one, two = parse(done.stdout)
    assert (one.path, two.path) == ("one.py", "two.py")
    assert apply(["1", "2", "3"], one) == ["1", "2", "three"]
    assert apply(["x", "y"], two) == ["x"]


def test_line_endings_of_windows_are_kept_for_the_editor_and_not_shown() -> None:
    (file,) = parse("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n keep\r\n-a\r\n+b\r\n")
    assert [line.shown for line in file.hunks[0].lines] == ["keep", "a", "b"]
    assert [(one.removed, one.inserted) for one in file.replacements] == [(("a\r",), ("b\r",))]


def test_what_is_no_diff_holds_nothing() -> None:
    assert parse("") == parse("no diff\nat all\n") == ()


def test_a_diff_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    (file,) = parse("--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n-gone\n+new")
    assert apply(["gone", "x", "y"], file) == ["new", "x", "y"]
