import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdprof.comparison.plan import find_plan, search_plan
from sdprof.comparison.plan_structs import BASELINE, CONTROL, Measured
from sdprof.model import FixMeta, Parity

ROUNDS = {"alone": 5, "together": 5, "proof": 12}


def fix(id, **metadata):
    return FixMeta(**{"id": id, "title": id, "kind": "module", "numerics": "exact", **metadata})


class Simulated:
    """Measures batches on a machine whose true speeds are known."""

    def __init__(self, machine, speed, *, failures=None, parity=None, batches=None):
        self.machine = machine
        self.speed = speed
        self.failures = failures or {}
        self.parity = parity or {}
        self.batches_left = batches
        self.asked = []

    def __call__(self, batch):
        self.asked.append(batch)
        ids = [variant.id for variant in batch.variants]
        assert ids[:2] == [BASELINE.id, CONTROL.id]
        assert len(set(ids)) == len(ids)
        broken = {
            variant.id: why
            for variant in batch.variants
            for fixes, why in self.failures.items()
            if fixes <= set(variant.fixes)
        }
        truth = {
            variant.id: 1.0 / self.speed(frozenset(variant.fixes))
            for variant in batch.variants
            if variant.id not in broken
        }
        times = self.machine.measure(truth, ROUNDS[batch.purpose])
        parity = {
            variant.id: Parity(passed=False, max_abs_diff=1, max_rel_diff=1, tolerance=0, reason=why)
            for variant in batch.variants
            for fixes, why in self.parity.items()
            if fixes <= set(variant.fixes)
        }
        if self.batches_left is not None:
            self.batches_left -= 1
        time_left = self.batches_left is None or self.batches_left > 0
        return Measured(times=times, failures=broken, parity=parity, time_left=time_left)


def product(**gains):
    def speed(fixes):
        total = 1.0
        for each in fixes:
            total *= gains[each]
        return total

    return speed


@pytest.fixture
def calm(noisy_machine):
    return noisy_machine.NoisyMachine(0, noise=0.002, drift=0.02, stall_rate=0.0)


def reasons(plan):
    return {decision.id: decision.reason for decision in plan.decisions}


def applied(plan):
    return {decision.id for decision in plan.decisions if decision.applied}


def test_independent_gains_add_up_and_the_waterfall_shows_them(calm):
    measure = Simulated(calm, product(a=1.1, b=1.3, c=0.85, d=1.2))
    plan = find_plan([fix(name) for name in "abcd"], measure)
    assert plan.variant.fixes == ("a", "b", "d")
    assert applied(plan) == {"a", "b", "d"}
    assert plan.judgement.verdict == "faster"
    assert plan.speedup.median == pytest.approx(1.1 * 1.3 * 1.2, rel=0.02)
    assert plan.speedup.low > 1
    assert plan.proven_apart
    assert [bar.added for bar in plan.waterfall] == [(), ("b",), ("d",), ("a",)]
    assert [plan.waterfall[0].seconds / bar.seconds for bar in plan.waterfall] == pytest.approx(
        [1, 1.3, 1.56, 1.716], rel=0.02
    )
    by_id = {decision.id: decision for decision in plan.decisions}
    assert list(by_id) == list("abcd")
    assert by_id["c"].reason.startswith("slower: 0.8")
    assert by_id["a"].gain.median == pytest.approx(1.1, rel=0.02)
    assert by_id["a"].gain_in_plan.median == pytest.approx(1.1, rel=0.02)
    assert by_id["a"].reason.startswith("gains 1.")
    assert by_id["a"].reason.endswith("on top of b and d")


def test_choosing_and_proving_use_different_rounds(calm):
    measure = Simulated(calm, product(a=1.1, b=1.3))
    plan = find_plan([fix("a"), fix("b")], measure)
    assert [batch.purpose for batch in measure.asked] == ["alone", "together", "proof"]
    assert len(plan.times.order()) == ROUNDS["proof"]
    assert {variant.id for variant in measure.asked[-1].variants} == {"baseline", "baseline-again", "b", "a+b"}


