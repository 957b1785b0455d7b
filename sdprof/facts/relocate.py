"""Point at the user's files where artifacts of a rewritten variant point at the copies that ran, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sdprof.facts.line_map import LineMap
from sdprof.model import FunctionLines, FunctionSite, LineTime, Location, LoopMap, RewrittenFile

Record = TypeVar("Record")


class Relocation:
    """From places in rewritten copies to places in the files that they stand for."""

    def __init__(self, originals: Mapping[str, str], texts: Mapping[str, tuple[str, str]]) -> None:
        """Map copies to originals.

        :param originals: path of the original by path of the copy.
        :param texts: (original text, rewritten text) by path of the copy.
        """
        self._originals = originals
        self._lines = {copy: before.split("\n") for copy, (before, _) in texts.items()}
        self._maps = {copy: LineMap(self._lines[copy], after.split("\n")) for copy, (_, after) in texts.items()}

    @classmethod
    def read(cls, files: Iterable[RewrittenFile]) -> Relocation:
        """Of files on disk.

        :raises OSError: if one of them cannot be read.
        """
        files = tuple(files)
        return cls(
            {each.rewritten: each.original for each in files},
            {
                each.rewritten: (
                    Path(each.original).read_text(encoding="utf-8"),
                    Path(each.rewritten).read_text(encoding="utf-8"),
                )
                for each in files
            },
        )

    def relocated(self, record: Record) -> Record:
        """The same, with every place in it that lies in a copy."""
        return self._any(record) if self._originals else record

    def where(self, location: Location) -> Location:
        """The place in the user's file; a line that was changed loses its columns, an inserted one becomes line 0."""
        original = self._originals.get(location.file)
        if original is None:
            return location
        found = self._maps[location.file].original(location.line)
        if found is None:
            return msgspec.structs.replace(location, file=original, line=0, column=None, end_line=None, end_column=None)
        if found.changed:
            return Location(
                file=original,
                line=found.first,
                end_line=found.last,
                code="\n".join(self._lines[location.file][found.first - 1 : found.last]),
                function=location.function,
            )
        shift = found.first - location.line
        end_line = location.end_line + shift if location.end_line is not None else None
        return msgspec.structs.replace(location, file=original, line=found.first, end_line=end_line)

    def line(self, copy: str, line: int) -> int:
        """The original's line for a line of a copy; 0 where it was inserted."""
        found = self._maps[copy].original(line)
        return found.first if found is not None else 0

    def in_copies(self, loop: LoopMap) -> LoopMap | None:
        """The user's loop as it stands in the copies; None where an edit touched a line that tells where it is."""
        copies = {original: copy for copy, original in self._originals.items()}

        def moved(site: FunctionSite) -> FunctionSite | None:
            copy = copies.get(site.file)
            if copy is None:
                return site
            lines = self._maps[copy]
            first, call = (lines.rewritten(line) for line in (site.first_line, site.call_line))
            statement = None if site.loop_line is None else lines.rewritten(site.loop_line)
            if first is None or call is None or (statement is None and site.loop_line is not None):
                return None
            return msgspec.structs.replace(site, file=copy, first_line=first, call_line=call, loop_line=statement)

        outer = tuple(map(moved, loop.outer))
        around = None if loop.loop is None else moved(loop.loop)
        if None in outer or (around is None and loop.loop is not None):
            return None
        # The way on to the hot module may have become another one: whoever wants it looks for it.
        return msgspec.structs.replace(loop, outer=tuple(filter(None, outer)), loop=around, chain=())

    def _any(self, value: Any) -> Any:
        if isinstance(value, Location):
            return self.where(value)
        if isinstance(value, FunctionSite):
            return self._function(value)
        if isinstance(value, FunctionLines):
            return self._function_lines(value)
        if isinstance(value, tuple):
            return tuple(self._any(each) for each in value)
        if isinstance(value, msgspec.Struct):
            changes = {name: self._any(getattr(value, name)) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **changes)
        if isinstance(value, str):
            for copy, original in self._originals.items():
                if copy in value:
                    return value.replace(copy, original)
        return value

    def _function(self, site: FunctionSite) -> FunctionSite:
        original = self._originals.get(site.file)
        if original is None:
            return site
        first, call = (self.line(site.file, line) for line in (site.first_line, site.call_line))
        statement = None if site.loop_line is None else self.line(site.file, site.loop_line)
        return msgspec.structs.replace(site, file=original, first_line=first, call_line=call, loop_line=statement)

    def _function_lines(self, function: FunctionLines) -> FunctionLines:
        original = self._originals.get(function.file)
        if original is None:
            return function
        lines: tuple[LineTime, ...] = tuple(
            msgspec.structs.replace(each, line=self.line(function.file, each.line)) for each in function.lines
        )
        return msgspec.structs.replace(
            function, file=original, first_line=self.line(function.file, function.first_line), lines=lines
        )
