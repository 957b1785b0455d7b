"""A patch that ``git apply`` takes: what the source fixes change, file by file, from the folder they are applied in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sdprof.fixes.source.reading.patch_root import patch_root
from sdprof.model import AuditedFile

NO_NEWLINE = "\\ No newline at end of file"


def patches(texts: Mapping[str, tuple[str, str]], files: Iterable[AuditedFile]) -> dict[str, str]:
    """One patch for each folder that files are changed under, by that folder.

    A line in front, which git skips, says where it is applied.

    :param texts: (text as audited, rewritten text) by path.
    :param files: the files, with the folders that the paths in the patch are relative to.
    """
    roots = {each.file: each.root for each in files}
    found: dict[str, str] = {}
    seen: set[Path] = set()
    for file in sorted(texts):
        real = Path(file).resolve()
        if real in seen:
            continue  # another name of the same file, whose text is the same
        seen.add(real)
        root, path = _place_of(Path(file), real, roots[file])
        head = f"Apply in {root}: git apply PATCH\n"
        found[root] = found.get(root, head) + _of_file(path, *texts[file])
    return found


def _place_of(file: Path, real: Path, root: str) -> tuple[str, Path]:
    """Where a file is patched: git changes a file, not a symbolic link to one."""
    if real.is_relative_to(Path(root).resolve()):
        return root, real.relative_to(Path(root).resolve())
    if not file.is_symlink():
        return root, file.relative_to(root)
    other = patch_root(real)
    return str(other), real.relative_to(other)


def _of_file(path: Path, before: str, after: str) -> str:
    name = path.as_posix()
    hunks = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}", n=3)
    return f"diff --git a/{name} b/{name}\n" + "".join(hunks)


def _lines(text: str) -> Sequence[str]:
    """Lines with their ends as git sees them; a last line without one is marked as git marks it."""
    lines = [f"{line}\n" for line in text.split("\n")]
    if lines[-1] == "\n":
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}{NO_NEWLINE}\n"]
