"""Patches, as git applies them."""

import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdprof.fixes.source.compose import compose_files
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.patch_root import patch_root
from sdprof.model import AuditedFile, Location
from sdprof.stages.patch import patches

TEXTS = st.text(st.sampled_from("ab\n\n\r\x0c é"), max_size=40)


def applied(folder: Path, before: str, after: str) -> str:
    file = folder / "pack" / "loop.py"
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_bytes(before.encode())
    audited = AuditedFile(file=str(file), sha256="", root=str(folder))
    (patch,) = patches({str(file): (before, after)}, [audited]).values()
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=folder, check=True, capture_output=True)
    return file.read_bytes().decode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TEXTS, after=TEXTS)
def test_git_makes_of_the_file_what_the_rewrite_made(before: str, after: str, tmp_path: Path) -> None:
    if before != after and before and after:
        assert applied(tmp_path, before, after) == after


def test_each_folder_that_is_patched_gets_a_patch_of_its_own(tmp_path: Path) -> None:
    files = [AuditedFile(file=f"/{root}/x.py", sha256="", root=f"/{root}") for root in ("b", "a")]
    made = patches({each.file: ("1\n", "2\n") for each in files}, files)
    assert list(made) == ["/a", "/b"]
    assert all("--- a/x.py\n+++ b/x.py\n" in text for text in made.values())


def test_paths_begin_at_the_work_tree_the_installation_or_the_import_folder(tmp_path: Path) -> None:
    loose = tmp_path / "loose" / "pack"
    tree = tmp_path / "tree" / "src" / "pack"
    installed = tmp_path / "tree" / "venv" / "lib" / "site-packages" / "pack"
    for folder in (loose, tree, installed):
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    (tmp_path / "tree" / ".git").mkdir()
    assert patch_root(loose / "x.py") == tmp_path / "loose"
    assert patch_root(tree / "x.py") == tmp_path / "tree"
    assert patch_root(installed / "x.py") == installed.parent


def test_a_file_under_two_names_is_patched_once_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "loop.py", tmp_path / "link.py"
    real.parent.mkdir()
    real.write_text("a\nb\n")
    link.symlink_to("real/loop.py")
    files = [AuditedFile(file=str(each), sha256="", root=str(tmp_path)) for each in (real, link)]
    for named in (files, files[1:]):
        real.write_text("a\nb\n")
        (patch,) = patches({each.file: ("a\nb\n", "a\nc\n") for each in named}, named).values()
        subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=tmp_path, check=True, capture_output=True)
        assert real.read_text() == "a\nc\n"
        assert link.is_symlink()


def test_edits_under_one_name_of_a_file_are_made_under_the_other_as_well(tmp_path: Path) -> None:
    real, link, another = tmp_path / "real.py", tmp_path / "link.py", tmp_path / "another.py"
    for file in (real, another):
        file.write_text("a\nb\n")
    link.symlink_to(real)
    made = [
        Edit(
            fix="x",
            file=str(file),
            where=Location(file=str(file), line=1),
            replacements=(Replacement(start=start, end=start + 1, text=text),),
            numerics="exact",
            proof="data",
            description="",
        )
        for file, start, text in ((real, 0, "c"), (link, 2, "d"), (another, 0, "e"))
    ]
    composed = compose_files(lambda file: ModuleSource(file, "a\nb\n"), made)
    assert {file: each.text for file, each in composed.items()} == {
        str(real): "c\nd\n",
        str(link): "c\nd\n",
        str(another): "e\nb\n",
    }
