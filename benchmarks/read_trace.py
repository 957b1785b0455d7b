"""How fast a 200 MB trace is read and analysed, beside torch-tb-profiler and HolisticTraceAnalysis.

    tox -e trace-speed
    python benchmarks/read_trace.py [--golden a100_train_control] [--megabytes 200] [--hta-python PYTHON] [--rounds 3]

Replicates a golden trace, one copy after another in time, to a plain JSON file of the wanted size; then reads it with
each tool in a process of its own, one tool at a time, and prints seconds (CPU and wall), peak memory and ratios; what
a tool's own child processes take is added to it.
HolisticTraceAnalysis is not among sdprof's test dependencies: tox installs it, or name a Python that has it; else it is
left out.

Each tool does its own work, which is not the same: sdprof computes every fact of docs/traces.md; torch-tb-profiler
parses and processes the run for its views; HolisticTraceAnalysis parses and computes its temporal, kernel, idle,
launch, bandwidth, queue and overlap breakdowns.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "traces"
IDS = ("External id", "correlation", "Python id", "Python parent id")
ID_STRIDE = 10_000_000
GAP_US = 1000

TIMER = """
import gc, json, resource, sys, time
{imports}
path = sys.argv[1]
wall, cpu = time.perf_counter(), time.process_time()
{work}
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps(dict(
    wall_seconds=time.perf_counter() - wall,
    cpu_seconds=time.process_time() - cpu + children.ru_utime + children.ru_stime,
    peak_bytes=(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + children.ru_maxrss) * 1024,
)))
"""
SDPROF = TIMER.format(
    imports="from sdprof.facts.trace import read_trace, trace_report",
    work="trace_report(read_trace(path))",
)
TB_PROFILER = TIMER.format(
    imports="from torch_tb_profiler.profiler.data import RunProfileData",
    work="""
data = RunProfileData.parse("worker", "span", path, sys.argv[2])
data.process()
data.analyze()
""",
)
HTA = TIMER.format(
    imports="from hta.trace_analysis import TraceAnalysis",
    work="""
analysis = TraceAnalysis(trace_files={0: path}, trace_dir=sys.argv[2])
for breakdown in (
    "get_temporal_breakdown", "get_gpu_kernel_breakdown", "get_idle_time_breakdown", "get_cuda_kernel_launch_stats",
    "get_comm_comp_overlap",
):
    getattr(analysis, breakdown)(visualize=False)
analysis.get_memory_bw_summary()
analysis.get_queue_length_summary()
""",
)


def main() -> None:
    """Makes the file, runs the tools, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", default="a100_train_control", help="golden trace to replicate")
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--hta-python", help="a Python interpreter that has HolisticTraceAnalysis")
    parser.add_argument("--rounds", type=int, default=1, help="the tools run in turn, this often; medians count")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        events = replicate(GOLDEN / f"{options.golden}.json.gz", path, options.megabytes * 1_000_000)
        print(f"{options.golden} replicated: {path.stat().st_size / 1e6:.0f} MB, {events} events")
        tools = {"sdprof": (sys.executable, SDPROF), "torch-tb-profiler": (sys.executable, TB_PROFILER)}
        hta_python = options.hta_python or (sys.executable if importlib.util.find_spec("hta") else None)
        if hta_python:
            tools["HolisticTraceAnalysis"] = (hta_python, HTA)
        else:
            print("HolisticTraceAnalysis: left out; pass --hta-python")
        runs: dict[str, list[dict[str, float]]] = {tool: [] for tool in tools}
        for _ in range(options.rounds):
            for tool, (python, program) in tools.items():
                runs[tool].append(measured(python, program, path))
        own = medians(runs["sdprof"])
        for tool, found in runs.items():
            print(line(tool, medians(found), own))


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def replicate(source: Path, target: Path, size: int) -> int:
    """Writes about ``size`` bytes of copies of a trace, shifted in time and with their own ids; returns the events."""
    document = json.loads(gzip.decompress(source.read_bytes()))
    events = document.pop("traceEvents")
    timed = [event for event in events if event.get("ph") == "X" and event.get("cat") != "Trace"]
    span = max(event["ts"] + event["dur"] for event in timed) - min(event["ts"] for event in timed) + GAP_US
    written = 0
    with target.open("w") as file:
        file.write("{\n")
        file.writelines(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in document.items())
        file.write('  "traceEvents": [')
        copy, copies = 0, 1
        while copy < copies:
            for event in events:
                if copy and (event.get("ph") == "M" or event.get("cat") == "Trace"):
                    continue
                file.write(",\n  " if written else "\n  ")
                file.write(as_kineto_prints(shifted(event, copy, span)))
                written += 1
            copy += 1
            copies = max(1, round(size * copy / file.tell()))
        file.write("\n  ]\n}\n")
    return written


def shifted(event: dict[str, Any], copy: int, span: float) -> dict[str, Any]:
    """The event as it would be in the ``copy``-th repetition."""
    event = dict(event, ts=event["ts"] + copy * span)
    if "id" in event:
        event["id"] += copy * ID_STRIDE
    arguments = dict(event.get("args") or {})
    for name in IDS:
        if isinstance(arguments.get(name), int):
            arguments[name] += copy * ID_STRIDE
    return event | {"args": arguments} if arguments else event


def as_kineto_prints(event: dict[str, Any]) -> str:
    """Kineto breaks lines around the arguments."""
    arguments = event.pop("args", None)
    head = json.dumps(event)
    if arguments is None:
        return head
    return f'{head[:-1]},\n    "args": {{\n      {json.dumps(arguments)[1:-1]}\n    }}\n  }}'


def measured(python: str, program: str, path: Path) -> dict[str, float]:
    """Runs a tool in a process of its own."""
    done = subprocess.run(
        [python, "-c", program, str(path), str(path.parent)], check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def line(name: str, run: dict[str, float], own: dict[str, float]) -> str:
    """One row of the table; ratios are against sdprof."""
    return (
        f"{name:22} {run['cpu_seconds']:7.2f} s CPU ({run['cpu_seconds'] / own['cpu_seconds']:5.1f}x) "
        f"{run['wall_seconds']:7.2f} s wall ({run['wall_seconds'] / own['wall_seconds']:5.1f}x) "
        f"{run['peak_bytes'] / 1e6:6.0f} MB peak ({run['peak_bytes'] / own['peak_bytes']:4.1f}x)"
    )


if __name__ == "__main__":
    main()
