"""A device guard for CUDA in builds of PyTorch that have none, or none that works.

Before any operator touches a ``cuda`` device, c10 asks a registry for that device type's guard (the object that can
say and set the current device). A CPU-only build has no entry for CUDA, and that of a CUDA build raises where there is
no driver, so that ``tensor.to("cuda")`` or ``float(tensor)`` raise before Python sees the operator.

Newer builds bring a guard that does nothing (``NoOpDeviceGuardImpl``) and a function that installs it,
``torch._C._ensureCUDADeviceGuardSet``: it replaces a registered guard that counts no devices. So, for the length of
that one call, an object is registered whose every virtual function answers 0. Older builds (2.8) lack that function;
there the registered object is one whose every virtual function answers 1, which reads as "true", "one device",
"the CUDA type", "the device cuda:0" and "the default stream of cuda:0", whichever was asked for.

This file and accelerator.py are the only places in sdprof that reach into PyTorch's binary. What this one does changes
the process for good, which is one reason why simulations run in a child process.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Callable
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
ANSWER_ONE = {
    "x86_64": bytes.fromhex("b801000000 31d2 c3"),  # mov eax, 1; xor edx, edx; ret
    "aarch64": bytes.fromhex("20008052 010080d2 c0035fd6"),  # mov w0, 1; mov x1, 0; ret
}
"""A function that returns 1, by processor."""

_kept_alive: list[object] = []


class SimulationUnavailableError(RuntimeError):
    """This build of PyTorch cannot carry a simulated CUDA device; the message says what is missing."""


def install() -> None:
    """Give the CUDA device type a guard, if it has none that works.

    :raises SimulationUnavailableError: where this build lacks the registry or cannot be given an entry.
    """
    registry = _registry()
    ensure = getattr(torch._C, "_ensureCUDADeviceGuardSet", None)
    if ensure is None:
        if not torch.cuda.is_available():
            registry[CUDA] = _guard_of_one_device()
    elif registry[CUDA]:
        ensure()
    else:
        _install_by(ensure, registry)


def _install_by(ensure: Callable[[], None], registry: ctypes.Array[ctypes.c_void_p]) -> None:
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
    _kept_alive.append(answer_zero)
    address = ctypes.cast(answer_zero, ctypes.c_void_p).value
    assert address is not None
    return _object_with_functions(address)


def _guard_of_one_device() -> int:
    """An object whose functions answer 1, with 0 in the second register that a stream's number is returned in."""
    code = ANSWER_ONE.get(platform.machine())
    if code is None:
        raise SimulationUnavailableError(refusal(f"it has no no-op CUDA guard for {platform.machine()}"))
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as error:
        raise SimulationUnavailableError(refusal("it has no no-op CUDA guard, and this system allows none")) from error
    page.write(code)
    memory = ctypes.c_char.from_buffer(page)
    _kept_alive.extend((page, memory))
    return _object_with_functions(ctypes.addressof(memory))


def _object_with_functions(function: int) -> int:
    """A C++ object that has nothing but virtual functions, all of them the same."""
    virtual_table = (ctypes.c_void_p * VIRTUAL_FUNCTIONS)(*[function] * VIRTUAL_FUNCTIONS)
    instance = (ctypes.c_void_p * 8)(ctypes.addressof(virtual_table))
    _kept_alive.extend((virtual_table, instance))
    return ctypes.addressof(instance)


def refusal(what: str) -> str:
    """Say in one sentence what this build lacks, and in one what to do."""
    return (
        f"The simulated CUDA device does not work on PyTorch {torch.__version__}: {what}. "
        "Use a build for Linux from version 2.8 on, or audit on a machine with a GPU."
    )
