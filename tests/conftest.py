"""Shared by all tests: where the loops for the tests are, and the command line."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from sdprof import cli
from sdprof.worker.launcher import Launcher, launcher
from tests.command import Command
from tests.renderers.samples import faster

with contextlib.suppress(ImportError):
    # torch.compile imports it late, and fails in a process in which something else has imported distutils by then.
    import setuptools  # noqa: F401

# How long input takes to be made, and a test to run, says how busy the machine is.
settings.register_profile("busy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy-machine")

LOOPS = Path(__file__).parent / "loops"
TRACES = Path(__file__).parent / "golden" / "traces"


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


@pytest.fixture(scope="session")
def viewed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with recorded traces: of a toy loop on the CPU before, of a real GPU after."""
    run = tmp_path_factory.mktemp("viewed") / "run"
    for side, trace in (("before", "cpu_toy_loop"), ("after", "h100_bert")):
        folder = run / "tensorboard" / side
        folder.mkdir(parents=True)
        shutil.copy(TRACES / f"{trace}.json.gz", folder / "sampling_loop.pt.trace.json.gz")
    (run / "audit.json").write_bytes(msgspec.json.encode(faster()))
    stacks = run / "artifacts" / "baseline"
    stacks.mkdir(parents=True)
    (stacks / "stacks.speedscope.json").write_text('{"profiles": []}')
    return run
