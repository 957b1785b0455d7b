"""Lay rewritten files out in the run folder as they lie at home, with links to what lies beside them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from sdprof.fixes.source.reading.patch_root import INSTALLED, package_root
from sdprof.model import RewrittenFile
from sdprof.run_folder import RunFolderError, write_whole

MOST_LINKS = 2000
"""A folder with more entries than this is no source folder: nothing in it is linked."""


def write_overlay(folder: Path, texts: Mapping[str, str]) -> tuple[RewrittenFile, ...]:
    """Write rewritten files under a folder that is emptied first.

    Each keeps its place in its package, and around it stand links to the files and folders that lie around the
    original: what a module opens beside its own ``__file__`` is found.

    :param texts: new text by the original's absolute path.
    :raises RunFolderError: if a file cannot be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    homes: dict[Path, Path] = {}
    written: list[RewrittenFile] = []
    for file, text in texts.items():
        root = package_root(Path(file))
        if root not in homes:
            homes[root] = folder / (
                root.name if root.name not in {home.name for home in homes.values()} else str(len(homes))
            )
        copy = homes[root] / Path(file).relative_to(root)
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"{copy.parent} cannot be made ({error.strerror}).") from None
        written.append(RewrittenFile(original=file, rewritten=str(write_whole(copy, text.encode()))))
    for root, home in homes.items():
        if root.name not in INSTALLED:
            _link_neighbours(root, home)
            continue
        for package in home.iterdir():
            if package.is_dir():
                _link_neighbours(root / package.name, package)
    return tuple(written)


def remove_links(folder: Path) -> None:
    """Take the links away when nothing runs any more: whoever copies the run folder does not want the user's too."""
    for path in list(folder.rglob("*")):
        if path.is_symlink():
            path.unlink(missing_ok=True)


def _link_neighbours(original: Path, copy: Path) -> None:
    """Link what stands in ``original`` and not in ``copy``, and so on in the folders that stand in both."""
    neighbours = list(original.iterdir())
    if len(neighbours) > MOST_LINKS:
        return
    for neighbour in neighbours:
        twin = copy / neighbour.name
        if twin.is_dir() and not twin.is_symlink():
            _link_neighbours(neighbour, twin)
        elif not twin.exists() and neighbour.name != "__pycache__":
            with contextlib.suppress(OSError):  # a file system without links: few modules read their neighbours
                twin.symlink_to(neighbour)
