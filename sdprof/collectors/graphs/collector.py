"""Look at each region of the loop with TorchDynamo, the cheap ones first, for as long as the budget lasts."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
import time
from collections.abc import Iterator
from types import FunctionType

import torch
import torch._dynamo
from torch._dynamo.eval_frame import is_dynamo_supported

from sdprof.collectors import loop as loop_collector
from sdprof.collectors.graphs.interception import functions_of
from sdprof.collectors.graphs.region_pass import PassPlan, RegionPass, trace_function, trace_module
from sdprof.collectors.graphs.regions import LOOP, Region, plan_regions, split_chain
from sdprof.collectors.graphs.rehearsal import Rehearsal, rehearse
from sdprof.collectors.graphs.sites import join_breaks, join_recompiles
from sdprof.collectors.graphs.whole_operators import take_whole
from sdprof.collectors.visibility import FileVisibility
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, FunctionSite, GraphProfile, GraphRegion, LoopMap

META = CollectorMeta(id="graphs", title="Graph breaks", artifact="graphs.json")

DEFAULT_SECONDS = 60.0
"""Of analysis: TorchDynamo takes some 15 ms an operator on one core, 12 to 50 s for an SD-sized UNet."""
MOST_CALLS = 10
"""Calls of a region above the hot module: the recompile limit is 8."""
COMPILED = "_compiled_call_impl"
"""Where ``Module.compile`` leaves what is called in the module's place."""
GRAD_MODES: dict[str, tuple[bool, ...]] = {"on": (False, True), "off": (False,), "only": (True,)}
HOT_CALLS = 2
"""Calls of the hot module: the second one shows whether it is compiled again."""
HOT_CALLS_WITH_GRAD = 1
"""With grad, what is new are the breaks, and compiling a second time is what costs most there."""


def collect(watched: WatchedRun) -> GraphProfile:
    """Analyse the hot module, the model call, the sampler step and the whole loop, with grad off and on.

    Everything is analysed where it is, in real runs that end as soon as enough was seen. Above the hot module a
    stand-in answers for it. The option ``graphs.seconds`` sets the budget; what it did not suffice for is in
    ``skipped``. ``graphs.grad=off`` leaves out all that is analysed with grad on, ``graphs.grad=only`` all the rest.

    :raises CannotCollectError: the hot module is never called, or TorchDynamo is switched off or does not work here.
    """
    deadline_seconds = time.monotonic() + _budget_seconds(watched)
    _require_dynamo()
    take_whole()
    loop = watched.loop or loop_collector.collect(watched)
    if loop.calls == 0:
        raise CannotCollectError(
            f"The run never calls the hot module {loop.hot_module!r}, so there is nothing to compile",
            "Name the module that the run calls in Workload(hot_modules=...).",
        )
    module = next(iter(watched.hot_modules.values()))
    forward, above = split_chain(loop, loop_collector.code_of(module))
    with _eager(watched):
        rehearsal = rehearse(watched, above)
        analysis = _Analysis(watched, rehearsal, deadline_seconds, min(MOST_CALLS, max(2, loop.steps)))
        regions = plan_regions(loop, forward, above, _declared_step(watched, loop), rehearsal.handed_on)
        for region, grad in sorted(
            itertools.product(regions, _grad_modes(watched)), key=lambda look: (look[1], look[0].hot)
        ):
            analysis.look_at(region, grad=grad)
    order = {region.name: number for number, region in enumerate(regions)}
    seen = sorted(analysis.seen, key=lambda region: (order[region.name], region.grad))
    return GraphProfile(regions=tuple(seen), skipped=tuple(analysis.skipped))


