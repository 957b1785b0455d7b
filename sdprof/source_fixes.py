"""What ``sdprof fix`` does: show, write or check the source fixes that an audit has proven."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sdprof.model import AuditedFile, AuditResult
from sdprof.renderers.read_audit import read_audit
from sdprof.run_folder import RunFolder, write_whole
from sdprof.stages.patch import patches
from sdprof.stages.rewrite import Rewritten, kept_rewrites
from sdprof.stages.rewrites import audited_texts, changed_since, rewritten_texts

ANY_MAY_WRITE = 0o222


class CannotFixError(Exception):
    """The fixes cannot be shown or written: one sentence that says why and what to do."""


@dataclass(frozen=True)
class SourceFixes:
    """The chosen fixes of a finished audit, and the texts of the files that they change."""

    fixes: tuple[str, ...]
    files: tuple[AuditedFile, ...]
    texts: dict[str, tuple[str, str]]
    """(text as audited, rewritten text) by path."""

    @property
    def diff(self) -> str:
        """The patch."""
        return "".join(patches(self.texts, self.files).values()) if self.texts else ""

    @property
    def waiting(self) -> tuple[AuditedFile, ...]:
        """The files that are not as the fixes would have them."""
        return tuple(each for each in self.files if _text_of(each) != self.texts[each.file][1])


def read_fixes(run: Path, only: Collection[str] = ()) -> SourceFixes:
    """The source fixes in an audit's patch.

    :param only: ids of those wanted; empty for all.
    :raises RunFolderError, UnreadableAuditError: if the folder is not a finished audit's.
    :raises CannotFixError: if a fix that is wanted is not in the patch.
    """
    folder = RunFolder.open(run)
    result = read_audit(folder.path)
    offered = result.patch.fixes if result.patch is not None else ()
    for fix in only:
        if fix not in offered:
            raise CannotFixError(_not_offered(fix, offered, result))
    kept = kept_rewrites(folder) or Rewritten()
    fixes = tuple(fix for fix in offered if not only or fix in only)
    texts = rewritten_texts(kept.rewrites.of(fixes), audited_texts(folder, kept.rewrites.files))
    return SourceFixes(fixes, tuple(each for each in kept.rewrites.files if each.file in texts), texts)


def write_fixes(chosen: SourceFixes) -> tuple[str, ...]:
    """Write the rewritten files over the user's own, all of them or none.

    :return: the files written; those that are as wanted already are left alone.
    :raises CannotFixError: if one is not as it was audited, or cannot be written.
    :raises RunFolderError: if the disk gives up in between.
    """
    waiting = chosen.waiting
    for audited in waiting:
        trouble = changed_since(audited) or _not_writable(Path(audited.file))
        if trouble:
            raise CannotFixError(f"{trouble} Nothing was written.")
    for audited in waiting:
        file = Path(audited.file).resolve()
        mode = file.stat().st_mode
        write_whole(file, chosen.texts[audited.file][1].encode()).chmod(mode)
    return tuple(audited.file for audited in waiting)


def _text_of(audited: AuditedFile) -> str | None:
    try:
        return Path(audited.file).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None


def _not_writable(file: Path) -> str:
    meant_to_change = file.stat().st_mode & ANY_MAY_WRITE  # root may write to any file, whatever its owner meant
    if meant_to_change and os.access(file, os.W_OK) and os.access(file.resolve().parent, os.W_OK):
        return ""
    return f"{file} is read-only; make it writable, or apply patch.diff to a copy."


def _not_offered(fix: str, offered: tuple[str, ...], result: AuditResult) -> str:
    for told in result.fixes:
        if told.id == fix:
            return f"{fix} is not in the patch of this audit: {told.reason.rstrip('.')}."
    there = f"it has {', '.join(offered)}" if offered else "its patch is empty"
    return f"This audit knows no fix {fix!r}; {there}."
