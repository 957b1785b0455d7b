"""One frame of the stack on which an event happened, with its text and its values."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.loops import LoopStatement, sampling_loop
from sdprof.fixes.source.reading.seen import Values


class Frame:
    """One frame of a site's stack, with its text."""

    def __init__(self, site: SiteEvidence, sources: Sources, depth: int) -> None:
        if depth >= len(site.stack):
            raise DeclinedError("The value comes from outside of the code that was seen running")
        self.site = site
        self.sources = sources
        self.depth = depth
        self.where = site.stack[depth].where
        self.values: Values = site.stack[depth].values
        self.source: ModuleSource = sources.of(self.where.file)

    def caller(self) -> Frame:
        """The frame that called this one."""
        return Frame(self.site, self.sources, self.depth + 1)

    def loop_around(self, node: ast.AST) -> LoopStatement | None:
        """The sampling loop, if the node stands in it in this frame."""
        return sampling_loop(self.source, node, self.where, self.site.loop)