def test_a_fix_that_helps_alone_and_hurts_in_company_stays_out(calm):
    def speed(fixes):
        return product(a=1.3, b=1.2, c=1.1)(fixes) * (0.7 if {"a", "b"} <= fixes else 1.0)

    plan = find_plan([fix(name) for name in "abc"], Simulated(calm, speed))
    assert applied(plan) == {"a", "c"}
    assert reasons(plan)["b"].startswith("slower on top of a: 0.8")


def test_a_step_that_failed_only_for_the_one_below_it_is_tried_again(calm):
    # b spoils a, and c on top of both loses; without b it does.
    def speed(fixes):
        if {"a", "b"} <= fixes:
            return 1.05 if "c" in fixes else 1.1
        return product(a=1.3, b=1.2, c=1.15)(fixes)

    measure = Simulated(calm, speed)
    plan = find_plan([fix(name) for name in "abc"], measure)
    assert applied(plan) == {"a", "c"}
    assert [batch.purpose for batch in measure.asked] == ["alone", "together", "together", "proof"]


def test_a_single_fix_that_beats_all_company_wins(calm):
    # A compiler that undoes what the others did: alone it is the best.
    def speed(fixes):
        if "compile" in fixes:
            return 1.65 if fixes == {"compile"} else 1.25
        return product(a=1.1, b=1.05)(fixes)

    plan = find_plan([fix("a"), fix("b"), fix("compile", compiles=True)], Simulated(calm, speed))
    assert plan.variant.fixes == ("compile",)
    assert [bar.variant for bar in plan.waterfall] == ["baseline", "compile"]
    assert reasons(plan)["a"].startswith("the fastest set that was shown is without it: 1.6")


def test_fixes_that_compile_come_last(calm):
    measure = Simulated(calm, product(a=1.05, compile=1.5))
    plan = find_plan([fix("compile", compiles=True, order=90), fix("a")], measure)
    assert [bar.variant for bar in plan.waterfall] == ["baseline", "a", "a+compile"]


def test_one_of_a_group_by_measured_gain(calm):
    fixes = [fix("default", group="compile"), fix("regional", group="compile"), fix("a")]
    plan = find_plan(fixes, Simulated(calm, product(default=1.2, regional=1.45, a=1.1)))
    assert applied(plan) == {"regional", "a"}
    assert reasons(plan)["default"].startswith("excludes regional, which was faster alone: 1.4")


def test_of_two_that_exclude_each_other_the_faster_alone(calm):
    fixes = [fix("cache", excludes=("compile",)), fix("compile", compiles=True, order=90), fix("a")]
    assert applied(find_plan(fixes, Simulated(calm, product(cache=1.2, compile=1.4, a=1.1)))) == {"compile", "a"}
    assert applied(find_plan(fixes, Simulated(calm, product(cache=1.4, compile=1.2, a=1.1)))) == {"cache", "a"}


def test_the_runner_up_of_a_group_steps_in_where_the_fastest_cannot_be_combined(calm):
    fixes = [fix("default", group="compile"), fix("regional", group="compile"), fix("a")]
    speed = product(default=1.2, regional=1.3, a=1.5)
    measure = Simulated(calm, speed, failures={frozenset({"regional", "a"}): "a has replaced the blocks"})
    plan = find_plan(fixes, measure)
    assert applied(plan) == {"default", "a"}
    assert reasons(plan)["regional"] == "failed to apply: a has replaced the blocks"


def test_requirements_come_along(calm):
    # freezing is worth nothing without inference mode, which is worth nothing alone.
    def speed(fixes):
        return 1.5 if {"freezing", "inference"} <= fixes else 0.9 if "inference" in fixes else 1.0

    fixes = [fix("inference", order=10), fix("freezing", requires=("inference",))]
    plan = find_plan(fixes, Simulated(calm, speed))
    assert plan.variant.fixes == ("inference", "freezing")
    assert reasons(plan)["inference"] == "needed by freezing"
    assert plan.waterfall[-1].added == ("inference", "freezing")


