"""Each limit: kept on one side of the number, broken on the other, and honest where there is no number."""

from typing import Any

import msgspec
import pytest

from sdprof.budget.budget_file import Limits
from sdprof.budget.check import breaks_the_budget, check
from sdprof.budget.judge_time import seconds_interval
from sdprof.budget.judged import Judged
from sdprof.model import AuditResult, GraphRegion, Graphs, GraphSection, Missing, Timing
from tests.renderers.samples import SAMPLES, everything_missing, faster


def judged(result: AuditResult, baseline: AuditResult | None = None, **limits: Any) -> Judged:
    (one,) = check(result, Limits(**limits), baseline)
    return one


@pytest.mark.parametrize(
    ("limit", "kept", "broken", "by"),
    [
        ("graph_breaks", 8, 7, "8 breaks in whole loop, 1 over the limit"),
        ("recompiles", 3, 0, "3 recompiles in whole loop, 3 over the limit"),
        ("syncs_per_step", 3.3, 3, "3.30 per step, 0.300 per step over the limit: 33 in 10 steps"),
        ("h2d_per_step", 1.1, 0, "1.10 per step over the limit"),
        ("d2h_per_step", 0, None, ""),
        ("peak_memory_mib", 1e6, 100, "over the limit"),
        ("speedup_at_least", 1.6, 1.9, "short"),
        ("ms_per_step", 100, 60, "over the limit at least"),
        ("high_findings", 2, 1, "2 high-severity findings"),
    ],
)
def test_a_number_is_held_to_its_limit(limit: str, kept: float, broken: float | None, by: str) -> None:
    result = faster()
    # Regions that were seen in part or not at all would leave a zero open; here the numbers are the matter.
    assert result.graphs is not None
    assert result.graphs.baseline is not None
    whole = tuple(region for region in result.graphs.baseline.regions if not region.error)
    section = msgspec.structs.replace(result.graphs.baseline, regions=whole, skipped=())
    result = msgspec.structs.replace(result, graphs=msgspec.structs.replace(result.graphs, baseline=section))
    assert judged(result, **{limit: kept}).outcome == "kept"
    if broken is not None:
        verdict = judged(result, **{limit: broken})
        assert verdict.outcome == "broken"
        assert by in verdict.sentence


def test_the_other_side_is_the_chosen_variant() -> None:
    assert judged(faster(), h2d_per_step=0, side="before").outcome == "broken"
    assert judged(faster(), h2d_per_step=0, side="after").outcome == "kept"
    assert judged(faster(), ms_per_step=60, side="after").outcome == "kept"


def test_after_nothing_was_chosen_there_is_nothing_to_hold() -> None:
    result = SAMPLES["no_candidate"]()
    for limit in ("ms_per_step", "peak_memory_mib"):
        one = judged(msgspec.structs.replace(result, memory=None), side="after", **{limit: 1})
        assert (one.outcome, one.sentence) == (
            "unmeasured",
            "no set of fixes was chosen, so there is nothing after to measure",
        )


def test_a_time_within_the_noise_breaks_nothing() -> None:
    result = faster()
    start = result.variants[0]
    seconds = (0.40, 0.62, 0.48, 0.55, 0.44, 0.58, 0.50, 0.53)
    noisy = msgspec.structs.replace(start, timing=Timing(seconds=seconds, median=0.515, low=0.40, high=0.62))
    result = msgspec.structs.replace(result, variants=(noisy, *result.variants[1:]), waterfall=())
    centre, low, high = seconds_interval(seconds)
    assert low < centre < high
    for allowed, outcome in ((high * 101, "kept"), (centre * 100, "unsure"), (low * 99, "broken")):
        one = judged(result, ms_per_step=allowed)
        assert one.outcome == outcome
        assert breaks_the_budget(one, Limits()) == (outcome == "broken")


def test_one_stalled_run_breaks_no_limit_on_time() -> None:
    calm = (0.50,) * 11
    assert seconds_interval((*calm, 5.0))[2] == pytest.approx(0.50)


@pytest.mark.parametrize("sample", ["everything_missing", "not_shown", "slower"])
def test_a_speed_up_that_was_not_shown_does_not_keep_its_limit(sample: str) -> None:
    assert judged(SAMPLES[sample](), speedup_at_least=1.05).outcome in ("broken", "unmeasured")


def test_the_output_has_to_be_the_same() -> None:
    assert judged(faster(), same_output=True).outcome == "kept"
    assert judged(SAMPLES["output_differs"](), same_output=True).outcome == "broken"


@pytest.mark.parametrize(
    "limit",
    [
        "graph_breaks",
        "recompiles",
        "syncs_per_step",
        "h2d_per_step",
        "d2h_per_step",
        "ms_per_step",
        "speedup_at_least",
        "peak_memory_mib",
        "same_output",
        "high_findings",
        "new_findings",
    ],
)
def test_what_was_not_measured_fails_unless_told_to_pass(limit: str) -> None:
    value: Any = True if limit == "same_output" else 1
    one = judged(everything_missing(), **{limit: value})
    assert one.outcome == "unmeasured"
    assert one.sentence
    assert breaks_the_budget(one, Limits())
    assert not breaks_the_budget(one, Limits(unmeasured="pass"))


