"""What the audit runs on: versions, processor, device, compiler."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

import psutil
import torch

from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import CollectorMeta, Environment

META = CollectorMeta(id="environment", title="Environment", artifact="environment.json")
PACKAGES = (
    "diffusers",
    "line_profiler",
    "numpy",
    "openvino",
    "py-spy",
    "tensorboard",
    "torch",
    "torch-tb-profiler",
    "transformers",
    "triton",
    "xformers",
)
CPU_INFO = Path("/proc/cpuinfo")


def collect(watched: WatchedRun) -> Environment:
    """Describe the machine; runs nothing."""
    gpu, capability = None, ""
    if watched.device.type == "cuda":
        gpu = torch.cuda.get_device_name(watched.device)
        capability = ".".join(map(str, torch.cuda.get_device_capability(watched.device)))
    return Environment(
        python=platform.python_version(),
        torch=str(torch.__version__),
        platform=platform.platform(),
        cpu=processor_name(),
        cores=psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        gpu=gpu,
        threads=torch.get_num_threads(),
        memory_bytes=int(psutil.virtual_memory().total),
        packages=installed_versions(),
        compiler=shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++"),
        load_average=round(os.getloadavg()[0], 2),
        compute_capability=capability,
    )


def processor_name() -> str:
    """The processor's marketing name, with the instruction set that PyTorch's kernels use."""
    name = platform.processor() or platform.machine()
    if CPU_INFO.is_file():
        models = [line for line in CPU_INFO.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"


def installed_versions() -> dict[str, str]:
    """Versions of the packages that a measurement may depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
