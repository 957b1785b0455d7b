"""Source fixes that a CPU cannot tell apart by time: measured as one variant there, proven one by one all the same."""

from __future__ import annotations

import msgspec

from sdprof.model import FixMeta
from sdprof.stages.source_results import TRANSFER_FINDINGS

NO_ARITHMETIC = TRANSFER_FINDINGS | {
    "checkpoint-in-inference",
    "concatenation-of-one",
    "graph-breaks",
    "loop-invariant-tensor",
}
"""What a rewrite removes without sparing the CPU any arithmetic. Measured apart at the size ``tiny``, five such fixes
that keep the bits read 0.73 to 0.86, two of them "slower": the noise of five comparisons, and no fact about them."""


def tells_nothing_here(fix: FixMeta, device: str) -> bool:
    """Whether the time of a run on this device says nothing about a fix: what it spares is paid on another one."""
    spares_only_the_device = bool(fix.removes) and NO_ARITHMETIC.issuperset(fix.removes)
    return fix.kind == "source" and fix.numerics != "lossy" and device != "cuda" and spares_only_the_device


def timed_as_one(fixes: tuple[FixMeta, ...], device: str) -> tuple[FixMeta, ...]:
    """The same fixes; those whose time tells nothing on this device require each other, and so are one variant."""
    together = tuple(fix.id for fix in fixes if tells_nothing_here(fix, device))
    return tuple(
        msgspec.structs.replace(fix, requires=tuple(sorted({*fix.requires, *together} - {fix.id})))
        if fix.id in together
        else fix
        for fix in fixes
    )