def test_what_takes_part_is_asked_for_and_to_be_had(calm):
    fixes = [
        fix("half", numerics="lossy"),
        fix("skip", numerics="lossy"),
        fix("on-half", requires=("half",)),
        fix("on-gpu", requires=("gpu",)),
        fix("x", group="g"),
        fix("both", group="g", requires=("x",)),
    ]
    measure = Simulated(calm, product(half=2.0, skip=1.5, x=1.1))
    plan = find_plan(fixes, measure, lossy_allowed={"skip"})
    assert applied(plan) == {"skip", "x"}
    why = reasons(plan)
    assert why["half"] == "lossy, and not asked for"
    assert why["on-half"] == "needs half, which is lossy and not asked for"
    assert why["on-gpu"] == "needs gpu, which is not to be had here"
    assert why["both"] == "needs both and x, which exclude each other"
    assert all("half" not in variant.fixes for batch in measure.asked for variant in batch.variants)


def test_what_cannot_be_applied_or_changes_the_output_is_out_with_the_reason(calm):
    measure = Simulated(
        calm,
        product(a=1.2, broken=2.0, wrong=2.0),
        failures={frozenset({"broken"}): "no C++ compiler."},
        parity={frozenset({"wrong"}): "The outputs differ."},
    )
    plan = find_plan([fix("a"), fix("broken"), fix("wrong")], measure)
    assert applied(plan) == {"a"}
    assert reasons(plan)["broken"] == "failed to apply: no C++ compiler."
    assert reasons(plan)["wrong"] == "parity failed: The outputs differ."


def test_a_combination_that_changes_the_output_is_out_too(calm):
    measure = Simulated(calm, product(a=1.3, b=1.2), parity={frozenset("ab"): "The outputs differ."})
    plan = find_plan([fix("a"), fix("b")], measure)
    assert applied(plan) == {"a"}
    assert reasons(plan)["b"] == "parity failed: The outputs differ."


def test_runs_that_all_fail_are_no_variant(calm):
    def measure(batch):
        times = calm.measure({v.id: 1.0 for v in batch.variants if "dies" not in v.fixes}, 8)
        for variant in batch.variants:
            if "dies" in variant.fixes:
                for round in range(8):
                    times = times.with_failure(round, variant.id, "out of memory")
        return Measured(times=times)

    plan = find_plan([fix("dies")], measure)
    assert plan.variant is None
    assert reasons(plan) == {"dies": "failed to run: out of memory"}


def test_nothing_to_try_still_measures_the_control(calm):
    measure = Simulated(calm, product())
    plan = find_plan([], measure)
    assert [batch.purpose for batch in measure.asked] == ["proof"]
    assert plan.variant is None
    assert plan.speedup is None
    assert plan.control is not None
    assert plan.judgement.explanation == "No set of fixes is left that could beat the baseline."
    assert [bar.variant for bar in plan.waterfall] == ["baseline"]


def test_all_slower_gives_an_empty_plan(calm):
    measure = Simulated(calm, product(a=0.9, b=0.8))
    plan = find_plan([fix("a"), fix("b")], measure)
    assert plan.variant is None
    assert applied(plan) == set()
    assert len(measure.asked) == 1
    assert all(reason.startswith("slower: ") for reason in reasons(plan).values())


def test_without_time_for_more_the_best_single_fix_is_judged_where_it_was_chosen(calm):
    plan = find_plan([fix("a"), fix("b")], Simulated(calm, product(a=1.1, b=1.3), batches=1))
    assert plan.variant.fixes == ("b",)
    assert not plan.proven_apart
    assert "No time was left to prove it" in plan.judgement.explanation
    assert reasons(plan)["a"].startswith("the fastest set that was shown is without it")


def test_without_time_for_the_proof_the_ladder_decides(calm):
    plan = find_plan([fix("a"), fix("b")], Simulated(calm, product(a=1.1, b=1.3), batches=2))
    assert plan.variant.fixes == ("a", "b")
    assert not plan.proven_apart