class _Analysis:
    def __init__(self, watched: WatchedRun, rehearsal: Rehearsal, deadline_seconds: float, calls: int) -> None:
        self.seen: list[GraphRegion] = []
        self.skipped: list[str] = []
        self._watched = watched
        self._deadline_seconds = deadline_seconds
        self._calls = calls
        self._stand_ins = {watched.hot_modules[name]: call for name, call in rehearsal.calls.items()}
        self._see = FileVisibility(watched.is_user_file)
        self._functions: dict[FunctionSite, tuple[FunctionType, ...]] = {}

    def look_at(self, region: Region, *, grad: bool) -> None:
        label = f"{region.name}{' with grad' if grad else ''}"
        if time.monotonic() > self._deadline_seconds:
            self.skipped.append(f"{label}: the time for this section was used up (set graphs.seconds to give it more)")
            return
        if region.hot:
            module = next(iter(self._watched.hot_modules.values()))
            plan = self._plan(grad, HOT_CALLS_WITH_GRAD if grad else HOT_CALLS, stand_in=False)
            self._keep(label, region, next(iter(region.candidates), None), trace_module(self._watched, module, plan))
            return
        reasons = []
        for site in region.candidates:
            functions, reason = self._replaceable(site)
            if not reason:
                calls = 1 if region.name == LOOP else self._calls
                seen = trace_function(self._watched, functions, self._plan(grad, calls, stand_in=True))
                if seen.calls or seen.error:
                    self._keep(label, region, site, seen)
                    return
                reason = "the run made another function of the same code and called that one"
            reasons.append(f"{site.qualname}: {reason}")
        self.skipped.append(f"{label}: {'; '.join(reasons)}")

    def _replaceable(self, site: FunctionSite) -> tuple[tuple[FunctionType, ...], str]:
        """(the functions of a site, or why nothing can be put in their place)."""
        if site not in self._functions:
            self._functions[site] = functions_of(site)
        functions = self._functions[site]
        if not functions:
            return (), "it is made anew in each call, so nothing can be put in its place"
        if any(inspect.isgeneratorfunction(function) for function in functions):
            return (), "it is a generator, which TorchDynamo does not compile"
        return functions, ""

    def _plan(self, grad: bool, calls: int, *, stand_in: bool) -> PassPlan:
        return PassPlan(
            grad=grad,
            calls=calls,
            deadline_seconds=self._deadline_seconds,
            stand_ins=self._stand_ins if stand_in else {},
        )

    def _keep(self, label: str, region: Region, site: FunctionSite | None, seen: RegionPass) -> None:
        breaks = join_breaks(seen.explained, seen.traced.breaks, self._see)
        recompiles = join_recompiles(seen.traced.recompiles, self._see)
        if seen.error and not (seen.graphs or breaks or recompiles):
            self.skipped.append(f"{label}: {seen.error}")
            return
        self.seen.append(
            GraphRegion(
                name=region.name,
                function="" if site is None else site.qualname,
                grad=seen.grad,
                graphs=seen.graphs,
                breaks=sum(site.count for site in breaks),
                recompiles=sum(site.count for site in recompiles),
                operators=seen.operators,
                calls=seen.calls,
                stand_in=not region.hot,
                seconds=round(seen.seconds, 3),
                sites=(*breaks, *recompiles),
                error=seen.error,
            )
        )


def _declared_step(watched: WatchedRun, loop: LoopMap) -> FunctionSite | None:
    code = None if watched.step is None else loop_collector.code_of(watched.step)
    if code is None or loop.steps_from != "declared step function":
        return None
    return FunctionSite(
        file=code.co_filename,
        module=getattr(watched.step, "__module__", "") or "",
        qualname=code.co_qualname,
        first_line=code.co_firstlineno,
        call_line=code.co_firstlineno,
        user=watched.is_user_file(code.co_filename),
    )


def _budget_seconds(watched: WatchedRun) -> float:
    given = watched.options.get("graphs.seconds")
    if given is None:
        return DEFAULT_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise CannotCollectError(
            f"graphs.seconds is {given!r}, which is no number of seconds", "Give a number above 0, like 60."
        )
    return seconds


def _grad_modes(watched: WatchedRun) -> tuple[bool, ...]:
    given = watched.options.get("graphs.grad", "on")
    if given not in GRAD_MODES:
        raise CannotCollectError(
            f"graphs.grad is {given!r}, which is none of {', '.join(GRAD_MODES)}", "Give one of them."
        )
    return GRAD_MODES[given]


def _require_dynamo() -> None:
    if torch._dynamo.config.disable:
        raise CannotCollectError(
            "TorchDynamo is switched off in this environment", "Unset TORCHDYNAMO_DISABLE and TORCH_COMPILE_DISABLE."
        )
    if not is_dynamo_supported():
        raise CannotCollectError(
            "This version of PyTorch has no TorchDynamo for this version of Python", "Use a supported pair of them."
        )


@contextlib.contextmanager
def _eager(watched: WatchedRun) -> Iterator[None]:
    """Take away what a fix compiled, and give it back: what is compiled here is compiled from scratch."""
    compiled = {
        module: module.__dict__.pop(COMPILED)
        for hot in watched.hot_modules.values()
        for module in hot.modules()
        if COMPILED in module.__dict__
    }
    try:
        yield
    finally:
        for module, implementation in compiled.items():
            module.__dict__[COMPILED] = implementation
