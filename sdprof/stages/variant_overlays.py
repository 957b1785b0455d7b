"""The rewritten files of each variant, in its artifact folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from sdprof.model import RewrittenFile
from sdprof.run_folder import RunFolder, write_whole
from sdprof.stages.overlay_folder import remove_links, write_overlay
from sdprof.stages.rewrites import Rewrites, rewritten_texts

OVERLAY_FOLDER = "overlay"
OVERLAY_FILE = "overlay.json"


class VariantOverlays:
    """Writes a variant's rewritten files when they are first asked for."""

    def __init__(self, folder: RunFolder) -> None:
        self.rewrites = Rewrites()
        self._folder = folder
        self._written: dict[str, tuple[RewrittenFile, ...]] = {}

    def of(self, variant: str, fixes: tuple[str, ...]) -> tuple[RewrittenFile, ...]:
        """The rewritten files of a variant; none where no fix of it rewrites source.

        :raises ChangedFileError: if a file is not as it was audited.
        """
        edits = self.rewrites.of(fixes)
        if not edits:
            return ()
        if variant not in self._written:
            texts = rewritten_texts(edits, self.rewrites.files)
            artifacts = self._folder.artifacts(variant)
            written = write_overlay(artifacts / OVERLAY_FOLDER, {file: text for file, (_, text) in texts.items()})
            write_whole(artifacts / OVERLAY_FILE, msgspec.json.encode(written))
            self._written[variant] = written
        return self._written[variant]

    def remove_links(self) -> None:
        """Leave nothing but the rewritten files."""
        for variant in self._written:
            remove_links(self._folder.artifacts(variant) / OVERLAY_FOLDER)


def read_overlay(artifacts: Path) -> tuple[RewrittenFile, ...]:
    """The rewritten files of a variant, as its artifact folder has them."""
    with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode((artifacts / OVERLAY_FILE).read_bytes(), type=tuple[RewrittenFile, ...])
    return ()
