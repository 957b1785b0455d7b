"""An audit from Python, in a notebook's cell, and with what another package adds."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import pytest
from IPython.core.interactiveshell import InteractiveShell

import sdprof
from sdprof import extensions
from sdprof.collectors.registry import COLLECTOR_MODULES
from sdprof.commands.audit import audit as audit_command
from sdprof.in_python import AT_LEAST_ONE
from sdprof.model import AuditResult
from sdprof.notebook import parsed
from sdprof.pipeline import FinishedAudit
from sdprof.renderers.read_audit import read_audit
from sdprof.report_in_cell import as_html
from sdprof.stages.request import AuditRequest
from tests.command import all_but
from tests.conftest import LOOPS
from tests.renderers.samples import faster

PAGE = (Path(__file__).parent.parent / "docs" / "python.md").read_text()
BUT_THE_LOOP = [name for name in COLLECTOR_MODULES if name not in ("environment", "loop", "operators")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_audit_from_python_and_how_it_shows(here: Path) -> None:
    shutil.copy(LOOPS / "faults.py", here / "loop.py")
    result = sdprof.audit(
        "loop.py", out="out", quick=True, budget_seconds=1, fixes=["inference-mode"], skip=BUT_THE_LOOP
    )
    assert read_audit(here / "out") == result
    assert result.command == (
        "sdprof.audit('loop.py', out='out', quick=True, fixes=['inference-mode'], "
        f"skip={BUT_THE_LOOP!r}, budget_seconds=1)"
    )
    assert repr(result).startswith("<AuditResult (audit) of 'faults': ")
    assert "\n" not in repr(result)
    shown = as_html(result)
    assert shown.startswith("<iframe ")
    assert "<script" not in shown  # it is all in the frame's attribute
    assert "&lt;script" in shown


def test_a_wrong_call_is_one_error(here: Path) -> None:
    with pytest.raises(sdprof.AuditError, match="no built-in target 'nothing'"):
        sdprof.audit("nothing")
    with pytest.raises(sdprof.AuditError, match="no device 'gpu'"):
        sdprof.audit("sd21-original", device="gpu")
    with pytest.raises(sdprof.AuditError, match="steps has to be 1 or more, not 0"):
        sdprof.audit("sd21-original", steps=0)
    with pytest.raises(sdprof.AuditError, match="budget_seconds has to be 1 or more, not nan"):
        sdprof.audit("sd21-original", budget_seconds=float("nan"))
    assert not list(here.iterdir())


IN_PYTHON = {
    "set_": "settings",
    "fix": "fixes",
    "without_fix": "without_fixes",
    "allow_lossy": "lossy_fixes",
    "budget": "budget_seconds",
    "timeout": "timeout_seconds",
}
"""Options that are called otherwise in Python."""
COMMAND_ONLY = {"context", "resume"}


def test_python_and_cells_take_what_the_command_takes() -> None:
    options = set(inspect.signature(audit_command).parameters) - COMMAND_ONLY
    called = inspect.signature(sdprof.audit).parameters
    assert {IN_PYTHON.get(name, name) for name in options} == set(called)
    for name in options - {"target"}:
        flag = f"--{name.strip('_').replace('_', '-')}"
        line = flag if name in ("quick", "no_values") else f"{flag} a=1" if name == "set_" else f"{flag} 3"
        assert set(parsed(line)) == {IN_PYTHON.get(name, name)}


def test_python_refuses_below_one_what_the_command_refuses() -> None:
    hints = get_type_hints(audit_command, include_extras=True)
    with_least = {
        IN_PYTHON.get(name, name)
        for name in hints
        if any(getattr(note, "min", None) == 1 for note in getattr(hints[name], "__metadata__", ()))
    }
    assert with_least == set(AT_LEAST_ONE)


def test_what_is_passed_on_has_the_commands_defaults() -> None:
    command = inspect.signature(audit_command).parameters
    called = inspect.signature(sdprof.audit).parameters
    for name in set(command) - COMMAND_ONLY - {"target"}:
        assert (command[name].default or None) == (called[IN_PYTHON.get(name, name)].default or None)


def test_a_result_shows_as_its_report_without_the_extension(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = faster()
    finished = FinishedAudit(result=result, folder=here, summary="", trouble="")
    seen: list[AuditRequest] = []
    monkeypatch.setattr("sdprof.pipeline.run_audit", lambda request, *_: seen.append(request) or finished)
    shutil.copy(LOOPS / "faults.py", here / "loop.py")
    shell = InteractiveShell.instance()
    try:
        shown = sdprof.audit(here / "loop.py", lines=["f"], threads=2, profile_steps=3, settings={"a": "b"})
        assert shell.display_formatter.format(shown)[0] == {"text/plain": repr(result), "text/html": as_html(result)}
    finally:
        InteractiveShell.clear_instance()
    (request,) = seen
    assert (request.lines, request.threads, request.profile_steps) == (("f",), 2, 3)
    assert request.command == (
        f"sdprof.audit('{here / 'loop.py'}', settings={{'a': 'b'}}, lines=['f'], profile_steps=3, threads=2)"
    )


def test_a_cell_is_audited_and_its_lines_are_named(here: Path) -> None:
    shell = InteractiveShell.instance()
    try:
        shell.run_line_magic("load_ext", "sdprof")
        skip = " ".join(f"--skip {name}" for name in BUT_THE_LOOP)
        cell = (LOOPS / "faults.py").read_text()
        result = shell.run_cell_magic("sdprof", f"--quick --budget=1 --fix inference-mode --out out {skip}", cell)
        assert isinstance(result, AuditResult)
        (file,) = (here / "reports" / "cells").glob("*.py")
        assert file.read_text() == cell
        assert result.target.source_roots == (str(file.parent),)
        assert shell.display_formatter.format(result)[0]["text/html"] == as_html(result)
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("--quick --size tiny --steps=3", {"quick": True, "size": "tiny", "steps": 3}),
        ("--fix sdpa --fix compile --budget 5", {"fixes": ["sdpa", "compile"], "budget_seconds": 5.0}),
        ("--set sampler=ddim --without-fix tf32", {"settings": {"sampler": "ddim"}, "without_fixes": ["tf32"]}),
    ],
)
def test_options_of_a_cell(line: str, options: dict[str, object]) -> None:
    assert parsed(line) == options


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--fast", "no option --fast"),
        ("tiny", "no option tiny"),
        ("--size", "--size of %%sdprof needs a value"),
        ("--quick=false", "--quick of %%sdprof takes no value"),
        ("--out 'half", "cannot be read: no closing quotation"),
        ("--set sampler", "--set of %%sdprof needs NAME=VALUE, not 'sampler'"),
        ("--steps many", "needs a number, not 'many'"),
    ],
)
def test_options_that_a_cell_does_not_take(line: str, sentence: str) -> None:
    with pytest.raises(sdprof.AuditError, match=re.escape(sentence)):
        parsed(line)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of docs/python.md, as an installer would leave it."""
    site = tmp_path_factory.mktemp("site")
    for name, text in re.findall(r"```python\n# (acme/\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL):
        file = site / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (project,) = re.findall(r"```toml\n(# pyproject.toml.*?)```", PAGE, flags=re.DOTALL)
    points = re.findall(r'entry-points\."([\w.]+)"\]\n([\w-]+) = "([\w.]+)"', project)
    info = site / "acme_samplers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-samplers\nVersion: 1.0\n")
    groups = [group for group, _, _ in points]
    lines = [f"[{group}]\n{name} = {module}" for group, name, module in points]
    for number, name in enumerate(("audits", "fixes"), 1):
        assert groups[number] == f"sdprof.{name}"
        lines[number] += "\nexits = acme.exits"
    (site / "acme" / "exits.py").write_text("raise SystemExit(3)\n")
    lines[0] += "\nlost = acme.lost"
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


