"""`sdprof doctor`: what it says, and what it really tries, through real workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdprof.doctor import CHECKS, examine, report_of
from sdprof.stages.progress import Silent
from sdprof.worker.client import Worker
from sdprof.worker.launcher import launcher
from sdprof.worker.protocol import Check, CheckName, Examine

SDPROF = Path(sys.executable).with_name("sdprof")
TORCH = Check(name="torch", ok=True, finding="PyTorch computes.")


COMES_ALONG = ("torch", "operator trace", "TensorBoard", "time by line", "simulated device")


@pytest.fixture(scope="module")
def patient() -> Iterator[Worker]:
    with launcher() as workers, Worker(name="the check", timeout_seconds=120, launcher=workers) as worker:
        yield worker


def ask(name: CheckName) -> Check:
    """In a worker that is born with the environment as it is now."""
    with launcher() as workers, Worker(name="the check", timeout_seconds=120, launcher=workers) as worker:
        (check,) = worker.examine(Examine(check=name)).checks
    return check


def test_all_is_well() -> None:
    report = report_of([TORCH, Check(name="cuda", ok=False, optional=True, finding="No GPU.", remedy="Buy one.")])
    assert report.usable
    assert "Audits run here, with every section." in report.text
    assert "note" in report.text
    assert "No GPU. Buy one." in " ".join(report.text.split())


def test_what_fails_is_named_with_its_remedy() -> None:
    report = report_of([TORCH, Check(name="compile", ok=False, finding="No compiler.", remedy="Install g++.")])
    assert report.usable
    assert "FAILS" in report.text
    assert "Install g++." in report.text
    assert report.text.endswith("Audits run here, without: compile.")


def test_without_torch_there_is_one_sentence() -> None:
    report = report_of([Check(name="torch", ok=False, finding="It cannot be imported.", remedy="Install it.")])
    assert not report.usable
    assert report.text == "It cannot be imported. Install it."


def test_a_torch_that_computes_nonsense_is_not_usable() -> None:
    broken = Check(name="torch", ok=False, finding="A product of two matrices is not finite.")
    report = report_of([Check(name="load", ok=True, finding="Quiet."), broken])
    assert not report.usable
    assert report.text.endswith("Nothing can be audited here until PyTorch works.")


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "compile"])
def test_every_check_answers_in_a_sentence(patient: Worker, name: CheckName) -> None:
    (check,) = patient.examine(Examine(check=name)).checks
    assert check.name == name
    assert check.finding.endswith(".")
    assert "\n" not in check.finding
    assert check.ok or check.remedy
    assert check.ok or name not in COMES_ALONG


def test_compile_really_compiles() -> None:
    assert "compiled a function" in ask("compile").finding


def test_without_a_compiler_the_remedy_is_to_install_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("PATH", str(tmp_path))
    check = ask("compile")
    assert not check.ok
    assert "needs a C++ compiler and found none" in check.finding
    assert "g++" in check.remedy


def shadow(monkeypatch: pytest.MonkeyPatch, folder: Path, package: str, code: str) -> None:
    """Put a package of that name before the real one, for every process that is started from here."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))


def test_a_check_that_kills_its_worker_costs_itself_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shadow(monkeypatch, tmp_path, "tensorboard", "import os\nos._exit(9)\n")
    monkeypatch.setattr("sdprof.doctor.CHECKS", ("torch", "TensorBoard", "time by line"))
    report = examine(Silent())
    assert [check.ok for check in report.checks] == [True, False, True]
    assert "exit code 9" in report.checks[1].finding
    assert report.text.endswith("without: TensorBoard.")


def test_a_library_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shadow(monkeypatch, tmp_path, "line_profiler", "raise OSError('the shared object is of another machine')\n")
    monkeypatch.setattr("sdprof.doctor.CHECKS", ("torch", "time by line"))
    report = examine(Silent())
    assert report.checks[1].finding == "It fails with OSError: the shared object is of another machine."


def test_the_command_without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shadow(monkeypatch, tmp_path, "torch", "raise ImportError('libtorch_cpu.so: cannot open shared object file')\n")
    done = subprocess.run([SDPROF, "doctor"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "torch cannot be imported: ImportError: libtorch_cpu.so" in done.stderr
    assert "https://pytorch.org" in done.stderr
    assert "Traceback" not in done.stderr
