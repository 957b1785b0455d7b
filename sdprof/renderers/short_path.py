"""Paths as people call them: from the audited folder or the package on, not from the root of a disk."""

from __future__ import annotations

from pathlib import PurePosixPath

from sdprof.model import Location
from sdprof.renderers.printable import one_line

INSTALLED = ("site-packages", "dist-packages")
LAST_PARTS = 3


def short_path(file: str, roots: tuple[str, ...] = ()) -> str:
    """``file`` from its source root's name on, or from its package's; else its last three parts."""
    path = PurePosixPath(file.replace("\\", "/"))
    for root in roots:
        base = PurePosixPath(root)
        if path == base:
            return one_line(path.name)
        if path.is_relative_to(base):
            return one_line(str(PurePosixPath(base.name) / path.relative_to(base)))
    for marker in INSTALLED:
        if marker in path.parts:
            last = len(path.parts) - 1 - path.parts[::-1].index(marker)
            return one_line("/".join(path.parts[last + 1 :]))
    return one_line("/".join(path.parts[-LAST_PARTS:]) if len(path.parts) > LAST_PARTS else str(path))


def place(where: Location, roots: tuple[str, ...] = ()) -> str:
    """``file:line``, with the last line where there are several."""
    end = f"–{where.end_line}" if where.end_line is not None and where.end_line > where.line else ""
    return f"{short_path(where.file, roots)}:{where.line}{end}"
