"""Memory that goes back to the system after every operator and is fetched again for the next."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding

META = AuditMeta(
    id="memory-returned",
    title="Freed memory goes back to the system and is fetched again",
    passed="The process keeps the memory that it frees",
    needs=("memory", "page_faults"),
    severity="medium",
    fixes=("keep-freed-memory",),
)
LEAST_STEP_BYTES = 64 * 2**20
"""Less is what any Python process touches anew."""
LEAST_SHARE = 0.03
"""Of the run, in the kernel."""


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding over the whole run: a page fault has no line that is to blame.

    glibc gives every buffer of 32 MiB and more a mapping of its own and unmaps it when it is freed, and trims the heap
    (mallopt(3): M_MMAP_THRESHOLD, M_TRIM_THRESHOLD). Each page is then zeroed by the kernel at its next first touch.
    """
    assert facts.memory is not None
    assert facts.page_faults is not None
    faults, steps = facts.page_faults, len(facts.memory.steps)
    if not steps:
        return
    step_bytes = faults.count * faults.page_bytes / steps
    kernel_seconds = faults.system_seconds / faults.threads
    if step_bytes < LEAST_STEP_BYTES or kernel_seconds < LEAST_SHARE * faults.run_seconds:
        return
    yield found(
        META,
        count_per_step=faults.count / steps,
        cost=Cost(
            predicted_ms_per_step=1e3 * kernel_seconds / steps,
            source="processor time in the kernel, spread over PyTorch's threads",
        ),
        evidence={
            "page_faults_per_step": round(faults.count / steps),
            "memory_fetched_mib_per_step": round(step_bytes / 2**20),
            "kernel_time_share_of_run": round(kernel_seconds / faults.run_seconds, 3),
        },
        explanation=(
            "The allocator unmaps large buffers as soon as they are freed, and the next operator's buffer is mapped, "
            "faulted in and zeroed page by page. Told to keep them, it hands the same pages out again."
        ),
    )
