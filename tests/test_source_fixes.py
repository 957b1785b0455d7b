"""From a fault in the user's source to the patch and the written file, through the command line."""

import shutil
import subprocess
from pathlib import Path

import pytest

from sdprof.model import AuditResult, Finding
from sdprof.renderers.read_audit import read_audit
from tests.command import all_but, sdprof, sentence_of
from tests.conftest import LOOPS

FIXES = ("keep-scalar-on-device", "create-on-device")
ARGUMENTS = (
    *("audit", "--target", "loop.py", "--out", "out", "--quick", "--budget", "3"),
    *all_but("environment", "loop", "operators", "transfers"),
    *(word for fix in FIXES for word in ("--fix", fix)),
)
FAULTS = (LOOPS / "faults.py").read_text()


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user's, a git work tree, with the loop and its audit in it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "loop.py").write_text(FAULTS)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    done = sdprof(*ARGUMENTS, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "loop.py").read_text() == FAULTS
    return folder


@pytest.fixture
def home(audited: Path) -> Path:
    """The same, as it was left by the audit."""
    (audited / "loop.py").write_text(FAULTS)
    return audited


@pytest.fixture(scope="module")
def result(audited: Path) -> AuditResult:
    return read_audit(audited / "out")


def of(result: AuditResult, audit: str) -> Finding:
    (finding,) = [finding for finding in result.findings if finding.id == audit and finding.locations]
    return finding


def test_the_fixes_are_proven_on_the_simulated_device_and_in_the_patch(result: AuditResult) -> None:
    assert result.patch is not None
    assert set(result.patch.fixes) == set(FIXES)
    proof = result.patch.proof
    assert proof is not None
    assert (proof.before.h2d, proof.before.sync, proof.after.total) == (4, 4, 0)
    assert proof.equal
    assert proof.per_step == 0
    assert proof.to_confirm  # the exponential is taken elsewhere now
    for fix in result.fixes:
        if fix.id in FIXES:
            assert fix.rewrites is not None
            assert fix.rewrites.in_patch
            assert fix.rewrites.proof is not None
            # A quick audit tries no fix by itself: what it knows of one alone comes from the trials of the choice.
            left = 0 if fix.rewrites.proven_together else fix.rewrites.proof.before.total - 4
            assert fix.rewrites.proof.after.total == left
            assert fix.parity is not None
            assert fix.parity.max_abs_diff == 0


def test_a_finding_that_is_cured_and_gains_nothing_here_is_hidden(result: AuditResult) -> None:
    finding = of(result, "sync-in-loop")
    assert finding.status == "hidden"
    assert "copies and waits in the loop 8 to 4 on the simulated device" in finding.reason
    assert "patch.diff" in finding.reason


def test_copies_after_are_counted_over_the_whole_loop_and_placed_in_the_users_file(
    result: AuditResult, audited: Path
) -> None:
    assert result.transfers is not None
    assert result.transfers.candidate is not None
    assert not [site for site in result.transfers.candidate.sites if site.in_loop]
    outside = result.transfers.candidate.sites
    assert {site.where.file for site in outside} == {str(audited / "loop.py")}
    for site in outside:
        assert FAULTS.splitlines()[site.where.line - 1].strip() in site.where.code


