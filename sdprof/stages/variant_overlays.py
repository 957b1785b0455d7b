"""The rewritten files of each variant, in its artifact folder."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sdprof.fixes.source.edit import Edit
from sdprof.model import RewrittenFile
from sdprof.run_folder import RunFolder, write_whole
from sdprof.stages.overlay_folder import remove_links, write_overlay
from sdprof.stages.rewrites import Rewrites, audited_texts, changed_since, rewritten_texts

OVERLAY_FOLDER = "overlay"
OVERLAY_FILE = "overlay.json"


class ChangedFileError(Exception):
    """A file is not as it was audited: one sentence."""


class VariantOverlays:
    """Writes a variant's rewritten files when they are first asked for; use it as a context manager."""

    def __init__(self, folder: RunFolder) -> None:
        self.rewrites = Rewrites()
        self._folder = folder
        self._one_at_a_time = threading.Lock()
        self._written: dict[str, tuple[RewrittenFile, ...]] = {}

    def of(self, variant: str, fixes: tuple[str, ...]) -> tuple[RewrittenFile, ...]:
        """The rewritten files of a variant; none where no fix of it rewrites source.

        :raises ChangedFileError: if a file is not as it was audited: it cannot be told what else would run.
        """
        edits = self.rewrites.of(fixes)
        if not edits:
            return ()
        with self._one_at_a_time:  # collectors of one variant may be started beside each other
            return self._of(variant, edits)

    def _of(self, variant: str, edits: tuple[Edit, ...]) -> tuple[RewrittenFile, ...]:
        if variant not in self._written:
            texts = rewritten_texts(edits, audited_texts(self._folder, self.rewrites.files))
            changed = " ".join(
                filter(None, (changed_since(each) for each in self.rewrites.files if each.file in texts))
            )
            if changed:
                raise ChangedFileError(changed)
            artifacts = self._folder.artifacts(variant)
            written = write_overlay(artifacts / OVERLAY_FOLDER, {file: text for file, (_, text) in texts.items()})
            write_whole(artifacts / OVERLAY_FILE, msgspec.json.encode(written))
            self._written[variant] = written
        return self._written[variant]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing but the rewritten files."""
        for variant in self._written:
            remove_links(self._folder.artifacts(variant) / OVERLAY_FOLDER)


def read_overlay(artifacts: Path) -> tuple[RewrittenFile, ...]:
    """The rewritten files of a variant, as its artifact folder has them."""
    with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode((artifacts / OVERLAY_FILE).read_bytes(), type=tuple[RewrittenFile, ...])
    return ()
