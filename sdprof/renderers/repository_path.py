"""Paths as machines want them: relative to the repository, with forward slashes."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote


def repository_path(file: str, root: str) -> str | None:
    """``file`` relative to ``root``; None where it lies elsewhere."""
    path = PurePosixPath(file.replace("\\", "/"))
    if not root or ".." in path.parts:
        return None
    if not path.is_absolute():
        return str(path)
    base = PurePosixPath(root)
    return str(path.relative_to(base)) if path.is_relative_to(base) else None


def uri(path: str) -> str:
    """A path as a URI reference: relative stays relative, absolute gets ``file://``."""
    quoted = quote(path.encode("utf-8", "replace"), safe="/~")
    # A colon in the first part would make a relative path read as a scheme; quote() has escaped it already.
    return f"file://{quoted}" if path.startswith("/") else quoted
