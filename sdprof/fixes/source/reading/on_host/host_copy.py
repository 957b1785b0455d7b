"""What it takes to have on the host what lies on the device."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import Scope, dotted, is_free, last_name


@dataclass
class HostCopy:
    """What it takes to have a value on the host."""

    file: str
    replacements: list[Replacement] = field(default_factory=list)
    text: str | None = None
    """The twin; None where the value was made a host value at its origin, and its name may stay."""
    computes: bool = False
    """The host computes something that the device computed before."""
    said: str = ""
    elsewhere: dict[str, list[Replacement]] = field(default_factory=dict)
    """What changes in other files of the folder."""

    def change(self, file: str, replacements: Iterable[Replacement]) -> None:
        """Add what changes in a file."""
        (self.replacements if file == self.file else self.elsewhere.setdefault(file, [])).extend(replacements)


def merged(copies: list[HostCopy], *, computes: bool) -> HostCopy | None:
    """Several copies as one; None where what they read is made in several files."""
    files = {each.file for each in copies}
    if len(files) != 1:
        return None
    replacements: list[Replacement] = []
    for each in copies:
        replacements += [one for one in each.replacements if one not in replacements]
    said = " ".join(dict.fromkeys(each.said for each in copies))
    whole = HostCopy(files.pop(), replacements, None, computes or any(each.computes for each in copies), said)
    for each in copies:
        for file, changes in each.elsewhere.items():
            whole.change(file, [one for one in changes if one not in whole.elsewhere.get(file, ())])
    return whole


def copy_name(scope: Scope, table: ast.expr, where: str = "on_host") -> str | None:
    """A name for the copy of a table: the same for the same table, never the same for two."""
    full = dotted(table) or ""
    last = full.rpartition(".")[2].lstrip("_")
    rivals = {dotted(each) for each in ast.walk(scope) if dotted(each) and last_name(each).lstrip("_") == last}
    wished = f"{last}_{where}" if rivals <= {full} else f"{full.replace('.', '_')}_{where}"
    wished = wished.lower() if last.isupper() else wished  # a constant of the module; its copy is a local name
    return wished if is_free(scope, wished) else None


def in_place(source: ModuleSource, node: ast.expr, text: str) -> Replacement:
    """Another text where the expression stood."""
    start, end = source.span(node)
    return Replacement(start=start, end=end, text=text)
