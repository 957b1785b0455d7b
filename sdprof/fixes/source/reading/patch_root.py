"""In which folder a patch of a file is applied: what changes together has to lie in one."""

from __future__ import annotations

from pathlib import Path

INSTALLED = ("site-packages", "dist-packages")


def package_root(file: Path) -> Path:
    """The folder from which a file is imported: that above its outermost package."""
    folder = file.parent
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    return folder


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


def are_patched_together(one: str, other: str) -> bool:
    """Whether one patch changes both files."""
    return one == other or patch_root(Path(one).resolve()) == patch_root(Path(other).resolve())
