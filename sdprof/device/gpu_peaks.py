"""Published peak figures of GPUs that people run samplers on: what a roofline prediction rests on.

Dense figures (without sparsity) at boost clock, from NVIDIA's data sheets and architecture white papers. They are upper
bounds: no kernel reaches them all the time.
"""

from __future__ import annotations

import msgspec

GIB = 1 << 30
MIB = 1 << 20


class GpuPeaks(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU."""

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    memory_bytes: int
    l2_cache_bytes: int
    bytes_per_second: float
    """Peak memory bandwidth."""
    float32_flops: float
    """Peak operations per second outside tensor cores."""
    tf32_flops: float | None
    float16_flops: float
    """Peak with float16 inputs on tensor cores, float32 accumulation (float16 on the V100 and T4)."""
    bfloat16_flops: float | None
    """None where the hardware has no bfloat16 matrix units."""
    source: str

    def flops_per_second(self, dtype: str) -> float:
        """Peak for matrix products on inputs of a dtype (``float16`` …); other types count as float32."""
        if dtype == "float16":
            return self.float16_flops
        if dtype == "bfloat16" and self.bfloat16_flops is not None:
            return self.bfloat16_flops
        return self.float32_flops


GPUS: dict[str, GpuPeaks] = {
    "T4": GpuPeaks(
        name="Tesla T4",
        capability=(7, 5),
        multiprocessors=40,
        memory_bytes=16 * GIB,
        l2_cache_bytes=4 * MIB,
        bytes_per_second=320e9,
        float32_flops=8.1e12,
        tf32_flops=None,
        float16_flops=65e12,
        bfloat16_flops=None,
        source="NVIDIA T4 Tensor Core GPU datasheet (2019)",
    ),
    "V100": GpuPeaks(
        name="Tesla V100-SXM2-32GB",
        capability=(7, 0),
        multiprocessors=80,
        memory_bytes=32 * GIB,
        l2_cache_bytes=6 * MIB,
        bytes_per_second=900e9,
        float32_flops=15.7e12,
        tf32_flops=None,
        float16_flops=125e12,
        bfloat16_flops=None,
        source="NVIDIA V100 Tensor Core GPU datasheet (2020), SXM2",
    ),
    "A10": GpuPeaks(
        name="NVIDIA A10",
        capability=(8, 6),
        multiprocessors=72,
        memory_bytes=24 * GIB,
        l2_cache_bytes=6 * MIB,
        bytes_per_second=600e9,
        float32_flops=31.2e12,
        tf32_flops=62.5e12,
        float16_flops=125e12,
        bfloat16_flops=125e12,
        source="NVIDIA A10 Tensor Core GPU datasheet (2021)",
    ),
    "A100": GpuPeaks(
        name="NVIDIA A100-SXM4-80GB",
        capability=(8, 0),
        multiprocessors=108,
        memory_bytes=80 * GIB,
        l2_cache_bytes=40 * MIB,
        bytes_per_second=2039e9,
        float32_flops=19.5e12,
        tf32_flops=156e12,
        float16_flops=312e12,
        bfloat16_flops=312e12,
        source="NVIDIA A100 Tensor Core GPU datasheet (2021), 80GB SXM",
    ),
    "H100": GpuPeaks(
        name="NVIDIA H100 80GB HBM3",
        capability=(9, 0),
        multiprocessors=132,
        memory_bytes=80 * GIB,
        l2_cache_bytes=50 * MIB,
        bytes_per_second=3350e9,
        float32_flops=67e12,
        tf32_flops=494.7e12,
        float16_flops=989.4e12,
        bfloat16_flops=989.4e12,
        source="NVIDIA H100 Tensor Core GPU datasheet (2023), SXM; halved to dense",
    ),
    "H200": GpuPeaks(
        name="NVIDIA H200",
        capability=(9, 0),
        multiprocessors=132,
        memory_bytes=141 * 10**9,
        l2_cache_bytes=50 * MIB,
        bytes_per_second=4800e9,
        float32_flops=67e12,
        tf32_flops=494.7e12,
        float16_flops=989.4e12,
        bfloat16_flops=989.4e12,
        source="NVIDIA H200 Tensor Core GPU datasheet (2024), SXM; halved to dense",
    ),
    "L4": GpuPeaks(
        name="NVIDIA L4",
        capability=(8, 9),
        multiprocessors=58,
        memory_bytes=24 * GIB,
        l2_cache_bytes=48 * MIB,
        bytes_per_second=300e9,
        float32_flops=30.3e12,
        tf32_flops=60e12,
        float16_flops=121e12,
        bfloat16_flops=121e12,
        source="NVIDIA L4 Tensor Core GPU datasheet (2023); halved to dense",
    ),
    "RTX 4090": GpuPeaks(
        name="NVIDIA GeForce RTX 4090",
        capability=(8, 9),
        multiprocessors=128,
        memory_bytes=24 * GIB,
        l2_cache_bytes=72 * MIB,
        bytes_per_second=1008e9,
        float32_flops=82.6e12,
        tf32_flops=82.6e12,
        float16_flops=165.2e12,
        bfloat16_flops=165.2e12,
        source="NVIDIA Ada GPU Architecture white paper (2022), FP32 accumulation",
    ),
}


def find_gpu(name: str) -> GpuPeaks:
    """Look a GPU up by its short name, in any case.

    :raises ValueError: for a name that is not in the table.
    """
    for known, gpu in GPUS.items():
        if name.lower().replace(" ", "").removeprefix("rtx") == known.lower().replace(" ", "").removeprefix("rtx"):
            return gpu
    raise ValueError(f"No peak figures are known for a GPU named {name!r}; known are {', '.join(GPUS)}.")
