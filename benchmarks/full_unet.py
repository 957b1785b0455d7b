"""The full-size UNet of Stable Diffusion 2.1 on a CPU: as published, with sdprof's fixes, and against diffusers.

    python benchmarks/full_unet.py [--rounds 8] [--size full] [--only VARIANT …] [--out FILE.md]

All variants run in one sitting, in turn, round by round, in a worker each; a run is one PLMS step, which is two UNet
calls at 32 × 32 latents, batch 1 with guidance. Ratios are paired by round, against the first variant of those that
run; the A/A controls are second workers of the same. Needs some 20 GB of memory for all variants together.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from safetensors.numpy import load_file

from sdprof.comparison.parity import compare_outputs
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.schedule import balanced_order
from sdprof.stages.measure import private_bytes
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import Launcher, launcher
from sdprof.worker.protocol import Build

REPOSITORY = Path(__file__).parents[1]
PUBLISHED = REPOSITORY / "targets" / "sd21_original" / "target.py"
DIFFUSERS = REPOSITORY / "benchmarks" / "rivals" / "diffusers_unet.py"
CALLS_PER_RUN = 2
PUBLISHED_FIXES = ("checkpoint-bypass", "inference-mode", "sdpa")
VARIANTS: dict[str, tuple[Path, tuple[str, ...]]] = {
    "published": (PUBLISHED, ()),
    "published again (A/A)": (PUBLISHED, ()),
    "sdpa": (PUBLISHED, ("sdpa",)),
    "sdpa, packed weights": (PUBLISHED, (*PUBLISHED_FIXES, "prepacked-weights")),
    "sdpa, winograd": (PUBLISHED, (*PUBLISHED_FIXES, "winograd-convolutions")),
    "sdpa, winograd, packed weights": (
        PUBLISHED,
        (*PUBLISHED_FIXES, "winograd-convolutions", "prepacked-weights"),
    ),
    "sdpa, openvino": (PUBLISHED, (*PUBLISHED_FIXES, "openvino")),
    "sdpa, openvino again (A/A)": (PUBLISHED, (*PUBLISHED_FIXES, "openvino")),
    "diffusers, eager": (DIFFUSERS, ()),
    "diffusers, compiled": (DIFFUSERS, ("compile",)),
    "diffusers, openvino": (DIFFUSERS, ("openvino",)),
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--size", default="full")
    parser.add_argument("--only", action="append", choices=VARIANTS, help="leave the other variants out; repeatable")
    parser.add_argument("--out", type=Path, default=None, help="also write the table to this file")
    arguments = parser.parse_args()
    names = [name for name in VARIANTS if name in (arguments.only or VARIANTS)]
    with tempfile.TemporaryDirectory() as folder, launcher() as nursery:
        table = measure(names, arguments.size, arguments.rounds, Path(folder), nursery)
    print(table)
    if arguments.out is not None:
        arguments.out.write_text(table + "\n")


def measure(names: list[str], size: str, rounds: int, folder: Path, nursery: Launcher) -> str:
    """Build all variants, time them in turn, and set out the result as a Markdown table."""
    workers: dict[str, Worker] = {}
    first_runs: dict[str, float] = {}
    failures: dict[str, str] = {}
    try:
        for name in names:
            worker = Worker(name=name, timeout_seconds=1800, launcher=nursery)
            try:
                first_runs[name] = prepare(worker, name, size, folder)
                workers[name] = worker
                print(f"ready: {name}, first run {first_runs[name]:.1f} s", flush=True)
            except WorkerError as error:
                worker.close()
                failures[name] = error.sentence
                print(f"failed: {error.sentence}", flush=True)
        times = RoundTimes()
        for round_index in range(rounds):
            for name in balanced_order(list(workers), round_index):
                times = times.with_run(round_index, name, workers[name].run().seconds)
            print(f"round {round_index + 1} of {rounds}", flush=True)
        memory = {name: private_bytes(worker.process_id) for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()
    return render(names, times, first_runs, memory, failures, folder)


def outputs_file(folder: Path, name: str) -> Path:
    """Where a variant's latents are kept; its name is no file name."""
    return folder / f"{list(VARIANTS).index(name)}.safetensors"


def prepare(worker: Worker, name: str, size: str, folder: Path) -> float:
    """Build a variant on the shared weights and warm it; seconds of its first run, compilation included."""
    target, fixes = VARIANTS[name]
    weights = folder / f"{target.parent.name}.safetensors"
    options = {"size": size, "steps": 1, "height": 256, "width": 256, "seed": 0, "device": "cpu"}
    built = worker.build(
        Build(
            target_file=str(target),
            target_name=None,
            options=options,
            fixes=fixes,
            weights_file=str(weights) if weights.exists() else None,
        )
    )
    if built.declined:
        raise WorkerError("fix", f"{name}: {' '.join(built.declined.values())}")
    if not weights.exists() and not fixes:  # weights that fixes have packed are not to be moved
        worker.save_weights(str(weights))
    first = worker.run(str(outputs_file(folder, name))).seconds
    worker.run()
    return first


def render(
    names: list[str],
    times: RoundTimes,
    first_runs: dict[str, float],
    memory: dict[str, int],
    failures: dict[str, str],
    folder: Path,
) -> str:
    """A row a variant."""
    lines = [
        f"| variant | s per UNet call, median | times as fast as {names[0]}, 95% | first run, s | own memory, GB | "
        "max difference of the latents |",
        "|---|---|---|---|---|---|",
    ]
    reference = load_file(outputs_file(folder, names[0]))
    for name in names:
        if name in failures:
            lines.append(f"| {name} | failed: {failures[name]} | | | | |")
            continue
        seconds = sorted(times.seconds(name))
        speedup = times.pairs(names[0], name).interval() if name != names[0] else None
        ratio = f"{speedup.median:.2f} [{speedup.low:.2f}, {speedup.high:.2f}]" if speedup is not None else "1"
        parity = compare_outputs(reference, load_file(outputs_file(folder, name)), numerics="rounding")
        lines.append(
            f"| {name} | {seconds[len(seconds) // 2] / CALLS_PER_RUN:.2f} | {ratio} | {first_runs[name]:.1f} | "
            f"{memory[name] / 1e9:.1f} | {parity.max_rel_diff:.1e} |"
        )
    return "\n".join([*lines, "", *against_rivals(names, times)])


def against_rivals(names: list[str], times: RoundTimes) -> list[str]:
    """What is sdprof's against what is diffusers', round by round."""
    lines = ["| variant | as fast as | times, 95%, paired by round |", "|---|---|---|"]
    for own in (name for name in names if name.startswith("sdpa")):
        for rival in (name for name in names if name.startswith("diffusers")):
            ratio = times.pairs(rival, own).interval()
            if ratio is not None:
                lines.append(f"| {own} | {rival} | {ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}] |")
    return lines


if __name__ == "__main__":
    main()
