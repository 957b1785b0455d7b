"""Rewritten files, laid out as at home."""

from pathlib import Path

import pytest

from sdprof.stages.overlay_folder import remove_links, write_overlay


@pytest.fixture
def home(tmp_path: Path) -> Path:
    pack = tmp_path / "home" / "pack" / "inner"
    pack.mkdir(parents=True)
    for folder in (pack, pack.parent):
        (folder / "__init__.py").touch()
    (pack / "loop.py").write_text("old")
    (pack / "config.yaml").write_text("beside")
    (pack.parent / "weights.bin").write_text("above")
    (pack.parent.parent / "data").mkdir()
    (pack.parent.parent / "data" / "x.txt").write_text("at the top")
    return tmp_path / "home"


def test_a_copy_finds_beside_it_what_the_original_finds(home: Path, tmp_path: Path) -> None:
    original = home / "pack" / "inner" / "loop.py"
    (written,) = write_overlay(tmp_path / "overlay", {str(original): "new"})
    copy = Path(written.rewritten)
    assert written.original == str(original)
    assert copy.read_text() == "new"
    assert (copy.parent / "config.yaml").read_text() == "beside"
    assert (copy.parents[1] / "weights.bin").read_text() == "above"
    assert (copy.parents[2] / "data" / "x.txt").read_text() == "at the top"
    assert original.read_text() == "old"


def test_links_are_taken_away_and_what_they_pointed_at_is_not(home: Path, tmp_path: Path) -> None:
    (written,) = write_overlay(tmp_path / "overlay", {str(home / "pack" / "inner" / "loop.py"): "new"})
    remove_links(tmp_path / "overlay")
    assert [path for path in (tmp_path / "overlay").rglob("*") if not path.is_dir()] == [Path(written.rewritten)]
    assert (home / "data" / "x.txt").exists()
    assert (home / "pack" / "inner" / "config.yaml").exists()


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    files = [tmp_path / side / "src" / "loop.py" for side in ("left", "right")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("old")
    written = write_overlay(tmp_path / "overlay", {str(file): str(file) for file in files})
    assert [Path(each.rewritten).read_text() for each in written] == [str(file) for file in files]


def test_what_was_written_before_is_gone(home: Path, tmp_path: Path) -> None:
    write_overlay(tmp_path / "overlay", {str(home / "pack" / "inner" / "loop.py"): "new"})
    write_overlay(tmp_path / "overlay", {str(home / "pack" / "__init__.py"): "newer"})
    assert (
        not (tmp_path / "overlay" / "home" / "pack" / "inner").is_dir()
        or (tmp_path / "overlay" / "home" / "pack" / "inner").is_symlink()
    )
