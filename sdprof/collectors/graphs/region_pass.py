"""Have TorchDynamo compile one region in its place in a real run, and keep what it says."""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

import msgspec
import torch
import torch._dynamo
from torch._dynamo.backends.debugging import ExplainWithBackend
from torch.utils import _pytree as pytree

from sdprof.collectors.graphs.break_reason import parse_break
from sdprof.collectors.graphs.enough_seen import EnoughSeen
from sdprof.collectors.graphs.interception import intercepted
from sdprof.collectors.graphs.sightings import Break, Sightings, sightings_in
from sdprof.collectors.graphs.stand_in import RecordedCall, standing_in
from sdprof.collectors.graphs.structured_trace import interned_strings, structured_trace
from sdprof.collectors.graphs.trace_log import read_records
from sdprof.collectors.graphs.traceback_text import frame_of
from sdprof.collectors.hot_calls import run_from_here
from sdprof.collectors.watched_run import WatchedRun


@dataclass(kw_only=True)
class RegionPass:
    """What one pass told."""

    grad: bool
    calls: int = 0
    seconds: float = 0.0
    graphs: int = 0
    operators: int = 0
    explained: list[Break] = field(default_factory=list)
    traced: Sightings = field(default_factory=lambda: sightings_in(()))
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class PassPlan:
    """How to make a pass."""

    grad: bool
    calls: int
    """Calls of the region to see at most."""
    deadline_seconds: float
    """On the clock of ``time.monotonic``."""
    stand_ins: Mapping[torch.nn.Module, RecordedCall] = field(default_factory=dict)


def trace_function(watched: WatchedRun, functions: tuple[FunctionType, ...], plan: PassPlan) -> RegionPass:
    """Compile functions where they are called."""

    def place(handle: Callable[..., Any]) -> contextlib.AbstractContextManager[None]:
        return intercepted(functions, handle)

    return _trace(watched, place, plan)


def trace_module(watched: WatchedRun, module: torch.nn.Module, plan: PassPlan) -> RegionPass:
    """Compile a module where it is called, as ``module.compile()`` would."""

    @contextlib.contextmanager
    def place(handle: Callable[..., Any]) -> Iterator[None]:
        module.__dict__["_compiled_call_impl"] = lambda *args, **kwargs: handle(module._call_impl, args, kwargs)
        try:
            yield
        finally:
            del module.__dict__["_compiled_call_impl"]

    return _trace(watched, place, plan)


def _trace(
    watched: WatchedRun,
    place: Callable[[Callable[..., Any]], contextlib.AbstractContextManager[None]],
    plan: PassPlan,
) -> RegionPass:
    seen = RegionPass(grad=plan.grad)
    explainer = ExplainWithBackend("eager")
    compiled: dict[Any, Callable[..., Any]] = {}
    finished = 0

    def call(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        nonlocal finished
        with _grad_mode(plan.grad):
            if plan.grad:
                args, kwargs = pytree.tree_map_only(torch.Tensor, _usable_with_grad, (args, dict(kwargs)))
            compiled.setdefault(function, torch.compile(function, backend=explainer))
            seen.calls += 1
            try:
                result = compiled[function](*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - of the user's code or of the compiler: it is what there is to tell
                seen.error = f"{type(error).__name__}: {_first_line(error)}"
                raise EnoughSeen from None
        finished += 1
        if seen.calls >= plan.calls or time.monotonic() > plan.deadline_seconds:
            raise EnoughSeen
        # The run goes on without grad, as it would have.
        return pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach(), result) if plan.grad else result

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sdprof-graphs-") as folder:
        log = Path(folder, "structured_trace.log")
        torch._dynamo.reset()
        try:
            with (
                _steady_dynamo(),
                contextlib.ExitStack() as stack,
                structured_trace(log, plan.deadline_seconds),
                place(call),
            ):
                for module, recorded in plan.stand_ins.items():
                    stack.enter_context(standing_in(module, recorded))
                run_from_here(watched.run)
        except EnoughSeen:
            pass
        except Exception as error:  # noqa: BLE001 - the user's own code, around the region
            seen.error = seen.error or f"the run ended with {type(error).__name__}: {_first_line(error)}"
        finally:
            torch._dynamo.reset()
        with log.open(encoding="utf-8", errors="replace") as lines:
            seen.traced = sightings_in(read_records(lines), interned_strings())
    seen.seconds = time.monotonic() - started
    if finished < seen.calls and not seen.error:
        seen.error = "ended when the time for this section was used up: what is listed was seen until then"
    explained = explainer.output()
    seen.graphs = max(explained.graph_count, seen.traced.graphs)
    seen.operators = explained.op_count
    seen.explained = [_explained(reason) for reason in explained.break_reasons]
    return seen


def _explained(reason: Any) -> Break:
    frames = tuple(frame_of(summary) for summary in reason.user_stack)
    return Break("explain", msgspec.structs.replace(parse_break(reason.reason), frames=frames))


@contextlib.contextmanager
def _steady_dynamo() -> Iterator[None]:
    """TorchDynamo as it is by default, without a memory of earlier passes, and without warnings on the way."""
    known = {
        name: False
        for name in ("automatic_dynamic_local_pgo", "automatic_dynamic_remote_pgo")
        if hasattr(torch._dynamo.config, name)
    }
    grad = torch.is_grad_enabled()
    with warnings.catch_warnings(), torch.random.fork_rng(), torch._dynamo.config.patch(known):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            torch.set_grad_enabled(grad)


@contextlib.contextmanager
def _grad_mode(grad: bool) -> Iterator[None]:
    if not grad:
        with torch.no_grad():
            yield
    else:
        with torch.inference_mode(False), torch.enable_grad():
            yield


def _usable_with_grad(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.clone() if tensor.is_inference() else tensor


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:300]
