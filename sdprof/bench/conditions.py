"""What else the machine does, looked at while every worker is idle."""

from __future__ import annotations

import os
import shutil
import subprocess

import psutil

from sdprof.model.bench import RoundConditions

LOOK_SECONDS = 0.2
NVIDIA_SMI_SECONDS = 10.0
NO_THROTTLING = ("Not Active", "0x0000000000000000", "[N/A]", "")
IDLE = "0x0000000000000001"
"""A GPU that has nothing to do lowers its clock: that is no complaint."""


def look(round_index: int, device: str) -> RoundConditions:
    """Load, clocks and temperature now.

    :param device: where the workers compute: cpu, cuda, cuda:1.
    """
    busy = psutil.cpu_percent(LOOK_SECONDS) / 100 * (os.cpu_count() or 1)
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    mhz, celsius, throttled = _gpu(device) if device.startswith("cuda") else (None, None, "")
    return RoundConditions(
        round=round_index,
        other_busy_cores=round(busy, 2),
        load_average=round(os.getloadavg()[0], 2),
        cpu_mhz=frequency.current if frequency is not None and frequency.current > 0 else None,
        gpu_mhz=mhz,
        gpu_celsius=celsius,
        gpu_throttled=throttled,
    )


def gpu_memory_bytes(device: str) -> int | None:
    """All memory of the GPU; None where nvidia-smi does not say."""
    words = _ask(device, "memory.total")
    return int(float(words[0]) * 2**20) if words else None


def _gpu(device: str) -> tuple[float | None, float | None, str]:
    """Clock, temperature and throttling."""
    words = _ask(device, "clocks.sm,temperature.gpu,clocks_throttle_reasons.active")
    if words is None:
        return None, None, ""
    clock, heat, reason = words
    try:
        return float(clock), float(heat), "" if reason in (*NO_THROTTLING, IDLE) else f"reason {reason}"
    except ValueError:
        return None, None, ""


def _ask(device: str, what: str) -> tuple[str, ...] | None:
    """What nvidia-smi says of the GPU; None where there is no such program, or it says something else."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [
        program,
        f"--id={device.partition(':')[2] or 0}",
        f"--query-gpu={what}",
        "--format=csv,noheader,nounits",
    ]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    words = tuple(word.strip() for word in said.strip().split(","))
    return words if len(words) == len(what.split(",")) else None
