"""The article's five configurations, tiny, on the CPU."""

import importlib.util
from pathlib import Path

import pytest

from sdprof.bench.machine_file import read_bench
from sdprof.model.bench import CONTROL_ENTRY
from tests.command import sdprof

pytestmark = pytest.mark.slow
KERNELS = {
    "C": "aten::_scaled_dot_product_attention_math",
    "D": "aten::_scaled_dot_product_flash_attention_for_cpu",
    "E": "aten::_scaled_dot_product_flash_attention_for_cpu",
}


BATCH_SIZES = "1,2,4"


@pytest.mark.skipif(importlib.util.find_spec("xformers") is not None, reason="xFormers is installed")
def test_the_five_configurations(tmp_path: Path) -> None:
    done = sdprof(
        *("bench", "--target", "sd21", "--configs", "seed", "--batch-size", BATCH_SIZES, "--rounds", "3"),
        *("--size", "tiny", "--steps", "2", "--height", "32", "--width", "32", "--device", "cpu", "--out", "bench"),
        cwd=tmp_path,
        seconds=900,
    )
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "bench").glob("*.bench.json")
    machine = read_bench(file)
    assert [str(series.settings.batch_size) for series in machine.series] == BATCH_SIZES.split(",")
    for series in machine.series:
        assert [run.entry for run in series.runs] == ["A", "C", "D", "E", CONTROL_ENTRY] * 3
        assert not any(run.failure for run in series.runs)
        entries = {entry.configuration.id: entry for entry in series.entries}
        assert entries["B"].not_available.startswith("xFormers is not installed")
        assert series.summary is not None
        assert series.summary.reference == "A"
        for id, kernel in KERNELS.items():
            assert entries[id].parameters["attention_kernel"] == kernel
            assert entries[id].parity is not None
            assert entries[id].parity.passed, entries[id].parity.reason
        assert entries["E"].first_run_seconds > 2 * entries["D"].first_run_seconds  # it holds the compilation
    page = next((tmp_path / "bench").glob("*.html")).read_text()
    assert page.count('class="chart bench"') == len(machine.series)