def test_git_applies_the_patch_and_comments_survive(home: Path, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(FAULTS)
    subprocess.run(["git", "apply", home / "out" / "patch.diff"], cwd=tmp_path, check=True)
    cured = (tmp_path / "loop.py").read_text()
    assert "torch.full((x.shape[0], 1, 1, 1)" not in cured
    assert "# waits for the device" in cured
    assert len(set(cured.splitlines()) ^ set(FAULTS.splitlines())) <= 8


def test_fix_shows_writes_and_checks(home: Path, tmp_path: Path) -> None:
    shown = sdprof("fix", "out", cwd=home)
    assert shown.returncode == 0
    assert (home / "out" / "patch.diff").read_text() == shown.stdout
    before = sdprof("fix", "out", "--check", cwd=home)
    assert before.returncode == 1
    assert "loop.py" in sentence_of(before)
    (home / "loop.py").chmod(0o755)
    written = sdprof("fix", "out", "--write", cwd=home)
    assert written.returncode == 0, written.stderr
    assert "Wrote" in written.stdout
    assert (home / "loop.py").stat().st_mode & 0o777 == 0o755
    assert sdprof("fix", "out", "--check", cwd=home).returncode == 0
    assert "nothing to write" in sdprof("fix", "out", "--write", cwd=home).stdout
    undone = (home / "loop.py").read_text()
    (tmp_path / "loop.py").write_text(undone)
    subprocess.run(["git", "apply", "-R", home / "out" / "patch.diff"], cwd=tmp_path, check=True)
    assert (tmp_path / "loop.py").read_text() == FAULTS


ENDS = {
    "CRLF": FAULTS.replace("\n", "\r\n"),
    "mixed": "".join(
        line.replace("\n", "\r\n" if number % 3 else "\n")
        for number, line in enumerate(FAULTS.splitlines(keepends=True))
    ),
}


@pytest.mark.parametrize("ends", ENDS)
def test_lines_keep_their_ends(ends: str, tmp_path: Path) -> None:
    before = ENDS[ends].encode()
    (tmp_path / "loop.py").write_bytes(before)
    done = sdprof(*ARGUMENTS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = read_audit(tmp_path / "out")
    assert result.patch is not None
    assert set(result.patch.fixes) == set(FIXES)
    patched = tmp_path / "patched"
    patched.mkdir()
    (patched / "loop.py").write_bytes(before)
    subprocess.run(["git", "apply", tmp_path / "out" / "patch.diff"], cwd=patched, check=True)
    assert sdprof("fix", "out", "--write", cwd=tmp_path).returncode == 0
    written = (tmp_path / "loop.py").read_bytes()
    assert (patched / "loop.py").read_bytes() == written
    assert sdprof("fix", "out", "--check", cwd=tmp_path).returncode == 0
    ran = [each.read_bytes() for each in (tmp_path / "out").rglob("loop.py")]
    assert ran
    for text in (written, *ran):
        lines = text.splitlines(keepends=True)
        if ends == "CRLF":
            assert all(line.endswith(b"\r\n") for line in lines)
        kept = [line for line in before.splitlines(keepends=True) if line in lines]
        assert len(before.splitlines()) - len(kept) <= 4


def test_one_fix_alone_can_be_written(home: Path) -> None:
    assert sdprof("fix", "out", "--only", "keep-scalar-on-device", "--write", cwd=home).returncode == 0
    cured = (home / "loop.py").read_text()
    assert "torch.full((x.shape[0], 1, 1, 1)" not in cured
    assert "torch.exp(-torch.arange(0, 4, dtype=torch.float32)).to(device=t.device)" in cured


def test_a_file_that_has_changed_is_not_written(home: Path) -> None:
    changed = FAULTS + "# mine\n"
    (home / "loop.py").write_text(changed)
    done = sdprof("fix", "out", "--write", cwd=home)
    assert done.returncode == 2
    assert "has changed since it was audited" in sentence_of(done)
    assert (home / "loop.py").read_text() == changed


def test_a_read_only_file_is_not_written(home: Path) -> None:
    (home / "loop.py").chmod(0o444)
    try:
        assert "read-only" in sentence_of(sdprof("fix", "out", "--write", cwd=home))
    finally:
        (home / "loop.py").chmod(0o644)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fix", "out", "--only", "sdpa"), "sdpa is not in the patch of this audit: Left out by --fix."),
        (("fix", "out", "--only", "spda"), "knows no fix 'spda'"),
        (("fix", "elsewhere"), "is not an audit's folder"),
    ],
)
def test_what_cannot_be_fixed_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str, home: Path) -> None:
    done = sdprof(*arguments, cwd=home)
    assert done.returncode == 2
    assert sentence in sentence_of(done)


def test_a_run_folder_that_has_lost_the_audited_text_says_so(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "out", tmp_path / "out")
    for kept in (tmp_path / "out" / "artifacts" / "baseline" / "source").iterdir():
        kept.write_text("other")
    assert "has lost the text of" in sentence_of(sdprof("fix", "out", cwd=tmp_path))
