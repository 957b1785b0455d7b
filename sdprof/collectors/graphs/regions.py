"""Which parts of a sampling loop are worth a look of the compiler's own."""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType

import msgspec

from sdprof.model import FunctionSite, LoopMap

MODEL_CALL = "model call"
STEP = "sampler step"
LOOP = "whole loop"


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the loop that could be compiled as one."""

    name: str
    candidates: tuple[FunctionSite, ...]
    """Its function, and those that come next to it, in case nothing can be put in its place."""
    hot: bool = False
    """The hot module itself; everything else is analysed with a stand-in for it."""


def split_chain(loop: LoopMap, forward: CodeType | None) -> tuple[FunctionSite | None, tuple[FunctionSite, ...]]:
    """(the hot module's forward, the functions from the one that the loop calls down to the one that calls it).

    :param forward: the code of the hot module's forward; a forward of torch's own is not part of the chain.
    """
    last = loop.chain[-1] if loop.chain else None
    ends_with_it = (
        last is not None
        and forward is not None
        and (last.file, last.qualname, last.first_line)
        == (forward.co_filename, forward.co_qualname, forward.co_firstlineno)
    )
    return (last, loop.chain[:-1]) if ends_with_it else (None, loop.chain)


def plan_regions(
    loop: LoopMap,
    forward: FunctionSite | None,
    above: tuple[FunctionSite, ...],
    step: FunctionSite | None,
    handed_on: Collection[int],
) -> tuple[Region, ...]:
    """The hot module, the model call, the sampler step and the whole loop, as far as each is a function of its own.

    The model call is the outermost function that returns the hot module's result as it is; what calls it does something
    with the result, so it belongs to the sampler.

    :param forward: the hot module's forward.
    :param above: the functions from the one that the loop calls down to the one that calls the hot module.
    :param step: the step function that the target declared.
    :param handed_on: indices into ``above`` of those that returned the hot module's very result.
    """
    first_model_call = len(above)
    while first_model_call - 1 in handed_on:
        first_model_call -= 1
    model_calls, sampling = above[first_model_call:], above[:first_model_call]
    if step is not None:
        sampling = (step, *(site for site in sampling if site != step))
        model_calls = tuple(site for site in model_calls if site != step)
    loops = () if loop.loop is None else (loop.loop, *reversed(loop.outer))
    regions = [Region(name=loop.hot_module, candidates=() if forward is None else (forward,), hot=True)]
    regions += [
        Region(name=name, candidates=candidates)
        for name, candidates in ((MODEL_CALL, model_calls), (STEP, sampling), (LOOP, loops))
        if candidates
    ]
    return tuple(regions)
