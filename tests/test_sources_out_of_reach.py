"""Code that cannot be rewritten costs its own sites a reason, and the audit goes on."""

import shutil
from pathlib import Path

import pytest

from sdprof.model import AuditResult
from sdprof.renderers.read_audit import read_audit
from tests.command import all_but, sdprof
from tests.conftest import LOOPS

FIX = "keep-scalar-on-device"
ARGUMENTS = (
    *("audit", "--target", "loop.py", "--out", "out", "--quick", "--budget", "3"),
    *all_but("environment", "loop", "operators", "transfers"),
    *("--fix", FIX),
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    home = tmp_path_factory.mktemp("home")
    shutil.copy(LOOPS / "out_of_reach.py", home / "loop.py")
    done = sdprof(*ARGUMENTS, cwd=home)
    assert done.returncode == 0, done.stderr
    return read_audit(home / "out")


def reason(result: AuditResult, file: str) -> str:
    (fix,) = [fix for fix in result.fixes if fix.id == FIX]
    assert fix.rewrites is not None
    (declined,) = {site.declined for site in fix.rewrites.sites if site.declined and site.where.file.endswith(file)}
    return declined


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("gone.py", "cannot be read: No such file"),
        ("changed.py", "has changed since it was imported"),
        ("latin.py", "is not UTF-8"),
        ("generated.py", "is generated"),
        ("inside.py", "lies in the archive"),
        ("decorated.py", "or decorated by other code"),
        ("<ipython-input-1-0123456789ab>", "is a notebook cell"),
        ("<string>", "there is no file"),
    ],
)
def test_what_cannot_be_reached_is_declined_with_the_reason(file: str, words: str, result: AuditResult) -> None:
    assert words in reason(result, file)


def test_what_can_be_reached_is_cured_all_the_same(result: AuditResult) -> None:
    assert result.patch is not None
    assert [Path(audited.file).name for audited in result.patch.files] == ["plain.py"]
