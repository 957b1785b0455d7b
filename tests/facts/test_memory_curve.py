"""Memory inside a step, from traces as Kineto writes them."""

import gzip
import json
from pathlib import Path

import pytest

from sdprof.facts.memory_curve import MOST_POINTS, memory_curve
from sdprof.facts.trace_file.trace_error import TraceError

TRACES = Path(__file__).parents[1] / "golden" / "traces"


def written(folder: Path, events: list[dict[str, object]], indent: int | None = None) -> Path:
    file = folder / "x.pt.trace.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"traceEvents": events}, indent=indent).encode()))
    return file


def step(number: int, start: float, duration: float) -> dict[str, object]:
    return {
        "ph": "X",
        "cat": "user_annotation",
        "name": f"ProfilerStep#{number}",
        "pid": 1,
        "tid": 1,
        "ts": start,
        "dur": duration,
    }


def memory(time: float, total: int, device: int = 0) -> dict[str, object]:
    arguments = {
        "Total Reserved": 0,
        "Total Allocated": total,
        "Bytes": 8,
        "Device Id": -1,
        "Device Type": device,
        "Addr": 1,
    }
    return {
        "ph": "i",
        "cat": "cpu_instant_event",
        "s": "t",
        "name": "[memory]",
        "pid": 1,
        "tid": 1,
        "ts": time,
        "args": arguments,
    }


@pytest.mark.parametrize("indent", [None, 2])
def test_the_last_step_alone_counts(tmp_path: Path, indent: int | None) -> None:
    events = [
        step(1, 0, 1000),
        step(2, 1000, 2000),
        memory(500, 7),
        memory(1000, 10),
        memory(1500, 30),
        memory(2999, 20),
        memory(3500, 99),
    ]
    curve = memory_curve(written(tmp_path, events, indent))
    assert curve is not None
    assert (curve.step, curve.step_ms, curve.device) == ("ProfilerStep#2", 2.0, "cpu")
    assert curve.milliseconds == (0.0, 0.5, 1.999)
    assert curve.bytes == (10, 30, 20)


def test_where_a_gpu_allocates_it_is_the_gpus(tmp_path: Path) -> None:
    curve = memory_curve(written(tmp_path, [step(0, 0, 10), memory(1, 5), memory(2, 50, device=1)]))
    assert curve is not None
    assert (curve.device, curve.bytes) == ("cuda", (50,))


def test_no_peak_is_lost_among_many_events(tmp_path: Path) -> None:
    events = [step(0, 0, 1e6), *(memory(n, n % 1000) for n in range(20_000)), memory(777_777, 123_456)]
    curve = memory_curve(written(tmp_path, events))
    assert curve is not None
    assert len(curve.bytes) <= MOST_POINTS
    assert max(curve.bytes) == 123_456
    assert list(curve.milliseconds) == sorted(curve.milliseconds)


def test_a_trace_without_steps_or_memory_has_no_curve(tmp_path: Path) -> None:
    assert memory_curve(written(tmp_path, [memory(1, 5)])) is None
    assert memory_curve(written(tmp_path, [step(0, 0, 10)])) is None


def test_a_recorded_trace_of_a_gpu_is_read() -> None:
    curve = memory_curve(TRACES / "h100_qwen.json.gz")
    assert curve is not None
    assert curve.device == "cuda"
    assert len(curve.bytes) > 10


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError):
        memory_curve(tmp_path / "none.json.gz")
