"""One frame of the stack on which an event happened, with its text and its values."""

from __future__ import annotations

import ast
import re

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.loops import LoopStatement, sampling_loop
from sdprof.fixes.source.reading.seen import Values

OWN_FRAME = re.compile(r"(\.<locals>)?\.<(listcomp|setcomp|dictcomp|genexpr)>$")


def function_of(qualname: str) -> str:
    """The function that a comprehension stands in, by the qualified names of code; any other code's own name."""
    while OWN_FRAME.search(qualname):
        qualname = OWN_FRAME.sub("", qualname)
    return "<module>" if qualname in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>") else qualname


def values_at(site: SiteEvidence, depth: int) -> Values:
    """What the names of a frame stood for; of a comprehension, also those of the function that it stands in."""
    frame = site.stack[depth]
    function = function_of(frame.where.function)
    if function == frame.where.function:
        return frame.values
    for around in site.stack[depth + 1 :]:
        if (around.where.file, around.where.function) == (frame.where.file, function):
            return {**around.values, **frame.values}
    return frame.values


class Frame:
    """One frame of a site's stack, with its text."""

    def __init__(self, site: SiteEvidence, sources: Sources, depth: int) -> None:
        if depth >= len(site.stack):
            raise DeclinedError("The value comes from outside of the code that was seen running")
        self.site = site
        self.sources = sources
        self.depth = depth
        self.where = site.stack[depth].where
        self.values: Values = values_at(site, depth)
        self.source: ModuleSource = sources.of(self.where.file)

    def caller(self) -> Frame:
        """The frame that called this one; of a comprehension, that of the function which it stands in is the same."""
        depth, function = self.depth, function_of(self.where.function)
        if function != self.where.function:
            around = [(each.where.file, each.where.function) for each in self.site.stack]
            own = (self.where.file, function)
            depth = around.index(own, depth) if own in around[depth:] else depth
        return Frame(self.site, self.sources, depth + 1)

    def loop_around(self, node: ast.AST) -> LoopStatement | None:
        """The sampling loop, if the node stands in it in this frame."""
        return sampling_loop(self.source, node, self.where.file, function_of(self.where.function), self.site.loop)
