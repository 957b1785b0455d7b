"""What the audits read: the artifacts of one variant, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import (
    Environment,
    GraphProfile,
    HotLine,
    HotModule,
    HotOp,
    LineProfile,
    LoopMap,
    MemoryProfile,
    ModuleProfile,
    OperatorCensus,
    Peaks,
    StackSamples,
    TraceFacts,
    TransferProfile,
)


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
    peaks: Peaks | None = None
    trace: TraceFacts | None = None
    hot_lines: tuple[HotLine, ...] | None = None
    hot_ops: tuple[HotOp, ...] | None = None
    hot_modules: tuple[HotModule, ...] | None = None
    step_seconds: float | None = None
    """Median unprofiled seconds of a run over its steps."""
    device: str = "cpu"

    def absent(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the facts that an audit needs are not there."""
        return tuple(need for need in needs if getattr(self, need) is None)
