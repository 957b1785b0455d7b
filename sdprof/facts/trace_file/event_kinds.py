"""Which of a trace's categories hold what, in every spelling that Kineto has used; and what is kept of each kind."""

from __future__ import annotations

# Spellings with capitals: Kineto before 2022 (torch 1.8 to 1.11). MTIA, XPU and HPU names are not here: no trace of
# theirs was seen, and an unknown category is named in the trace's gaps rather than guessed at.
KIND_OF_CATEGORY: dict[str, str] = {
    "cpu_op": "operators",
    "Operator": "operators",
    "operator": "operators",
    "user_annotation": "annotations",
    "python_function": "python_calls",
    "cuda_runtime": "runtime_calls",
    "cuda_driver": "runtime_calls",
    "hip_runtime": "runtime_calls",
    "Runtime": "runtime_calls",
    "runtime": "runtime_calls",
    "kernel": "kernels",
    "Kernel": "kernels",
    "gpu_memcpy": "copies",
    "Memcpy": "copies",
    "gpu_memset": "memsets",
    "Memset": "memsets",
    "gpu_user_annotation": "gpu_annotations",
}

_HOST = ("name", "pid", "tid")
_DEVICE = ("name", "device", "stream", "correlation", "external_id")
COLUMNS_OF_KIND: dict[str, tuple[str, ...]] = {
    "operators": (*_HOST, "external_id", "shapes", "dtypes", "call_stack"),
    "annotations": (*_HOST, "external_id"),
    "python_calls": (*_HOST, "python_id", "python_parent_id", "python_module_id"),
    "runtime_calls": (*_HOST, "correlation", "external_id"),
    "kernels": _DEVICE,
    "copies": (*_DEVICE, "bytes"),
    "memsets": (*_DEVICE, "bytes"),
    "gpu_annotations": ("name", "device", "stream", "external_id"),
}
"""What is kept of events of a kind, beside start and duration."""
TEXT_COLUMNS = frozenset({"name", "shapes", "dtypes", "call_stack"})
"""The others are whole numbers."""

# Known, and not used: they repeat what other events say (cuda_sync the synchronising calls, Trace the whole recording),
# or say nothing about time.
IGNORED_CATEGORIES = frozenset({"Trace", "cuda_sync", "ac2g", "async_cpu_to_gpu", "fwdbwd", "overhead", "cuda_event"})
