"""Targets are found by reading their source, never by running it."""

from pathlib import Path

import pytest

from sdprof.target_index import TargetNotFoundError, find_target

DECLARED = 'import sdprof\n\n@sdprof.target("mine", summary="A loop", sizes=("a", "b"))\ndef build(options): ...\n'


def test_a_file_is_read_without_being_run(tmp_path: Path) -> None:
    file = tmp_path / "loop.py"
    file.write_text("raise SystemExit('this file was run')\n" + DECLARED)
    found = find_target(str(file))
    assert found.path == file
    assert found.declaration.name == "mine"
    assert found.declaration.summary == "A loop"
    assert found.declaration.sizes == ("a", "b")


def test_a_folder_stands_for_its_target_py(tmp_path: Path) -> None:
    (tmp_path / "target.py").write_text(DECLARED)
    assert find_target(str(tmp_path)).path == tmp_path / "target.py"


def test_a_bare_decorator_name_counts(tmp_path: Path) -> None:
    file = tmp_path / "loop.py"
    file.write_text("from sdprof import target\n\n@target('plain')\ndef build(options): ...\n")
    assert find_target(str(file)).declaration.name == "plain"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "declares no target"),
        (DECLARED + DECLARED.replace("mine", "yours"), "declares 2 targets (mine, yours)"),
        (DECLARED.replace('"mine"', "NAME"), "must be literals"),
        (DECLARED.replace('"mine"', "3"), "takes a name"),
        ("def build(:\n", "not valid Python"),
    ],
)
def test_what_is_no_target_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "loop.py"
    file.write_text(text)
    with pytest.raises(TargetNotFoundError) as caught:
        find_target(str(file))
    assert words in str(caught.value)


def test_a_missing_target_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(TargetNotFoundError, match="no built-in target 'nowhere'"):
        find_target("nowhere")
    with pytest.raises(TargetNotFoundError, match=r"has no target\.py"):
        find_target(str(tmp_path))
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(TargetNotFoundError, match="not a Python file"):
        find_target(str(text))
