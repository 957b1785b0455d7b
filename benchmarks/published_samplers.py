"""Which share of the copies and waits per step falls in samplers of the package index, and whether the bits stay.

    python benchmarks/published_samplers.py                  # every sampler in benchmarks/published
    python benchmarks/published_samplers.py azula boltz      # these alone
    python benchmarks/published_samplers.py azula --watch    # only what their loops copy and wait for, nothing cured

Each folder of ``benchmarks/published`` names a wheel by its hash (``fetched_code.txt``, fetched once, nothing of it
installed) and has a ``samplers.py`` that calls the package's own samplers around a small network. A loop is watched on
the simulated CUDA device, cured by the source fixes as an audit does, and run again; then the rewritten text and the
original run for other callers, too: other steps, batches and flags. Counts, not times: other load does not matter.

What recurs is counted: the events of an expression that copies or waits in more than one step. What is met once (a
table copied when it is first seen) adds nothing to a step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

PUBLISHED = HERE / "published"
STEPS = 5
SECONDS = 1800
"""What the settings of one package may take together."""


def main() -> None:
    """Measure each package in a process of its own; print a row for each setting, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", help="folders of benchmarks/published; all without any")
    parser.add_argument("--setting", help="one setting of the package alone, told in full")
    parser.add_argument("--watch", action="store_true", help="run the loops, cure nothing")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.in_process:
        measure(asked.packages[0], asked.setting, watch=asked.watch)
        return
    folders = asked.packages or sorted(each.parent.name for each in PUBLISHED.glob("*/samplers.py"))
    print("| package | setting | before | after | share | same bits | other callers |\n|---|---|---|---|---|---|---|")
    rows: list[dict[str, Any]] = []
    for name in folders:
        for row in _measured_apart(name, asked.setting, watch=asked.watch):
            rows.append(row)
            print(_told(row), flush=True)
    _sum_up([row for row in rows if "fault" not in row])


def measure(name: str, only: str | None, *, watch: bool) -> None:
    """Print a line of JSON for each setting of one package."""
    from published_loading import Package

    warnings.simplefilter("ignore")
    package = Package(PUBLISHED / name)
    for setting in package.settings():
        if only is None or setting == only:
            try:
                explain = only is not None
                row = package.watched(setting, STEPS) if watch else package.cured(setting, STEPS, explain=explain)
            except Exception as error:  # noqa: BLE001 - told in its row; the other settings go on
                traceback.print_exc()
                row = {"fault": f"{type(error).__name__}: {error}"[:200]}
            print(json.dumps({"package": name, "setting": setting, **row}), flush=True)


def _measured_apart(name: str, only: str | None, *, watch: bool) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, "--in-process", name, *(["--setting", only] if only else [])]
    command += ["--watch"] if watch else []
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
        output, fault = done.stdout, f"ended with {done.returncode}" if done.returncode else None
    except subprocess.TimeoutExpired as stopped:
        output = stopped.stdout.decode() if isinstance(stopped.stdout, bytes) else stopped.stdout or ""
        fault = f"took more than {SECONDS} s"
    rows = [json.loads(line) for line in output.splitlines() if line.startswith('{"package"')]
    return rows + ([{"package": name, "setting": "", "fault": fault}] if fault else [])


def _told(row: Mapping[str, Any]) -> str:
    if "fault" in row:
        return f"| {row['package']} | {row['setting']} | {row['fault']} | | | | |"
    before, after = row["recurring_before"], row["recurring_after"]
    share = f"{1 - after / before:.0%}" if before else ""
    others = f"{row['others_same']} of {row['others']}"
    told = f"| {row['package']} | {row['setting']} | {before} | {after} | {share} | {row['same_bits']} | {others} |"
    return "\n".join([told, *(f"    {line}" for line in row.get("explained", []))])


def _sum_up(rows: list[dict[str, Any]]) -> None:
    with_events = [row for row in rows if row["recurring_before"]]
    before = sum(row["recurring_before"] for row in with_events)
    after = sum(row["recurring_after"] for row in with_events)
    cured = sum(row["recurring_after"] <= 0.05 * row["recurring_before"] for row in with_events)
    print(
        f"\n{len(rows)} settings, {len(with_events)} with events that recur: {before} before, {after} after"
        f"{f' ({1 - after / before:.1%} fell)' if before else ''}; {cured} of {len(with_events)} lost 95% or more. "
        f"Same bits in {sum(row['same_bits'] for row in rows)} of {len(rows)}; "
        f"other callers the same in {sum(row['others_same'] for row in rows)} of {sum(row['others'] for row in rows)}."
    )


if __name__ == "__main__":
    main()
