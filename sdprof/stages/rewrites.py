"""The edits of an audit, and the texts that they make of the audited files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.compose import compose
from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.model import AuditedFile
from sdprof.stages.overlay_folder import INSTALLED, package_root


class Rewrites(msgspec.Struct, frozen=True, kw_only=True):
    """Edits that go together, and the files that they were made for."""

    edits: tuple[Edit, ...] = ()
    declined: tuple[Declined, ...] = ()
    files: tuple[AuditedFile, ...] = ()

    @property
    def fixes(self) -> frozenset[str]:
        """Ids of the fixes that have an edit."""
        return frozenset(edit.fix for edit in self.edits)

    def of(self, fixes: Collection[str]) -> tuple[Edit, ...]:
        """The edits of these fixes, in their order."""
        return tuple(edit for edit in self.edits if edit.fix in fixes)


class ChangedFileError(Exception):
    """A file is not as it was audited: one sentence."""


def rewritten_texts(edits: Iterable[Edit], files: Iterable[AuditedFile]) -> dict[str, tuple[str, str]]:
    """(original text, rewritten text) by path, of each file that one of the edits changes.

    :param files: the files as they were audited.
    :raises ChangedFileError: if one of them is not so any more.
    """
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    audited = {each.file: each for each in files}
    texts: dict[str, tuple[str, str]] = {}
    for file, its_edits in by_file.items():
        source = unchanged_source(audited[file])
        texts[file] = (source.text, compose(source, its_edits).text)
    return texts


def unchanged_source(audited: AuditedFile) -> ModuleSource:
    """The module in an audited file.

    :raises ChangedFileError: if the file is gone, or not as it was.
    """
    try:
        source = ModuleSource.load(audited.file)
    except DeclinedError as error:
        raise ChangedFileError(f"{audited.file} is not as it was audited: {error}") from None
    if digest_of(source.text) != audited.sha256:
        raise ChangedFileError(f"{audited.file} has changed since it was audited; run the audit again.")
    return source


def digest_of(text: str) -> str:
    """SHA-256 of a text as it stands in its file."""
    return hashlib.sha256(text.encode()).hexdigest()


def audited_file(source: ModuleSource) -> AuditedFile:
    """How a file is remembered."""
    return AuditedFile(file=source.path, sha256=digest_of(source.text), root=str(patch_root(Path(source.path))))


def patch_root(file: Path) -> Path:
    """The folder that a patch of a file is applied in.

    That is the installation folder of an installed package, the top of the git work tree of the user's own code, and
    elsewhere the folder from which the file is imported.
    """
    for folder in file.parents:
        if folder.name in INSTALLED:
            return folder
    for folder in file.parents:
        if (folder / ".git").exists():
            return folder
    return package_root(file)
