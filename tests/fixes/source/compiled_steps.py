"""Compile a sampler's step where the loop calls it, and count graphs step by step, with a stand-in for the model."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
import torch._dynamo

from sdprof.collectors import loop as loop_collector
from sdprof.collectors.graphs.interception import functions_of, intercepted
from sdprof.collectors.graphs.regions import STEP, plan_regions, split_chain
from sdprof.collectors.graphs.rehearsal import rehearse
from sdprof.collectors.graphs.stand_in import standing_in
from sdprof.collectors.watched_run import WatchedRun
from tests.fixes.source.workbench import Build


def graphs_by_step(build: Build, steps: int, roots: tuple[Path, ...], beside: tuple[str, ...] = ()) -> list[int]:
    """How many graphs there were in all after each step of a run on the CPU.

    The step is what the loop calls to call the model.

    :param beside: names of functions that the loop calls besides, to be compiled, too.
    :raises torch._dynamo.exc.TorchDynamoException: a graph breaks.
    """
    module, run = build("cpu", steps)
    watched = WatchedRun(
        run=run,
        hot_modules={"net": module},
        source_roots=roots,
        folder=roots[0],
        device=torch.device("cpu"),
        dtype=None,
        compiled=False,
        loop=None,
    )
    found = loop_collector.collect(watched)
    forward, above = split_chain(found, loop_collector.code_of(module))
    rehearsal = rehearse(watched, above)
    regions = plan_regions(found, forward, above, None, rehearsal.handed_on)
    step = next(region for region in regions if region.name == STEP)
    main = functions_of(step.candidates[0])  # those of modules that an earlier test has left behind are among them
    others = [each for each in gc.get_objects() if type(each) is FunctionType and each.__qualname__ in beside]
    graphs, counts = 0, []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        nonlocal graphs
        graphs += 1
        return graph.forward

    compiled: dict[FunctionType, Any] = {}

    def call(called: FunctionType, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        compiled.setdefault(called, torch.compile(called, backend=backend, fullgraph=True))
        result = compiled[called](*args, **kwargs)
        if called in main:
            counts.append(graphs)
        return result

    torch._dynamo.reset()
    torch._dynamo.symbolic_convert._import_module.cache_clear()  # it knows the modules that other texts were served as
    with contextlib.ExitStack() as stack:
        stack.enter_context(intercepted((*main, *others), call))
        stack.enter_context(standing_in(module, rehearsal.calls["net"]))
        watched.run()
    torch._dynamo.reset()
    assert {each.__qualname__ for each in compiled} == {main[0].__qualname__, *beside}
    return [*counts[:-1], graphs]
