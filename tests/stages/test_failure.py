from pathlib import Path

import pytest

from sdprof.run_folder import RunFolder, RunFolderError
from sdprof.stages.begin import begin
from sdprof.stages.failure import failed, unexpected
from tests.stages.made import REQUEST


def test_the_details_go_into_a_file(tmp_path: Path) -> None:
    folder, _ = begin(REQUEST, tmp_path / "out")
    sentence = str(failed(folder, "the run raised ValueError", "Traceback …"))
    assert sentence.startswith("The run raised ValueError. The details are in ")
    assert sentence.endswith(f"--resume {folder.path} goes on with it.")
    assert "Traceback …" in (tmp_path / "out" / "failure.txt").read_text()


def test_a_disk_that_takes_no_details_costs_them_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise RunFolderError("no space")

    folder, _ = begin(REQUEST, tmp_path / "out")
    monkeypatch.setattr(RunFolder, "write", full)
    sentence = str(failed(folder, "audit.json cannot be written (No space left on device).", ""))
    assert sentence.startswith("Audit.json cannot be written (No space left on device). What was collected is kept")


def test_a_fault_of_our_own_is_one_line() -> None:
    assert unexpected(KeyError("a\nb")) == "Unexpected KeyError inside sdprof: 'a\\nb'; please report it"
    assert unexpected(RuntimeError()) == "Unexpected RuntimeError inside sdprof; please report it"
