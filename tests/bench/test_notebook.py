"""docs/benchmark.ipynb, its second cell run as it stands but for the size."""

import json
import os
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from tests.command import SDPROF

NOTEBOOK = Path(__file__).parents[2] / "docs" / "benchmark.ipynb"
SMALLER = " --size tiny --steps 1 --height 64 --width 64 --n-iter 1 --device cpu --threads 1"


def code_cells() -> list[str]:
    return [
        "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"
    ]


@pytest.mark.slow
def test_the_second_cell_runs_the_bench_and_shows_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{SDPROF.parent}{os.pathsep}{os.environ['PATH']}")
    install, bench = code_cells()
    assert install.startswith("%pip install")
    full = "--batch-size 1,2,4 --rounds 10"
    assert full in bench
    shell = InteractiveShell.instance()
    with capture_output() as shown:
        result = shell.run_cell(bench.replace(full, f"--batch-size 1 --rounds 1{SMALLER}"))
    result.raise_error()
    (table,) = [each.data["text/markdown"] for each in shown.outputs if "text/markdown" in each.data]
    for configuration in (
        "| A | original without xFormers |",
        "| E | optimised, memory-efficient attention, compiled |",
    ):
        assert configuration in table
    assert Path(result.result.src).is_file()
