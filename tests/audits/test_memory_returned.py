"""Memory fetched from the system on every step is found where it takes time."""

import pytest

from sdprof.audits.memory_returned import audit
from sdprof.facts.facts import Facts
from sdprof.model import MemoryProfile, PageFaults, StepMemory

# What one run of two calls of the full-size UNet at 32 x 32 latents took on two cores: getrusage around run().
SEEN = PageFaults(count=1_157_436, page_bytes=4096, system_seconds=2.14, run_seconds=5.99, threads=2)


def facts(faults: PageFaults | None, steps: int = 2) -> Facts:
    each = tuple(StepMemory(step=step, peak_bytes=1) for step in range(steps))
    memory = MemoryProfile(kind="resident", before_bytes=1, peak_bytes=1, steps=each, page_faults=faults)
    return Facts(memory=memory, page_faults=faults)


def test_tells_how_much_is_fetched_and_what_it_costs() -> None:
    (finding,) = audit(facts(SEEN))
    assert finding.count_per_step == 578_718
    assert finding.evidence["memory_fetched_mib_per_step"] == 2261
    assert finding.evidence["kernel_time_share_of_run"] == 0.179
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(535)
    assert not finding.locations


@pytest.mark.parametrize(
    "faults",
    [
        PageFaults(count=9, page_bytes=4096, system_seconds=0.5, run_seconds=1.0, threads=1),
        PageFaults(count=1_000_000, page_bytes=4096, system_seconds=0.5, run_seconds=60.0, threads=2),
    ],
    ids=["little is fetched", "it takes next to no time"],
)
def test_little_is_no_finding(faults: PageFaults) -> None:
    assert not list(audit(facts(faults)))


def test_a_run_without_steps_tells_nothing() -> None:
    assert not list(audit(facts(SEEN, steps=0)))


def test_on_a_gpu_it_is_missing_and_not_passed() -> None:
    assert facts(None).absent(("memory", "page_faults")) == ("the page faults of a run on the CPU",)
