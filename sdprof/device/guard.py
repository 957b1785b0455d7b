"""A device guard for CUDA in builds of PyTorch that have none.

Before any operator touches a ``cuda`` device, c10 asks a registry for that device type's guard (the object that can
say and set the current device). A CPU-only build has no entry for CUDA, so that ``tensor.to("cuda")`` or
``float(tensor)`` raise before Python sees the operator. c10 brings a guard that does nothing
(``NoOpDeviceGuardImpl``) and a function that installs it, ``torch._C._ensureCUDADeviceGuardSet``, for CUDA builds on
machines without a GPU: it replaces a registered guard that counts no devices. So, for the length of that one call, an
object is registered whose every virtual function answers 0.

This is the only place in sdprof that reaches into PyTorch's binary. It changes the process for good (a guard cannot be
taken away again while tensors may hold its device), which is one reason why simulations run in a child process.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

REGISTRY_SYMBOL = "_ZN3c104impl26device_guard_impl_registryE"
"""``c10::impl::device_guard_impl_registry``: one pointer for each device type.

Declared in c10/core/impl/DeviceGuardImplInterface.h.
"""
CUDA = 1
"""``c10::DeviceType::CUDA``."""
VIRTUAL_FUNCTIONS = 64
"""More than the interface has (about 30): entries beyond its end are never called."""

_kept_alive: list[object] = []


class SimulationUnavailableError(RuntimeError):
    """This build of PyTorch cannot carry a simulated CUDA device; the message says what is missing."""


def install() -> None:
    """Give the CUDA device type a guard, if it has none.

    :raises SimulationUnavailableError: where this build lacks the registry or the function that fills it.
    """
    registry = _registry()
    ensure = getattr(torch._C, "_ensureCUDADeviceGuardSet", None)
    if ensure is None:
        raise SimulationUnavailableError(refusal("it has no torch._C._ensureCUDADeviceGuardSet"))
    if registry[CUDA]:
        ensure()
        return
    stand_in = _guard_that_counts_no_devices()
    registry[CUDA] = stand_in
    try:
        ensure()
    finally:
        left_over = registry[CUDA] == stand_in
        if left_over:
            registry[CUDA] = None
    if left_over:
        raise SimulationUnavailableError(refusal("it did not install its own no-op CUDA guard"))


def _registry() -> ctypes.Array[ctypes.c_void_p]:
    library = Path(torch.__file__).parent / "lib" / "libc10.so"
    try:
        return (ctypes.c_void_p * (CUDA + 1)).in_dll(ctypes.CDLL(str(library)), REGISTRY_SYMBOL)
    except (OSError, ValueError) as error:
        raise SimulationUnavailableError(refusal(f"its device guard registry was not found ({error})")) from error


def _guard_that_counts_no_devices() -> int:
    answer_zero = ctypes.CFUNCTYPE(ctypes.c_long)(lambda: 0)
    address = ctypes.cast(answer_zero, ctypes.c_void_p).value
    virtual_table = (ctypes.c_void_p * VIRTUAL_FUNCTIONS)(*[address] * VIRTUAL_FUNCTIONS)
    guard = (ctypes.c_void_p * 8)(ctypes.addressof(virtual_table))
    _kept_alive.extend((answer_zero, virtual_table, guard))
    return ctypes.addressof(guard)


def refusal(what: str) -> str:
    """Say in one sentence what this build lacks, and in one what to do."""
    return (
        f"The simulated CUDA device does not work on PyTorch {torch.__version__}: {what}. "
        "Use a build for Linux from version 2.8 on, or audit on a machine with a GPU."
    )
