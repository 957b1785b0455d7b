"""Rewritten copies, served in real workers: what runs, what names it, and that the user's files are left alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from sdprof.model import RewrittenFile
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import Launcher, launcher
from sdprof.worker.protocol import Build

TARGET = """
import torch, sdprof
{imports}
model = torch.nn.Linear(2, 2)

@sdprof.target("overlaid")
def build(options):
    return sdprof.Workload(run=run, hot_modules={{"m": model}})

def run():
    return {run}
"""
SCALE = "import inspect\n\n\nclass Loop:\n    SCALE = 1\n\n\ndef where():\n    return len(__file__)\n"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Launcher]:
    with launcher() as nursery:
        yield nursery


def copy_of(file: Path, folder: Path, old: str, new: str) -> RewrittenFile:
    copy = folder / "overlay" / file.name
    copy.parent.mkdir(exist_ok=True)
    assert old in file.read_text()
    copy.write_text(file.read_text().replace(old, new))
    return RewrittenFile(original=str(file), rewritten=str(copy))


def outputs(target: Path, nursery: Launcher, *overlay: RewrittenFile) -> dict[str, float]:
    file = target.with_name("outputs.safetensors")
    with Worker(name="the worker", timeout_seconds=60, launcher=nursery) as worker:
        worker.build(Build(target_file=str(target), target_name=None, options={"device": "cpu"}, overlay=overlay))
        worker.run(str(file))
    return {name: float(value) for name, value in load_file(file).items()}


def a_target(folder: Path, run: str, imports: str = "") -> Path:
    file = folder / "overlaid.py"
    file.write_text(TARGET.format(run=run, imports=imports))
    return file


def test_a_module_a_package_and_the_target_itself_run_as_rewritten(tmp_path: Path, nursery: Launcher) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from pack.inner import Loop\nSIZE = 3\n")
    (tmp_path / "pack" / "inner.py").write_text(SCALE)
    (tmp_path / "single.py").write_text(SCALE)
    target = a_target(
        tmp_path,
        "{'pack': pack.SIZE, 'inner': pack.Loop.SCALE, 'single': single.Loop.SCALE, 'own': 7}",
        "import pack, single",
    )
    files = {file: file.read_bytes() for file in tmp_path.rglob("*.py")}
    assert outputs(target, nursery) == {"pack": 3, "inner": 1, "single": 1, "own": 7}
    copies = (
        copy_of(tmp_path / "pack" / "__init__.py", tmp_path, "SIZE = 3", "SIZE = 4"),
        copy_of(tmp_path / "pack" / "inner.py", tmp_path, "SCALE = 1", "SCALE = 2"),
        copy_of(tmp_path / "single.py", tmp_path, "SCALE = 1", "SCALE = 5"),
        copy_of(target, tmp_path, "'own': 7", "'own': 8"),
    )
    assert outputs(target, nursery, *copies) == {"pack": 4, "inner": 2, "single": 5, "own": 8}
    assert {file: file.read_bytes() for file in files} == files
    assert outputs(target, nursery) == {"pack": 3, "inner": 1, "single": 1, "own": 7}


def test_two_rewrites_of_one_size_made_within_a_second_are_told_apart(tmp_path: Path, nursery: Launcher) -> None:
    (tmp_path / "single.py").write_text(SCALE)
    target = a_target(tmp_path, "{'scale': single.Loop.SCALE}", "import single")
    outputs(target, nursery)  # leaves byte code of the original
    for scale in (2, 3):
        copy = copy_of(tmp_path / "single.py", tmp_path, "SCALE = 1", f"SCALE = {scale}")
        os.utime(copy.rewritten, (1e9, 1e9))
        assert outputs(target, nursery, copy) == {"scale": scale}
    assert not list((tmp_path / "overlay").rglob("*.pyc"))


@pytest.mark.parametrize(
    "run",
    [
        "{'scale': __import__('runpy').run_path(SCRIPT, run_name='__main__')['Loop'].SCALE}",
        "{'scale': by_file(SCRIPT).Loop.SCALE}",
    ],
)
def test_a_script_and_a_file_loaded_by_its_path_run_as_rewritten(run: str, tmp_path: Path, nursery: Launcher) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCALE)
    loading = (
        f"SCRIPT = {str(script)!r}\n"
        "import importlib.util\n"
        "def by_file(path):\n"
        "    spec = importlib.util.spec_from_file_location('some_name', path)\n"
        "    module = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n"
        "    return module\n"
    )
    target = a_target(tmp_path, run, loading)
    copy = copy_of(script, tmp_path, "SCALE = 1", "SCALE = 2")
    assert outputs(target, nursery, copy) == {"scale": 2}


def test_source_file_and_traceback_are_those_of_the_copy(tmp_path: Path, nursery: Launcher) -> None:
    (tmp_path / "single.py").write_text(SCALE)
    copy = copy_of(tmp_path / "single.py", tmp_path, "SCALE = 1", "SCALE = 12345\n\n    def fail(self):\n        1 / 0")
    shows = "{'class': '12345' in inspect.getsource(single.Loop), 'file': single.__file__ == COPY,"
    shows += " 'function': 'fail' in inspect.getsource(single.Loop.fail)}"
    target = a_target(tmp_path, shows, f"import inspect, single\nCOPY = {copy.rewritten!r}")
    assert outputs(target, nursery, copy) == {"class": 1, "file": 1, "function": 1}
    failing = a_target(tmp_path, "single.Loop().fail()", "import single")
    with pytest.raises(WorkerError) as error:
        outputs(failing, nursery, copy)
    assert f"({copy.rewritten}:8)" in error.value.sentence
    assert "1 / 0" in error.value.detail


def test_a_copy_that_nothing_imports_is_no_rewrite(tmp_path: Path, nursery: Launcher) -> None:
    (tmp_path / "other.py").write_text(SCALE)
    copy = copy_of(tmp_path / "other.py", tmp_path, "SCALE = 1", "SCALE = 2")
    target = a_target(
        tmp_path, "{'one': exec(compile(open(OTHER).read(), OTHER, 'exec')) or 1}", f"OTHER = {copy.original!r}"
    )
    with pytest.raises(WorkerError, match=r"never imported .*other\.py") as error:
        outputs(target, nursery, copy)
    assert error.value.trouble == "fix"


def test_a_file_that_the_nursery_has_imported_is_refused(tmp_path: Path, nursery: Launcher) -> None:
    import einops.einops

    nursery.learn(("einops", "einops.einops"))
    copy = copy_of(Path(einops.einops.__file__), tmp_path, "import functools", "import  functools")
    target = a_target(tmp_path, "{'one': 1}", "import einops")
    with pytest.raises(WorkerError, match=r"einops\.einops was imported before") as error:
        outputs(target, nursery, copy)
    assert error.value.trouble == "overlay"
    assert outputs(target, nursery.apart_from((copy.original,)), copy) == {"one": 1}
    assert nursery.apart_from((str(target),)) is nursery
