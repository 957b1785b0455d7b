"""Runs the installed ``sdprof`` command, as a user does."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sdprof.collectors.registry import COLLECTOR_MODULES

SDPROF = Path(sys.executable).with_name("sdprof")
Command = Callable[..., subprocess.CompletedProcess[str]]
"""What the fixture ``command`` is: ``command("audit", "--target", …)``."""
ONE_CORE = {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def sdprof(
    *arguments: str | Path, cwd: Path, largest_file_bytes: int | None = None, seconds: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run to the end; the exit code and what was printed are the answer."""

    def limit() -> None:
        if largest_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))

    return subprocess.run(
        [SDPROF, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **ONE_CORE, **environment},
        timeout=seconds,
        preexec_fn=limit,
    )


def all_but(*collectors: str) -> list[str]:
    """Options that leave out all other collectors."""
    return [word for name in COLLECTOR_MODULES if name not in collectors for word in ("--skip", name)]


def sentence_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on standard error with which a failed command ends; nothing there may look like a traceback."""
    assert "Traceback" not in done.stderr + done.stdout
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("sdprof: ")]
    assert done.stderr.rstrip().endswith(sentence)
    return sentence.removeprefix("sdprof: ")
