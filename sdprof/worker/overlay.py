"""Serve rewritten copies of source files in this process; the user's files are read by nobody and changed by nobody.

The copies are found by the *file* that an import resolves to, not by a module's name: a file that is imported under
another name, loaded by ``importlib.util.spec_from_file_location`` or run by ``runpy.run_path`` is served as well.
A copy's byte code is neither read nor written: Python matches a cached .pyc by second and size, and two rewrites made
within a second can have the same of both.

Code objects, ``__file__`` and so tracebacks, ``inspect``, ``linecache`` and profilers name the copy, whose lines are
those that run.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from sdprof.model import RewrittenFile


class OverlayError(Exception):
    """The copies cannot be served in this process: one sentence that says why."""


class AlreadyImportedError(OverlayError):
    """A file that is to be rewritten was imported before: its old code is referred to from who knows where."""


class Overlay:
    """Rewritten copies by the file that they stand for. Install it before anything of the target's is imported."""

    def __init__(self, files: Iterable[RewrittenFile]) -> None:
        self._copies: Mapping[str, str] = {os.path.realpath(each.original): each.rewritten for each in files}
        self._served: set[str] = set()

    def copy_of(self, file: object) -> str | None:
        """The copy that stands for a file, or None for a file that is not rewritten."""
        if not self._copies or not isinstance(file, str | os.PathLike):
            return None
        return self._copies.get(os.path.realpath(os.fspath(file)))

    def install(self) -> None:
        """Serve the copies from now until this process ends.

        :raises AlreadyImportedError: if one of the files was imported already.
        """
        if not self._copies:
            return
        early = sorted(name for name, module in list(sys.modules.items()) if self.copy_of(_file_of(module)))
        if early:
            raise AlreadyImportedError(f"{', '.join(early)} was imported before its rewritten copy could be served")
        _serve_imports(self)
        _serve_scripts(self)

    def copies_under(self, roots: Iterable[Path]) -> tuple[str, ...]:
        """The copies of files that are, or lie under, one of these folders."""
        resolved = [root.resolve() for root in roots]
        return tuple(
            copy
            for original, copy in self._copies.items()
            if any(Path(original).is_relative_to(root) for root in resolved)
        )

    def serve(self, copy: str) -> str:
        """Note that a copy is used."""
        self._served.add(copy)
        return copy

    @property
    def unused(self) -> tuple[str, ...]:
        """The files whose copies nobody has asked for."""
        return tuple(original for original, copy in self._copies.items() if copy not in self._served)


def _file_of(module: ModuleType | None) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _serve_imports(overlay: Overlay) -> None:
    get_code, exec_module = SourceFileLoader.get_code, SourceFileLoader.exec_module

    def get_code_of_copy(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        copy = overlay.copy_of(loader.path)
        if copy is None:
            return get_code(loader, fullname)
        code: CodeType = loader.source_to_code(loader.get_data(copy), overlay.serve(copy))
        return code

    def exec_module_as_copy(loader: SourceFileLoader, module: ModuleType) -> None:
        copy = overlay.copy_of(loader.path)
        if copy is not None:
            module.__file__ = copy
            module.__dict__.pop("__cached__", None)
        exec_module(loader, module)

    SourceFileLoader.get_code = get_code_of_copy  # type: ignore[method-assign,assignment]
    SourceFileLoader.exec_module = exec_module_as_copy  # type: ignore[method-assign,assignment]


def _serve_scripts(overlay: Overlay) -> None:
    run_path = runpy.run_path

    def run_copy(path_name: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        copy = overlay.copy_of(path_name)
        return run_path(path_name if copy is None else overlay.serve(copy), *args, **kwargs)

    runpy.run_path = run_copy
