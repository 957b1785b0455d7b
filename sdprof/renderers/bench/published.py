"""The published seconds, for the five GPUs that they are of.

Source: "Accelerated Stable Diffusion with PyTorch 2", PyTorch blog, January 2023 (pytorch.org/blog), its tables of
runtimes for batch sizes 1, 2 and 4: SD 2.1, 512 × 512, 50 PLMS steps, 2 iterations, compilation excluded. The A10 is
that of an AWS g5.4xlarge, which CUDA calls A10G.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("published_runtimes.csv")
GPUS = {"P100": r"\bP100\b", "T4": r"\bT4\b", "A10": r"\bA10G?\b", "V100": r"\bV100\b", "A100": r"\bA100\b"}
"""Column of the table, and what CUDA's name of the device holds."""


def published_gpu(device_name: str) -> str | None:
    """Which of the five GPUs this is, or None."""
    return next((gpu for gpu, pattern in GPUS.items() if re.search(pattern, device_name)), None)


def published_seconds(gpu: str, batch_size: int, configuration: str) -> float | None:
    """Seconds of two iterations, or None where there is no such entry."""
    return _table().get((batch_size, configuration, gpu))


@cache
def _table() -> dict[tuple[int, str, str], float]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {
            (int(row["batch_size"]), row["configuration"], gpu): float(row[gpu])
            for row in csv.DictReader(file)
            for gpu in GPUS
            if row[gpu]
        }
