"""Which frames of a stack are the user's, which are a library's, and which only get in the way."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from sdprof.device.expression import is_hidden


class Visibility(IntEnum):
    """How a frame is shown."""

    HIDDEN = 0
    """Torch, the standard library, sdprof itself, and generated code without a file."""
    LIBRARY = 1
    USER = 2


class FileVisibility:
    """Tells the visibility of a code object's file, and remembers the answer."""

    def __init__(self, is_user_file: Callable[[str], bool]) -> None:
        self._is_user_file = is_user_file
        self._known: dict[str, Visibility] = {}

    def __call__(self, file: str) -> Visibility:
        """Visibility of code from ``file`` (a ``co_filename``)."""
        visibility = self._known.get(file)
        if visibility is None:
            visibility = self._known[file] = self._decide(file)
        return visibility

    def _decide(self, file: str) -> Visibility:
        # The user's own source comes first: the built-in targets live inside the sdprof package once it is installed.
        if self._is_user_file(file) or (not file.startswith("<") and self._is_user_file(str(Path(file).resolve()))):
            return Visibility.USER
        return Visibility.HIDDEN if is_hidden(file) else Visibility.LIBRARY
