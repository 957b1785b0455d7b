"""How often the comparison claims a difference where there is none, and how often it finds one that is there.

    python benchmarks/false_claims.py [--experiments 1000]

Simulated with the functions that the audit itself uses (schedule, rounds, interval, verdict, plan), on the machine of
noisy_machine.py. The tables of docs/statistics.md come from here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from noisy_machine import NoisyMachine, fixed_order
from scipy import stats

from sdprof.comparison.interval import hodges_lehmann, student_t
from sdprof.comparison.plan import find_plan
from sdprof.comparison.plan_structs import Batch, Measured
from sdprof.comparison.signed_rank import walsh_rank
from sdprof.comparison.verdict import judge
from sdprof.model import FixMeta

CONFIDENCE = 0.95
ROUNDS = (4, 5, 6, 7, 8, 10, 12, 15, 20, 30)
GAINS = (0.0, 0.05, 0.10, 0.20)
CLAIMS = ("t", "hodges-lehmann", "bootstrap", "interval", "verdict")
"""The three intervals by themselves; the one that the audit takes at this number of rounds; that and the control."""
RESAMPLES = 500


def claims(seed: int, *, rounds: int, gain: float) -> dict[str, bool | None]:
    """Who claims a difference in one experiment; None where there is no interval."""
    truth = {"baseline": 1.0, "candidate": 1.0 / (1.0 + gain), "control": 1.0}
    machine = NoisyMachine(seed)
    times = machine.measure(truth, rounds)
    pairs = times.pairs("baseline", "candidate")
    log_ratios = np.log(pairs.baseline) - np.log(pairs.candidate)
    control = times.pairs("baseline", "control").interval()

    _, t_low, t_high = student_t(log_ratios, CONFIDENCE)
    rank_claims = None
    if walsh_rank(rounds, CONFIDENCE):
        _, low, high = hodges_lehmann(log_ratios, CONFIDENCE)
        rank_claims = not low <= 0 <= high
    resampled = np.median(log_ratios[machine.rng.integers(0, rounds, (RESAMPLES, rounds))], axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    speedup = pairs.interval()
    return {
        "t": not t_low <= 0 <= t_high,
        "hodges-lehmann": rank_claims,
        "bootstrap": not low <= 0 <= high,
        "interval": judge(speedup, None).verdict != "not-shown",
        "verdict": judge(speedup, control).verdict != "not-shown",
    }


def rates(results: Sequence[dict[str, bool | None]]) -> dict[str, float | None]:
    """Share of the experiments in which each of them claimed a difference."""
    return {
        who: None if results[0][who] is None else sum(bool(result[who]) for result in results) / len(results)
        for who in CLAIMS
    }


def blocks_claim(seed: int, *, runs: int) -> bool:
    """Whether two blocks of runs, one after the other and equally fast, differ by Mann and Whitney's test."""
    machine = NoisyMachine(seed)
    times = machine.measure({"only": 1.0}, 2 * runs).seconds("only")
    return bool(stats.mannwhitneyu(times[:runs], times[runs:]).pvalue < 1 - CONFIDENCE)


def bench_claims(seed: int, *, rounds: int, gain: float) -> dict[str, bool]:
    """Who claims that the last of five configurations differs from the first, in the fixed order of a bench."""
    truth = {"A": 1.0, "B": 1.0, "C": 1.0, "D": 1.0, "E": 1.0 / (1.0 + gain), "A again": 1.0}
    times = NoisyMachine(seed).measure(truth, rounds, order=fixed_order)
    speedup, control = times.pairs("A", "E").interval(), times.pairs("A", "A again").interval()
    return {
        "interval": judge(speedup, None).verdict != "not-shown",
        "verdict": judge(speedup, control).verdict != "not-shown",
    }


def plan_gain(seed: int, *, gains: Sequence[float], choosing: int, proving: int) -> float | None:
    """True speed of the set that the plan chooses; None where it is empty."""
    machine = NoisyMachine(seed)
    speed = {f"fix{index}": 1.0 + gain for index, gain in enumerate(gains)}

    def true_speed(fixes: Sequence[str]) -> float:
        return float(np.prod([speed[fix] for fix in fixes]))

    def measure(batch: Batch) -> Measured:
        truth = {variant.id: 1 / true_speed(variant.fixes) for variant in batch.variants}
        return Measured(times=machine.measure(truth, proving if batch.purpose == "proof" else choosing))

    fixes = [FixMeta(id=fix, title=fix, kind="module", numerics="exact") for fix in speed]
    plan = find_plan(fixes, measure)
    return true_speed(plan.variant.fixes) if plan.variant else None


def percent(share: float | None) -> str:
    """A share for the table."""
    return "–" if share is None else f"{share:.1%}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000, help="per cell; plans take a quarter of it")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.experiments)
    with ProcessPoolExecutor(options.processes) as pool:

        def repeat(experiment: partial, times: range = seeds) -> list:
            return list(pool.map(experiment, times, chunksize=25))

        for gain in GAINS:
            print(f"\nclaims at a true gain of {gain:.0%}, {options.experiments} experiments a cell\n")
            print(f"| rounds | {' | '.join(CLAIMS)} |\n|{'---|' * (len(CLAIMS) + 1)}")
            for rounds in ROUNDS:
                found = rates(repeat(partial(claims, rounds=rounds, gain=gain)))
                print(f"| {rounds} | {' | '.join(percent(found[who]) for who in CLAIMS)} |", flush=True)

        print("\nfalse claims of two blocks of runs, one after the other (Mann-Whitney)\n")
        for runs in (10, 20):
            print(f"{runs} runs each: {percent(float(np.mean(repeat(partial(blocks_claim, runs=runs)))))}")

        print("\nclaims of a bench: five configurations in a fixed order, the last against the first\n")
        print("| rounds | interval: false | verdict: false | interval / verdict finds 5% | 10% | 20% |")
        print("|---|---|---|---|---|---|")
        for rounds in ROUNDS:
            by_gain = [repeat(partial(bench_claims, rounds=rounds, gain=gain)) for gain in GAINS]
            told = [
                tuple(percent(float(np.mean([one[who] for one in found]))) for who in ("interval", "verdict"))
                for found in by_gain
            ]
            cells = [*told[0], *(" / ".join(pair) for pair in told[1:])]
            print(f"| {rounds} | {' | '.join(cells)} |", flush=True)

        print(f"\nplans, {len(seeds[::4])} searches a row; chosen in 5 rounds, proven in the number shown\n")
        print(
            "| true gains of the fixes | rounds of the proof | plans | mean true speed of the plan | of the best set |"
        )
        print("|---|---|---|---|---|")
        for gains in ((0.0,) * 6, (0.05, 0.0, 0.0, 0.0), (0.10, 0.05, 0.0, -0.10), (0.25, 0.10, 0.05, 0.0, -0.15)):
            best = np.prod([1 + gain for gain in gains if gain > 0])
            for proving in (8, 12, 20):
                plans = repeat(partial(plan_gain, gains=gains, choosing=5, proving=proving), seeds[::4])
                made = [plan for plan in plans if plan is not None]
                speed = float(np.mean([plan or 1.0 for plan in plans]))
                named = ", ".join(f"{gain:+.0%}" if gain else "0" for gain in gains)
                print(
                    f"| {named} | {proving} | {percent(len(made) / len(plans))} | {speed:.3f} | {best:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
