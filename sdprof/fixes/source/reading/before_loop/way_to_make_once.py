"""One way to make a tensor once."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.fixes.source.edit import Edit, FileChange, Replacement
from sdprof.model import Location


@dataclass(frozen=True)
class MadeOnce:
    """One way to make it once."""

    file: str
    replacements: list[Replacement]
    said: str
    helpers: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    elsewhere: tuple[FileChange, ...] = ()

    def edit(self, fix: str, where: Location) -> Edit:
        """The edit of a fix that makes it so: nothing is computed otherwise than it was."""
        return Edit(
            fix=fix,
            file=self.file,
            where=where,
            replacements=tuple(self.replacements),
            elsewhere=self.elsewhere,
            helpers=self.helpers,
            imports=self.imports,
            numerics="exact",
            proof="data",
            description=self.said,
        )
