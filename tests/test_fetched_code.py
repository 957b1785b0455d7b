"""Fetching a target's code: pinned by hash, whole or not at all, and a sentence where it cannot be had."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from sdprof.fetched_code import REQUIREMENTS, FetchError, fetch_code, fetched_code_folder
from tests.command import Command, sentence_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path / "cache"


def wheel(folder: Path, files: dict[str, str]) -> str:
    """A wheel made by hand; its hash."""
    folder.mkdir(exist_ok=True)
    file = folder / "some_loop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("some_loop-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: some-loop\nVersion: 1.0\n")
        archive.writestr("some_loop-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("some_loop-1.0.dist-info/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def target(folder: Path, digest: str) -> Path:
    folder.mkdir()
    (folder / REQUIREMENTS).write_text(f"some-loop==1.0 --hash=sha256:{digest}\n")
    return folder


def test_only_code_and_licences_are_unpacked(tmp_path: Path, cache: Path) -> None:
    digest = wheel(tmp_path / "wheels", {"loop/a.py": "x = 1", "loop/data.bin": "…", "LICENSE": "MIT"})
    folder = fetch_code(target(tmp_path / "target", digest), wheels=tmp_path / "wheels")
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) == [
        "LICENSE",
        "loop/a.py",
    ]
    assert cache in folder.parents
    (tmp_path / "wheels" / "some_loop-1.0-py3-none-any.whl").unlink()
    assert fetch_code(tmp_path / "target") == folder  # once is enough


def test_another_pin_has_another_folder(tmp_path: Path) -> None:
    one, other = target(tmp_path / "one", "0" * 64), tmp_path / "other"
    other.mkdir()
    folder = fetched_code_folder(one)
    (one / REQUIREMENTS).write_text(f"some-loop==2.0 --hash=sha256:{'0' * 64}\n")
    assert fetched_code_folder(one) != folder


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, cache: Path) -> None:
    wheel(tmp_path / "wheels", {"loop/a.py": "x = 1"})
    with pytest.raises(FetchError, match="MATCH THE HASHES"):
        fetch_code(target(tmp_path / "target", "0" * 64), wheels=tmp_path / "wheels")
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_a_file_outside_the_folder_is_refused(tmp_path: Path, cache: Path) -> None:
    digest = wheel(tmp_path / "wheels", {"../escaped.py": "x = 1"})
    with pytest.raises(FetchError, match="outside its folder"):
        fetch_code(target(tmp_path / "target", digest), wheels=tmp_path / "wheels")
    assert not list(tmp_path.rglob("escaped.py"))
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_without_an_index_the_command_says_what_to_do(command: Command) -> None:
    done = command("targets", "fetch", "sd21-published")
    assert done.returncode == 1
    assert "bring the wheel here" in sentence_of(done)


def test_a_target_that_carries_all_its_code(command: Command) -> None:
    done = command("targets", "fetch", "sd21-original")
    assert done.returncode == 1
    assert "nothing to fetch" in sentence_of(done)


def test_the_list_is_still_there(command: Command) -> None:
    done = command("targets")
    assert done.returncode == 0
    assert "sd21-published" in done.stdout
