"""The edits of an audit, and the texts that they make of the audited files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from sdprof.comparison.plan_structs import BASELINE
from sdprof.fixes.source.compose import compose_files
from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.patch_root import patch_root
from sdprof.model import AuditedFile
from sdprof.run_folder import RunFolder, RunFolderError, write_whole


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


def rewritten_texts(edits: Iterable[Edit], audited_texts: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """(text as audited, rewritten text) by path, of each file that one of the edits changes.

    :param audited_texts: the text of each file as it was audited, by path.
    """
    composed = compose_files(lambda file: ModuleSource(file, audited_texts[file]), edits)
    return {file: (audited_texts[file], each.text) for file, each in composed.items()}


def keep_text(folder: RunFolder, audited: AuditedFile, text: str) -> None:
    """Keep a file as it was audited: whatever becomes of it, a patch can be made and judged from the run folder."""
    file = _kept_text(folder, audited)
    file.parent.mkdir(exist_ok=True)
    write_whole(file, text.encode())


def audited_texts(folder: RunFolder, files: Iterable[AuditedFile]) -> dict[str, str]:
    """The files as they were audited, by path.

    :raises RunFolderError: if the run folder does not have them any more.
    """
    texts: dict[str, str] = {}
    for audited in files:
        try:
            texts[audited.file] = _kept_text(folder, audited).read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            texts[audited.file] = ""
        if digest_of(texts[audited.file]) != audited.sha256:
            raise RunFolderError(f"{folder.path} has lost the text of {audited.file}; run the audit again.")
    return texts


def _kept_text(folder: RunFolder, audited: AuditedFile) -> Path:
    return folder.artifacts(BASELINE.id) / "source" / f"{audited.sha256}.py"


def changed_since(audited: AuditedFile) -> str:
    """Why a file cannot be taken for what was audited, as one sentence; empty where it is the same."""
    try:
        same = hashlib.sha256(Path(audited.file).read_bytes()).hexdigest() == audited.sha256
    except OSError as error:
        return f"{audited.file} cannot be read ({error.strerror})."
    return "" if same else f"{audited.file} has changed since it was audited; run the audit again."


def digest_of(text: str) -> str:
    """SHA-256 of a text as it stands in its file."""
    return hashlib.sha256(text.encode()).hexdigest()


def audited_file(source: ModuleSource) -> AuditedFile:
    """How a file is remembered."""
    return AuditedFile(file=source.path, sha256=digest_of(source.text), root=str(patch_root(Path(source.path))))
