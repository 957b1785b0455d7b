"""Make the sample in reports/sample again: a quick audit of the built-in target.

python benchmarks/sample_report.py [ARGUMENTS OF sdprof audit …]     default: --target sd21-original --quick
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
    arguments = sys.argv[1:] or ["--target", "sd21-original", "--quick"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        subprocess.run([sys.executable, "-m", "sdprof", "audit", *arguments, "--out", str(out)], check=True)
        SAMPLE.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            shutil.copyfile(out / name, SAMPLE / name)
    print(f"Written to {SAMPLE}")


if __name__ == "__main__":
    main()
