"""Files appear whole or not at all, and an audit's folder can be opened again."""

from pathlib import Path

import pytest

from sdprof.run_folder import Manifest, Part, RunFolder, RunFolderError, write_new_folder, write_whole


def manifest() -> Manifest:
    return Manifest(sdprof_version="0", created="2026-01-01T00:00:00+00:00", request={"target": "x"})


def test_what_was_recorded_is_there_again(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest())
    folder.record("observe/baseline/loop", Part(state="done", seconds=1.5))
    folder.record("observe/baseline/stacks", Part(state="missing", reason="not allowed", remedy="be root"))
    again = RunFolder.open(tmp_path / "run")
    assert again.state("observe/baseline/loop") == Part(state="done", seconds=1.5)
    assert again.state("observe/baseline/stacks") == Part(state="missing", reason="not allowed", remedy="be root")
    assert again.state("observe/baseline/lines") is None
    assert not again.manifest.finished
    again.finish()
    assert RunFolder.open(tmp_path / "run").manifest.finished


def test_a_folder_in_use_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is not empty"):
        RunFolder.create(tmp_path, manifest())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", [".", "made", "made/below"])
def test_a_new_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    write_new_folder(Path(name), {"audit.json": b"{}", "below/report.html": b"page"})
    written = sorted(str(path.relative_to(empty / name)) for path in (empty / name).rglob("*") if path.is_file())
    assert written == ["audit.json", "below/report.html"]
    assert Path.cwd() == empty
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    with pytest.raises(RunFolderError, match="is not empty"):
        write_new_folder(Path(name), {})


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.create(tmp_path / "file", manifest())
    with pytest.raises(RunFolderError, match="not a folder"):
        RunFolder.create(tmp_path / "file" / "below", manifest())


def test_a_stranger_folder_and_a_damaged_manifest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not an audit's folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunFolderError, match="damaged"):
        RunFolder.open(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_whole(tmp_path / "there", b"new")  # a folder cannot be replaced by a file
    assert (tmp_path / "there" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_scratch_begins_empty_after_an_audit_that_was_killed(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest())
    (tmp_path / "run" / ".scratch").mkdir()
    (tmp_path / "run" / ".scratch" / "weights").write_bytes(b"half")
    with folder.scratch() as scratch:
        assert not list(scratch.iterdir())


def test_two_audits_cannot_be_at_work_in_one_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest())
    second = RunFolder.open(folder.path)
    with folder.at_work(), pytest.raises(RunFolderError, match="Another audit is at work"), second.at_work():
        pass
    with RunFolder.open(folder.path).at_work():
        pass


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest())
    folder.write("failure.txt", b"it failed")
    folder.remove("failure.txt")
    folder.remove("failure.txt")
    assert folder.read("failure.txt") is None


def test_scratch_is_emptied_also_after_a_failure(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest())

    def fail_while_it_is_in_use() -> None:
        with folder.scratch() as scratch:
            (scratch / "weights").write_bytes(b"0" * 100)
            raise KeyError

    with pytest.raises(KeyError):
        fail_while_it_is_in_use()
    assert not (tmp_path / "run" / ".scratch").exists()
