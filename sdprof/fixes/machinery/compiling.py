"""What torch.compile needs before it can compile anything."""

from __future__ import annotations

import torch

from sdprof.fixes.declined import DeclinedError

LEAST_CAPABILITY = (7, 0)
"""Triton generates code for Volta and later."""


def require_compiler(device: torch.device) -> None:
    """Decline where torch.compile has nothing to compile with.

    :raises DeclinedError: there is no C++ compiler, or on CUDA no Triton.
    """
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except (InvalidCxxCompiler, OSError, RuntimeError):
        raise DeclinedError(
            "torch.compile needs a C++ compiler and found none: install g++ (Debian, Ubuntu: apt install g++; "
            "Fedora: dnf install gcc-c++), or set CXX to one"
        ) from None
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability < LEAST_CAPABILITY:
            raise DeclinedError(
                f"torch.compile needs a GPU of compute capability {LEAST_CAPABILITY[0]}.{LEAST_CAPABILITY[1]}, and "
                f"this one has {capability[0]}.{capability[1]}"
            )
        from torch.utils._triton import has_triton

        if not has_triton():
            raise DeclinedError("torch.compile needs Triton on CUDA, and it is not installed or not usable on this GPU")
