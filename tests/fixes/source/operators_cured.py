"""Record the operators of a loop, rewrite what they show, run the rewritten text, and compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sdprof.collectors import loop, operators
from sdprof.collectors.watched_run import WatchedRun
from sdprof.fixes.source.compose import compose
from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.evidence import evidence_of
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.registry import propose
from sdprof.model import LoopMap, OperatorCensus, OperatorSite
from tests.fixes.source.workbench import Build, module_of, same_bits


@dataclass
class OperatorsCured:
    """What became of a loop."""

    text: str
    edits: tuple[Edit, ...]
    declined: tuple[Declined, ...]
    before: OperatorCensus
    after: OperatorCensus
    same_bits: bool

    @property
    def again(self) -> list[OperatorSite]:
        """What was made again in each step."""
        return made_again(self.before)

    @property
    def still_again(self) -> list[OperatorSite]:
        return made_again(self.after)


def made_again(census: OperatorCensus) -> list[OperatorSite]:
    return [site for site in census.sites if site.identical_content]


def census_of(build: Build, steps: int, roots: tuple[Path, ...]) -> tuple[OperatorCensus, LoopMap, Any]:
    """Operators and output of a loop on the CPU."""
    torch.manual_seed(0)
    module, run = build("cpu", steps)
    outputs = []

    def kept() -> Any:
        torch.manual_seed(1)
        outputs.append(run())
        return outputs[-1]

    watched = WatchedRun(
        run=kept,
        hot_modules={"net": module},
        source_roots=roots,
        folder=roots[0],
        device=torch.device("cpu"),
        dtype=None,
        compiled=False,
        loop=None,
    )
    found = loop.collect(watched)
    census = operators.collect(WatchedRun(**{**vars(watched), "loop": found}))
    return census, found, outputs[-1]


def cure_operators(path: Path, fix: str, steps: int = 4) -> OperatorsCured:
    """Apply a fix's preferred edit of each site in a file with a function ``build(device, steps)``."""
    before, found, expected = census_of(module_of(path).build, steps, (path.parent,))
    sources = Sources()
    proposals = [propose(site, sources, {fix}) for site in evidence_of(None, before, found)]
    composed = compose(sources.of(str(path)), dict.fromkeys(each.edits[0] for each in proposals if each.edits))
    after, _, output = census_of(module_of(path, composed.text).build, steps, (path.parent,))
    return OperatorsCured(
        composed.text,
        composed.applied,
        tuple(each for proposal in proposals for each in proposal.declined),
        before,
        after,
        same_bits(expected, output),
    )
