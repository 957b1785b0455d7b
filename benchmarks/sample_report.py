"""Make the sample in reports/sample again: the default audit of the built-in target.

python benchmarks/sample_report.py [ARGUMENTS OF sdprof audit …]     default: --target sd21-original
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "reports" / "sample"
KEPT = ("audit.json", "report.html")
"""Traces and artifacts are megabytes that everybody can make."""


def main() -> None:
    """Run an audit and keep its page and its data."""
    arguments = sys.argv[1:] or ["--target", "sd21-original"]
    with tempfile.TemporaryDirectory() as folder:
        # From inside, so that the command in the report is one that anybody can repeat.
        call = [sys.executable, "-m", "sdprof", "audit", *arguments, "--out", "sample"]
        subprocess.run(call, check=True, cwd=folder)
        SAMPLE.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            shutil.copyfile(Path(folder) / "sample" / name, SAMPLE / name)
    print(f"Written to {SAMPLE}")


if __name__ == "__main__":
    main()
