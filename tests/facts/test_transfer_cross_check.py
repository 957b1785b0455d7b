"""What was watched beside what was recorded: agreement is said, and a difference is told by its function."""

from pathlib import Path

import msgspec

from sdprof.facts.trace import read_trace, trace_report
from sdprof.facts.transfer_cross_check import cross_check
from sdprof.model import Location, TransferProfile, TransferSite

TRACES = Path(__file__).parents[1] / "golden" / "traces"
LIBRARY = "/usr/lib/python3/site-packages/diffusers/schedulers/scheduling_flow_match_euler_discrete.py"
SCHEDULER = Location(file=LIBRARY, line=395, function="FlowMatchEulerDiscreteScheduler.index_for_timestep")
USER = Location(file="/home/user/sample.py", line=12, function="sample")


def wait(op: str, count: int = 1, where: Location = USER, callers: tuple[Location, ...] = (SCHEDULER,)) -> TransferSite:
    return TransferSite(kind="SYNC", op=op, where=where, count=count, bytes=8, in_loop=True, callers=callers)


def profile(*sites: TransferSite, steps: int = 4) -> TransferProfile:
    return TransferProfile(device="cuda", steps=steps, sites=sites)


def recorded() -> TransferProfile:
    found = trace_report(read_trace(TRACES / "mi300_sd35_4steps.json.gz")).transfers
    assert found is not None
    return found


def test_a_recorded_loop_agrees_with_what_its_scheduler_does() -> None:
    watched = profile(wait("aten::nonzero"), wait("aten::_local_scalar_dense"))
    (note,) = cross_check(watched, recorded())
    assert "agree" in note


def test_more_steps_of_the_same_loop_agree_too() -> None:
    watched = profile(wait("aten::nonzero", 6), wait("aten::_local_scalar_dense", 6), steps=24)
    assert "agree" in cross_check(watched, recorded())[0]


def test_a_wait_that_only_one_of_them_saw_is_told() -> None:
    once = profile(wait("aten::nonzero"))
    (note,) = cross_check(once, recorded())
    assert note == (
        "SYNC in index_for_timestep (scheduling_flow_match_euler_discrete.py): 0.25 a step were watched, 0.5 a step "
        "are in the trace."
    )
    extra = profile(*once.sites, wait("aten::_local_scalar_dense"), wait("aten::equal", 4, callers=()))
    (note,) = cross_check(extra, recorded())
    assert "SYNC in sample (sample.py): 1 a step were watched, 0 a step are in the trace." in note


def test_what_lies_outside_of_the_loop_is_not_compared() -> None:
    outside = msgspec.structs.replace(wait("torch.cuda.synchronize", 9, callers=()), in_loop=False)
    watched = profile(wait("aten::nonzero"), wait("aten::_local_scalar_dense"), outside)
    assert "agree" in cross_check(watched, recorded())[0]