@pytest.mark.parametrize("at_once", [4, 5, 7])
def test_few_variants_alive_at_once_give_the_same_plan(calm, at_once):
    gains = {"a": 1.1, "b": 1.3, "c": 0.8, "d": 1.2, "e": 1.05, "f": 1.4}
    measure = Simulated(calm, product(**gains))
    plan = find_plan([fix(name) for name in gains], measure, at_once=at_once)
    assert applied(plan) == set("abdef")
    assert max(len(batch.variants) for batch in measure.asked) <= at_once
    assert len(plan.waterfall) == 6


def test_fewer_than_four_at_once_cannot_compare_a_step():
    with pytest.raises(ValueError, match="needs 4 variants at once"):
        search_plan([fix("a")], at_once=3)


def test_two_fixes_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same id"):
        search_plan([fix("a"), fix("a")])


def test_fixes_that_require_each_other_are_one_variant(calm):
    measure = Simulated(calm, product(b=1.2, c=1.2))
    plan = find_plan([fix("b", requires=("c",)), fix("c", requires=("b",))], measure)
    assert applied(plan) == {"b", "c"}
    assert [each.id for each in measure.asked[0].variants] == ["baseline", "baseline-again", "b+c"]


names = st.sampled_from("abcde")


@st.composite
def offered(draw):
    ids = draw(st.lists(names, unique=True, max_size=5))
    return [
        fix(
            each,
            group=draw(st.sampled_from([None, None, "g", "h"])),
            requires=tuple(draw(st.lists(names, unique=True, max_size=1))),
            excludes=tuple(draw(st.lists(names, unique=True, max_size=1))),
            numerics=draw(st.sampled_from(["exact", "rounding", "lossy"])),
            compiles=draw(st.booleans()),
            order=draw(st.integers(0, 3)),
        )
        for each in ids
    ]


@settings(max_examples=60, deadline=None)
@given(offered(), st.randoms(use_true_random=False), st.sampled_from([None, 4, 6]))
def test_any_offer_ends_in_a_plan_that_keeps_the_rules(noisy_machine, fixes, random, at_once):
    speeds = {}

    def speed(combination):
        return speeds.setdefault(combination, random.uniform(0.6, 1.6)) if combination else 1.0

    machine = noisy_machine.NoisyMachine(1, noise=0.01, drift=0.0, stall_rate=0.0)
    broken = frozenset(random.sample("abcde", 2))
    measure = Simulated(machine, speed, failures={broken: "no"})
    plan = find_plan(fixes, measure, at_once=at_once)

    by_id = {each.id: each for each in fixes}
    chosen = plan.variant.fixes if plan.variant else ()
    assert len({by_id[each].group for each in chosen if by_id[each].group}) == sum(
        by_id[each].group is not None for each in chosen
    )
    assert not any(set(by_id[each].excludes) & (set(chosen) - {each}) for each in chosen)
    assert all(set(by_id[each].requires) <= set(chosen) for each in chosen)
    assert all(by_id[each].numerics != "lossy" for each in chosen)
    assert [by_id[each].order for each in chosen] == sorted(by_id[each].order for each in chosen)
    assert applied(plan) == set(chosen)
    assert [decision.id for decision in plan.decisions] == [each.id for each in fixes]
    assert all(decision.reason for decision in plan.decisions)
    if plan.variant:
        assert plan.speedup.low > 1
        assert plan.waterfall[-1].variant == plan.variant.id
        assert sorted(each for bar in plan.waterfall for each in bar.added) == sorted(chosen)
        assert not broken <= set(chosen)


def test_a_noisy_machine_without_gains_gives_an_empty_plan(noisy_machine):
    fixes = [fix(name) for name in "abcdef"]
    claimed = 0
    for seed in range(40):
        plan = find_plan(fixes, Simulated(noisy_machine.NoisyMachine(seed), lambda _: 1.0))
        claimed += plan.variant is not None
    assert claimed <= 2


def test_a_noisy_machine_with_gains_finds_them(noisy_machine):
    truth = product(a=1.15, b=1.25, c=0.85, d=1.0)
    fixes = [fix(name) for name in "abcd"]
    true_gains = []
    for seed in range(20):
        plan = find_plan(fixes, Simulated(noisy_machine.NoisyMachine(seed), truth))
        true_gains.append(truth(plan.variant.fixes) if plan.variant else 1.0)
    assert sum(gain >= 1.25 for gain in true_gains) >= 18
    assert min(true_gains) >= 1.0


