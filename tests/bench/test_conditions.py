"""What is read of the machine before a round."""

from pathlib import Path

import pytest

from sdprof.bench.conditions import gpu_memory_bytes, look


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that answers what the file beside it holds."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/answer\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "answer"


@pytest.mark.parametrize(
    ("answer", "mhz", "celsius", "throttled"),
    [
        ("1410, 63, 0x0000000000000000\n", 1410.0, 63.0, ""),
        ("210, 35, 0x0000000000000001\n", 210.0, 35.0, ""),
        ("1005, 84, 0x0000000000000020\n", 1005.0, 84.0, "reason 0x0000000000000020"),
        ("[N/A], [N/A], [N/A]\n", None, None, ""),
        ("No devices were found\n", None, None, ""),
    ],
)
def test_the_gpu(nvidia_smi: Path, answer: str, mhz: float | None, celsius: float | None, throttled: str) -> None:
    nvidia_smi.write_text(answer)
    seen = look(3, "cuda:1")
    assert (seen.round, seen.gpu_mhz, seen.gpu_celsius, seen.gpu_throttled) == (3, mhz, celsius, throttled)
    assert "--id=1" in nvidia_smi.with_name("asked").read_text()


def test_the_memory_of_the_gpu(nvidia_smi: Path) -> None:
    nvidia_smi.write_text("15360\n")
    assert gpu_memory_bytes("cuda") == 15360 * 2**20


def test_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory_bytes("cuda") is None
    seen = look(0, "cpu")
    assert seen.gpu_mhz is None
    assert seen.other_busy_cores is not None
    assert seen.other_busy_cores >= 0
