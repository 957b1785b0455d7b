"""Shared by all tests: where the loops for the tests are, and the command line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from sdprof import cli
from sdprof.worker.launcher import Launcher, launcher
from tests.command import Command

LOOPS = Path(__file__).parent / "loops"


@pytest.fixture
def denoise_target() -> Path:
    return LOOPS / "denoise.py"


@pytest.fixture(scope="session")
def shared_nursery() -> Iterator[Launcher]:
    with launcher() as workers:
        yield workers


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, shared_nursery: Launcher
) -> Command:
    """The command line in this process and in an empty folder; all workers come from one nursery, which saves time."""
    monkeypatch.setattr("sdprof.pipeline.launcher", lambda: contextlib.nullcontext(shared_nursery))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> CompletedProcess[str]:
        monkeypatch.setattr("sys.argv", ["sdprof", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return CompletedProcess(arguments, int(ended.value.code or 0), said.out, said.err)

    return run
