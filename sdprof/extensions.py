"""What other packages add: their entry points in the groups sdprof.targets, sdprof.audits and sdprof.fixes."""

from __future__ import annotations

import importlib.util
import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal

Group = Literal["sdprof.targets", "sdprof.audits", "sdprof.fixes"]


class ExtensionWarning(UserWarning):
    """Something that another package adds cannot be used: one sentence that says what and why."""


@cache
def extension_modules(group: Group) -> dict[str, ModuleType]:
    """The modules that a group's entry points name, imported; one that cannot be is left out with a warning."""
    modules: dict[str, ModuleType] = {}
    for entry in _entries(group):
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  another package's code, which may also exit
            unusable(entry.name, group, f"{type(error).__name__}: {error}")
            continue
        if isinstance(loaded, ModuleType):
            modules[entry.name] = loaded
        else:
            unusable(entry.name, group, f"{entry.value} is no module")
    return modules


@cache
def extension_files(group: Group) -> dict[str, Path]:
    """The source files of the modules that a group's entry points name, found without running them."""
    files: dict[str, Path] = {}
    for entry in _entries(group):
        try:
            file = _file_of(entry.module)
        except Exception as error:  # noqa: BLE001  a name that is none, or a finder of another package's
            unusable(entry.name, group, f"{type(error).__name__}: {error}")
            continue
        if file is None:
            unusable(entry.name, group, f"there is no source file of {entry.module}")
        else:
            files[entry.name] = file
    return files


def unusable(name: str, group: Group, reason: str) -> None:
    """Tell that what another package adds is left out."""
    warnings.warn(f"The entry point {name} of {group} is left out: {reason}.", ExtensionWarning, stacklevel=3)


def _entries(group: Group) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))


def _file_of(module: str) -> Path | None:
    """A module's file: its package is found, and nothing of it imported."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin is not None and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *rest)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None
