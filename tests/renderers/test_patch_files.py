import msgspec

from sdprof.renderers.patch_files import hunks_about, patch_files
from tests.renderers.samples import ROOT, SAMPLER, faster


def test_paths_are_made_whole_by_the_audited_files() -> None:
    patch = faster().patch
    assert patch is not None
    assert [(file.path, file.diff.path) for file in patch_files(patch)] == [(SAMPLER, "plms.py")]
    elsewhere = msgspec.structs.replace(patch, files=())
    assert [file.path for file in patch_files(elsewhere)] == ["plms.py"]
    assert patch_files(None) == ()


def test_a_hunk_belongs_to_the_finding_at_its_lines() -> None:
    result = faster()
    sync = next(finding for finding in result.findings if finding.id == "sync-in-loop")
    ((file, hunk),) = hunks_about(sync, result)
    assert file.path == f"{ROOT}/plms.py"
    assert any(line.kind == "-" and "torch.full" in line.text for line in hunk.lines)


def test_findings_elsewhere_or_of_other_fixes_have_none() -> None:
    result = faster()
    sync = next(finding for finding in result.findings if finding.id == "sync-in-loop")
    far = msgspec.structs.replace(sync.locations[0], line=900, end_line=900)
    assert hunks_about(msgspec.structs.replace(sync, locations=(far,)), result) == ()
    assert hunks_about(msgspec.structs.replace(sync, fixes=("sdpa",)), result) == ()
    assert hunks_about(sync, msgspec.structs.replace(result, patch=None)) == ()