def with_package(package: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH", ""))))
    return subprocess.run(
        [sys.executable, "-m", "sdprof", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("listing", "name"), [("targets", "acme-loop"), ("audits", "many-dropouts"), ("fixes", "no-dropout")]
)
def test_what_another_package_adds_is_listed(package: Path, listing: str, name: str, tmp_path: Path) -> None:
    done = with_package(package, listing, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert name in done.stdout
    if listing == "targets":
        assert "entry point lost of sdprof.targets is left out: there is no source file of acme.lost." in done.stderr
    else:
        assert f"entry point exits of sdprof.{listing} is left out: SystemExit: 3." in done.stderr


def test_a_module_that_cannot_be_looked_up_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint(name, f"{name}.loop", "sdprof.targets") for name in ("by_hand", "tests")]
    monkeypatch.setattr(extensions, "_entries", lambda _: entries)
    monkeypatch.setitem(sys.modules, "by_hand", ModuleType("by_hand"))  # without a spec: find_spec raises ValueError
    extensions.extension_files.cache_clear()
    with pytest.warns(extensions.ExtensionWarning) as warned:
        assert extensions.extension_files("sdprof.targets") == {}
    extensions.extension_files.cache_clear()
    assert [str(one.message) for one in warned] == [
        "The entry point by_hand of sdprof.targets is left out: ValueError: by_hand.__spec__ is None.",
        "The entry point tests of sdprof.targets is left out: there is no source file of tests.loop.",
    ]


def test_what_another_package_adds_takes_part_in_an_audit(package: Path, tmp_path: Path) -> None:
    arguments = ("audit", "--target", "acme-loop", "--out", "out", "--quick", "--budget", "1", "--fix", "no-dropout")
    done = with_package(package, *arguments, *all_but("environment", "loop", "modules"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = read_audit(tmp_path / "out")
    (finding,) = [finding for finding in result.findings if finding.id == "many-dropouts"]
    assert finding.evidence == {"layers": 1, "calls": 4}
    (fix,) = [fix for fix in result.fixes if fix.id == "no-dropout"]
    assert fix.did == ("Took out 1 dropout layers.",)
    assert fix.parity is not None
    assert fix.parity.max_abs_diff == 0
