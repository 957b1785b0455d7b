"""What torch.compile needs before it compiles anything."""

from __future__ import annotations

import torch

from sdprof.fixes.declined import DeclinedError

LEAST_CAPABILITY = (7, 0)
"""Triton generates code for Volta and later."""
AUTOCAST_CALLS = ("_enter_autocast", "_exit_autocast")
"""Functions of torch.amp.autocast_mode that stand in a graph for an autocast region within it."""


def prepare_compiler(device: torch.device) -> None:
    """Decline where torch.compile cannot work; let its caches on disk keep all that they safely can.

    :raises DeclinedError: as :func:`require_compiler`.
    """
    require_compiler(device)
    _keep_autocast_in_caches()


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


def _keep_autocast_in_caches() -> None:
    """Let the caches on disk keep graphs with an autocast region in them.

    AOTAutogradCache refuses such graphs only because the two functions are private; their arguments are constants of
    the graph, so its key tells two regions apart. Without it a block that switches autocast off around its attention
    is lowered anew in every process.
    """
    from torch._inductor import config

    marked = {f"torch.amp.autocast_mode.{name}": torch.__version__ for name in AUTOCAST_CALLS}
    if hasattr(config, "unsafe_marked_cacheable_functions"):
        config.unsafe_marked_cacheable_functions = {**config.unsafe_marked_cacheable_functions, **marked}
