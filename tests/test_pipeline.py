"""The whole path through the installed command, on a target outside of the repository."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from sdprof.model import AuditResult
from sdprof.renderers import json_schema
from sdprof.renderers.read_audit import read_audit
from tests.command import ONE_CORE, SDPROF, all_but, sdprof, sentence_of
from tests.conftest import LOOPS

OBSERVED = ("environment", "loop", "modules", "operators", "torch_trace", "transfers")
ARGUMENTS = ("audit", "--target", "loop.py", "--out", "out", "--quick", "--budget", "3", *all_but(*OBSERVED))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user's with one target in it."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copyfile(LOOPS / "denoise.py", folder / "loop.py")
    return folder


@pytest.fixture(scope="module")
def finished(home: Path) -> Path:
    done = sdprof(*ARGUMENTS, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "denoise: " in done.stdout
    assert str(home / "out" / "report.html") in done.stdout
    return home / "out"


@pytest.fixture(scope="module")
def result(finished: Path) -> AuditResult:
    return read_audit(finished)


def test_audit_json_is_valid_against_its_schema(finished: Path) -> None:
    schema = json.loads(json_schema.render())
    audit = json.loads((finished / "audit.json").read_text())
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(audit)] == []


def test_the_output_stayed_the_same(result: AuditResult) -> None:
    assert result.comparison is not None
    assert result.comparison.parity is not None
    assert result.comparison.parity.passed
    tried = [variant for variant in result.variants if variant.fixes and not variant.error]
    assert tried
    assert all(variant.parity is not None and variant.parity.passed for variant in tried)
    assert all(variant.speedup is not None for variant in tried)


def test_every_finding_that_names_a_line_names_one_of_the_target(result: AuditResult, home: Path) -> None:
    located = [finding for finding in result.findings if finding.locations]
    assert located
    lines = (home / "loop.py").read_text().splitlines()
    for location in (location for finding in located for location in finding.locations):
        assert location.file == str(home / "loop.py")
        assert lines[location.line - 1].strip() in location.code


def test_what_was_left_out_is_not_called_missing_without_a_reason(result: AuditResult) -> None:
    assert all(gap.reason for gap in result.missing)
    assert any("needs TorchDynamo's view of the loop" in gap.reason for gap in result.missing)


def test_tensorboard_has_a_trace_of_the_loop_before(finished: Path) -> None:
    (trace,) = (finished / "tensorboard" / "before").glob("*.pt.trace.json.gz")
    assert trace.stat().st_size > 1000


def test_the_report_is_there_and_nothing_else_is_left(finished: Path) -> None:
    assert "<html" in (finished / "report.html").read_text()[:500]
    assert not (finished / ".scratch").exists()
    assert not list(finished.rglob("*.part"))
    assert json.loads((finished / "manifest.json").read_text())["finished"]


def test_the_audit_says_where_its_own_time_went(result: AuditResult) -> None:
    assert {entry.overhead for entry in result.own_time} == {True, False}


def test_a_second_audit_into_the_same_folder_is_refused(finished: Path, home: Path) -> None:
    before = stamps(finished)
    done = sdprof(*ARGUMENTS, cwd=home)
    assert "is not empty" in sentence_of(done)
    assert done.returncode == 2
    assert stamps(finished) == before


def test_a_finished_audit_is_shown_again_and_not_done_again(finished: Path, home: Path) -> None:
    before = stamps(finished)
    done = sdprof("audit", "--resume", "out", cwd=home)
    assert done.returncode == 0
    assert "denoise: " in done.stdout
    assert stamps(finished) == before


def test_an_audit_goes_on_from_what_was_measured(finished: Path, tmp_path: Path) -> None:
    """Everything but the report was done: nothing is observed or measured again."""
    shutil.copytree(finished, tmp_path / "out")
    (tmp_path / "out" / "report.html").unlink()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    (tmp_path / "out" / "manifest.json").write_text(json.dumps({**manifest, "finished": False}))
    before = stamps(tmp_path / "out")
    done = sdprof("audit", "--resume", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = stamps(tmp_path / "out")
    assert after.keys() == {*before, "report.html"}
    kept = [name for name in before if name.startswith(("measured-", "artifacts/baseline/")) and "outputs" not in name]
    assert len(kept) > len(OBSERVED)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert read_audit(tmp_path / "out").variants[0].timing == read_audit(finished).variants[0].timing


def stamps(folder: Path) -> dict[str, int]:
    """When each file was written, in nanoseconds."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def under_way(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    shutil.copyfile(LOOPS / "denoise.py", tmp_path / "loop.py")
    process = subprocess.Popen(
        [SDPROF, *ARGUMENTS],
        cwd=tmp_path,
        env={**os.environ, **ONE_CORE},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def parts_done(manifest: Path) -> dict[str, Any]:
    try:
        parts: dict[str, Any] = json.loads(manifest.read_text())["parts"]
    except FileNotFoundError:
        return {}
    return {name: part for name, part in parts.items() if part["state"] == "done"}


def test_an_audit_that_was_killed_goes_on_where_it_stopped(under_way: subprocess.Popen[bytes], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    deadline = time.monotonic() + 120
    while "observe/baseline/modules" not in parts_done(folder / "manifest.json"):
        assert under_way.poll() is None, "the audit ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    under_way.send_signal(signal.SIGSTOP)
    busy = sdprof("audit", "--resume", "out", cwd=tmp_path)
    assert "Another audit is at work" in sentence_of(busy)
    children = psutil.Process(under_way.pid).children(recursive=True)
    assert children
    under_way.send_signal(signal.SIGKILL)
    under_way.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    done_before, before = parts_done(folder / "manifest.json"), stamps(folder)
    assert not (folder / "audit.json").exists()

    done = sdprof("audit", "--resume", "out", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    done_after, after = parts_done(folder / "manifest.json"), stamps(folder)
    assert {name: done_after[name] for name in done_before} == done_before
    for part in done_before:
        collector = part.rpartition("/")[2]
        artifact = f"artifacts/baseline/{'trace' if collector == 'torch_trace' else collector}.json"
        assert after[artifact] == before[artifact]
    assert len(done_before) < len(done_after)
    assert read_audit(folder).comparison is not None
    assert (folder / "report.html").is_file()
    assert not (folder / ".scratch").exists()