def test_a_region_seen_in_part_is_no_clean_pass() -> None:
    assert judged(faster(), graph_breaks=8).outcome == "unmeasured"


def of_graphs(section: GraphSection) -> AuditResult:
    return msgspec.structs.replace(faster(), graphs=Graphs(baseline=section))


def region(name: str, breaks: int = 0, *, grad: bool = False) -> GraphRegion:
    return GraphRegion(name=name, function="f", grad=grad, graphs=1, breaks=breaks, recompiles=0)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (
            GraphSection(regions=(region("unet"),), skipped=("whole loop: the time for this section was used up",)),
            "not every region was analysed without grad: whole loop: the time for this section was used up",
        ),
        (
            GraphSection(regions=(region("unet"), region("sampler step", grad=True))),
            "not every region was analysed without grad: sampler step: it was seen with grad only",
        ),
    ],
)
def test_a_region_that_was_not_analysed_is_no_clean_pass(section: GraphSection, words: str) -> None:
    one = judged(of_graphs(section), graph_breaks=0)
    assert (one.outcome, one.sentence) == ("unmeasured", words)


def test_what_is_left_out_with_grad_leaves_the_regions_without_as_they_are() -> None:
    section = GraphSection(regions=(region("unet"),), skipped=("unet with grad: the time was used up",))
    assert judged(of_graphs(section), graph_breaks=0).outcome == "kept"


def test_a_region_over_the_limit_breaks_it_whatever_was_left_out() -> None:
    section = GraphSection(regions=(region("unet", 2),), skipped=("whole loop: the time was used up",))
    assert judged(of_graphs(section), graph_breaks=0).outcome == "broken"


def test_only_findings_that_the_baseline_lacks_are_new() -> None:
    result = faster()
    assert judged(result, result, new_findings=0).outcome == "kept"
    fewer = msgspec.structs.replace(result, findings=result.findings[2:])
    one = judged(result, fewer, new_findings=0)
    assert one.outcome == "broken"
    assert "2 new findings, 2 over the limit: naive-attention at sd21_original/attention.py:212" in one.sentence
    assert judged(fewer, result, new_findings=0).outcome == "kept"


def test_a_second_finding_of_the_same_text_is_new() -> None:
    result = faster()
    twin = result.findings[0]
    moved = msgspec.structs.replace(twin.locations[0], line=twin.locations[0].line + 9)
    twice = msgspec.structs.replace(
        result, findings=(*result.findings, msgspec.structs.replace(twin, locations=(moved,)))
    )
    one = judged(twice, result, new_findings=0)
    assert (one.outcome, one.sentence.partition(",")[0]) == ("broken", "1 new finding")
    assert judged(twice, twice, new_findings=0).outcome == "kept"
    assert judged(result, twice, new_findings=0).outcome == "kept"


def test_no_finding_and_no_pass_prove_nothing() -> None:
    blank = msgspec.structs.replace(faster(), findings=())
    for one in (judged(blank, high_findings=9), judged(blank, faster(), new_findings=9)):
        assert one.outcome == "unmeasured"
        assert one.sentence == "no audit found anything or passed: there was nothing to look at"


def test_a_count_of_findings_names_the_audits_that_could_not_look() -> None:
    gaps = (Missing(section="audit idle-gap, launch-bound", reason="no GPU"), Missing(section="kernels", reason="none"))
    one = judged(msgspec.structs.replace(faster(), missing=gaps), high_findings=9)
    assert one.outcome == "kept"
    assert one.sentence.endswith("; could not run: idle-gap, launch-bound")


def test_an_audit_that_could_not_run_again_finds_nothing_new_for_want_of_looking() -> None:
    result = faster()
    gap = Missing(section="audit naive-attention", reason="It needs operators.")
    others = tuple(finding for finding in result.findings if finding.id != "naive-attention")
    blind = msgspec.structs.replace(result, findings=others, missing=(gap,))
    one = judged(blind, result, new_findings=0)
    assert one.outcome == "unmeasured"
    assert one.sentence == "naive-attention found something in the baseline run and could not run in this one"
    assert judged(blind, blind, new_findings=0).outcome == "kept"
    first = msgspec.structs.replace(result, findings=result.findings[:1])
    assert judged(blind, first, new_findings=0).outcome == "broken"


def test_a_baseline_of_another_target_says_nothing() -> None:
    other = msgspec.structs.replace(faster().target, name="other")
    one = judged(faster(), msgspec.structs.replace(faster(), target=other), new_findings=0)
    assert one.outcome == "unmeasured"


@pytest.mark.parametrize("sample", SAMPLES)
def test_any_audit_can_be_judged(sample: str) -> None:
    everything = Limits(
        graph_breaks=0,
        recompiles=0,
        syncs_per_step=0,
        h2d_per_step=0,
        d2h_per_step=0,
        ms_per_step=1,
        speedup_at_least=1,
        peak_memory_mib=1,
        same_output=True,
        high_findings=0,
        new_findings=0,
    )
    result = SAMPLES[sample]()
    names = [one.limit for one in check(result, everything, result)]
    assert len(names) == len(set(names)) == 11