def test_fixes_that_require_each_other_are_told_of_as_one(calm):
    measure = Simulated(calm, product(a=1.1, b=1.0, c=0.8, d=1.0))
    fixes = [fix("a", requires=("b",)), fix("b", requires=("a",)), fix("c", requires=("d",)), fix("d", requires=("c",))]
    plan = find_plan(fixes, measure)
    assert applied(plan) == {"a", "b"}
    assert reasons(plan)["b"] == "timed as one with a"
    assert reasons(plan)["d"].startswith("timed as one with c: slower: ")
    gains = {decision.id: decision.gain for decision in plan.decisions}
    assert gains["a"] == gains["b"] != gains["c"] == gains["d"]
    assert [variant.id for variant in measure.asked[0].variants[2:]] == ["a+b", "c+d"]


def test_in_short_the_ladder_goes_to_the_proof_at_once(calm):
    measure = Simulated(calm, product(a=1.1, b=1.3, c=0.85))
    plan = find_plan([fix(name) for name in "abc"], measure, in_short=True)
    assert [batch.purpose for batch in measure.asked] == ["alone", "proof"]
    assert plan.variant.fixes == ("a", "b")
    assert plan.proven_apart
    assert plan.speedup.median == pytest.approx(1.43, rel=0.02)


def test_in_short_a_step_that_spoils_the_others_is_left_out_by_the_proof(calm):
    def speed(fixes):
        return {frozenset(): 1.0, frozenset("a"): 1.3, frozenset("b"): 1.2}.get(fixes, 0.9)

    plan = find_plan([fix("a"), fix("b")], Simulated(calm, speed), in_short=True)
    assert plan.variant.fixes == ("a",)


def test_in_short_a_step_that_breaks_the_set_is_left_out_and_the_rest_measured(calm):
    measure = Simulated(calm, product(a=1.3, b=1.2, c=1.1), failures={frozenset("ab"): "they clash"})
    plan = find_plan([fix(name) for name in "abc"], measure, in_short=True)
    assert plan.variant.fixes == ("a", "c")
    assert reasons(plan)["b"] == "failed to apply: they clash"


def test_in_short_a_step_that_is_shown_to_slow_the_fastest_set_is_out_and_the_rest_proven_anew(calm):
    def speed(fixes):
        return product(a=1.3, b=1.25, c=1.2)(fixes) * (0.75 if {"a", "b"} <= fixes else 1.0)

    measure = Simulated(calm, speed)
    plan = find_plan([fix(name) for name in "abc"], measure, in_short=True)
    assert [batch.purpose for batch in measure.asked] == ["alone", "proof", "proof"]
    assert plan.variant.fixes == ("a", "c")
    assert reasons(plan)["b"].startswith("slower on top of a: 0.93")
    assert plan.proven_apart
    assert plan.speedup.median == pytest.approx(1.56, rel=0.02)


def test_in_short_nothing_is_proven_anew_where_the_fastest_set_lies_below_the_slow_step(calm):
    def speed(fixes):
        return {frozenset(): 1.0, frozenset("a"): 1.3, frozenset("b"): 1.2}.get(fixes, 1.1)

    measure = Simulated(calm, speed)
    assert find_plan([fix("a"), fix("b")], measure, in_short=True).variant.fixes == ("a",)
    assert [batch.purpose for batch in measure.asked] == ["alone", "proof"]


def test_in_short_a_slow_step_stays_in_its_place_where_the_time_is_up(calm):
    def speed(fixes):
        return product(a=1.3, b=1.25, c=1.2)(fixes) * (0.75 if {"a", "b"} <= fixes else 1.0)

    plan = find_plan([fix(name) for name in "abc"], Simulated(calm, speed, batches=2), in_short=True)
    assert plan.variant.fixes == ("a", "b", "c")
    assert reasons(plan)["b"].startswith("kept, a gain not shown by itself: 0.93")
