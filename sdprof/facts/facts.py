"""What the audits read: the artifacts of one variant, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sdprof.model import (
    Environment,
    GraphProfile,
    HotLine,
    HotModule,
    HotOp,
    LineProfile,
    LoopMap,
    MemoryCurve,
    MemoryProfile,
    ModuleProfile,
    OperatorCensus,
    Peaks,
    StackSamples,
    TraceFacts,
    TransferProfile,
)


class Profiler(NamedTuple):
    """What leaves a fact."""

    fact: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything known of one variant. None means: not collected, and the manifest says why.

    The field names are what an audit lists in ``needs``.
    """

    environment: Environment | None = None
    loop: LoopMap | None = None
    operators: OperatorCensus | None = None
    modules: ModuleProfile | None = None
    lines: LineProfile | None = None
    stacks: StackSamples | None = None
    graphs: GraphProfile | None = None
    transfers: TransferProfile | None = None
    memory: MemoryProfile | None = None
    memory_in_step: MemoryCurve | None = None
    peaks: Peaks | None = None
    trace: TraceFacts | None = None
    hot_lines: tuple[HotLine, ...] | None = None
    hot_ops: tuple[HotOp, ...] | None = None
    hot_modules: tuple[HotModule, ...] | None = None
    step_seconds: float | None = None
    """Median unprofiled seconds of a run over its steps."""
    device: str = "cpu"

    def absent(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the facts that an audit needs are not there, or are of a profiler that saw nothing."""
        empty = {profiler.fact for profiler, count in self.recorded().items() if count == 0}
        return tuple(
            f"{need} (which recorded nothing)" if need in empty else need
            for need in needs
            if getattr(self, need) is None or need in empty
        )

    def recorded(self) -> dict[Profiler, int]:
        """How much each profiler that ran has recorded, where a run of any loop leaves something.

        Transfers are not among them: a loop without any is a good one.
        """
        counts = {
            Profiler("lines", "line_profiler"): None if self.lines is None else _lines(self.lines),
            Profiler("stacks", "py-spy"): None if self.stacks is None else self.stacks.samples,
            Profiler("operators", "operator census"): None if self.operators is None else len(self.operators.sites),
            Profiler("modules", "module calls"): None if self.modules is None else len(self.modules.modules),
            Profiler("trace", "torch.profiler"): None if self.trace is None else _events(self.trace),
            Profiler("graphs", "TorchDynamo"): None if self.graphs is None else len(self.graphs.regions),
        }
        return {profiler: count for profiler, count in counts.items() if count is not None}


def _events(trace: TraceFacts) -> int:
    return trace.cpu_operators + trace.gpu_events


def _lines(profile: LineProfile) -> int:
    return sum(len(function.lines) for function in profile.functions)
