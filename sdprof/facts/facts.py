"""What the audits read: the artifacts of one variant, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    Missing,
    ModuleProfile,
    OperatorCensus,
    Peaks,
    StackSamples,
    TraceFacts,
    TransferProfile,
)

PLAIN_NAMES = {
    "copy_contents": "the contents of copies, which only a run on the simulated device compares",
    "copy_origins": "where copied tensors were made, which only a watched run tells",
    "copy_memory": "to know which host memory is page-locked, which this trace does not tell",
    "device_trace": "a trace with GPU events",
    "trace": "a recorded trace",
    "hot_ops": "a recorded trace with operators",
    "hot_lines": "a line profile",
    "operators": "operators by expression",
    "operator_contents": "whether operators made the same again in each step, which an older census does not tell",
    "graphs": "TorchDynamo's view of the loop",
    "modules": "module calls",
    "transfers": "copies and synchronisations",
}
"""What a fact that is missing is called in a sentence, by the name of its field."""


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
    operator_contents: OperatorCensus | None = None
    """The operators, where contents were compared from step to step."""
    modules: ModuleProfile | None = None
    lines: LineProfile | None = None
    stacks: StackSamples | None = None
    graphs: GraphProfile | None = None
    transfers: TransferProfile | None = None
    copy_contents: TransferProfile | None = None
    """The transfers, where contents of copies were compared."""
    copy_origins: TransferProfile | None = None
    """The transfers, where it was watched where tensors are made on the host."""
    copy_memory: TransferProfile | None = None
    """The transfers, where page-locked memory was told from pageable memory."""
    memory: MemoryProfile | None = None
    memory_in_step: MemoryCurve | None = None
    peaks: Peaks | None = None
    trace: TraceFacts | None = None
    device_trace: TraceFacts | None = None
    """The recorded trace, where it has GPU events."""
    gaps: tuple[Missing, ...] = ()
    """What was collected and cannot be read."""
    hot_lines: tuple[HotLine, ...] | None = None
    hot_ops: tuple[HotOp, ...] | None = None
    hot_modules: tuple[HotModule, ...] | None = None
    step_seconds: float | None = None
    """Median unprofiled seconds of a run over its steps."""
    device: str = "cpu"

    def absent(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        """What an audit needs and is not there, or is of a profiler that saw nothing: in plain words."""
        silent = {profiler.fact for profiler, count in self.recorded().items() if count == 0}
        return tuple(
            PLAIN_NAMES.get(need, need) + (" (which recorded nothing)" if need in silent else "")
            for need in needs
            if getattr(self, need) is None or need in silent
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

    def with_transfers(self, profile: TransferProfile | None) -> Facts:
        """These facts and those that rest on a profile of copies and waits: what it cannot tell is not there."""
        if profile is None:
            return self
        return replace(
            self,
            transfers=profile,
            copy_contents=profile if profile.contents_known else None,
            copy_origins=profile if profile.origins_known else None,
            copy_memory=profile if profile.memory_known else None,
        )


def _events(trace: TraceFacts) -> int:
    return trace.cpu_operators + trace.gpu_events


def _lines(profile: LineProfile) -> int:
    return sum(len(function.lines) for function in profile.functions)
