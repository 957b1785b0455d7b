"""What an audit costs beside running the loop: start-up of workers, bookkeeping and rendering, as a share of its time.

python benchmarks/audit_overhead.py [ARGUMENTS OF sdprof audit …]     default: --target sd21-original
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sdprof.renderers.read_audit import read_audit


def main() -> None:
    """Run one audit and set out where its time went."""
    arguments = sys.argv[1:] or ["--target", "sd21-original"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "sdprof", "audit", *arguments, "--out", str(out)], check=True)
        wall_seconds = time.perf_counter() - started
        result = read_audit(out)
    booked = sum(entry.seconds for entry in result.own_time)
    overhead = sum(entry.seconds for entry in result.own_time if entry.overhead) + wall_seconds - booked
    print("\n| stage | s | of the whole | overhead |\n|---|---|---|---|")
    for entry in sorted(result.own_time, key=lambda entry: -entry.seconds):
        mark = "yes" if entry.overhead else ""
        print(f"| {entry.stage} | {entry.seconds:.1f} | {entry.seconds / wall_seconds:.1%} | {mark} |")
    print(f"| not booked | {wall_seconds - booked:.1f} | {(wall_seconds - booked) / wall_seconds:.1%} | yes |")
    print(f"\n{wall_seconds:.0f} s in all, {overhead / wall_seconds:.1%} of it overhead")


if __name__ == "__main__":
    main()
