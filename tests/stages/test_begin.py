import json
from pathlib import Path

import pytest

import sdprof
from sdprof.run_folder import RunFolderError
from sdprof.stages.begin import begin
from tests.stages.made import REQUEST


def test_an_order_is_kept_to_go_on_with(tmp_path: Path) -> None:
    begin(REQUEST, tmp_path / "out")
    folder, request = begin(None, tmp_path / "out")
    assert request == REQUEST
    assert folder.manifest.sdprof_version == sdprof.__version__
    assert not folder.manifest.finished


def test_another_versions_folder_is_refused(tmp_path: Path) -> None:
    begin(REQUEST, tmp_path / "out")
    change(tmp_path / "out" / "manifest.json", sdprof_version="0.0.1")
    with pytest.raises(RunFolderError, match=r"was begun by sdprof 0\.0\.1"):
        begin(None, tmp_path / "out")


def test_an_order_that_is_none_is_refused(tmp_path: Path) -> None:
    begin(REQUEST, tmp_path / "out")
    change(tmp_path / "out" / "manifest.json", request={"target_file": 3})
    with pytest.raises(RunFolderError, match="cannot be read"):
        begin(None, tmp_path / "out")


def change(manifest: Path, **given: object) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **given}))
