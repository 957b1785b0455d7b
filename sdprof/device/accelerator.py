"""Lets PyTorch's C++ believe in an accelerator: backward passes and ``device=0`` ask for one.

The autograd engine keeps gradients of CUDA tensors on CUDA's stream, and refuses to ask for it where
``at::getAccelerator()`` finds no accelerator. That question ends in a virtual function,
``CUDAHooksInterface::hasCUDA``, which a build without CUDA (or a machine without a GPU) answers with false; another,
``hasPrimaryContext``, raises there. While a simulation runs the hooks object gets a copy of its table of virtual
functions in which these two answer true. The streams that the engine then gets are those of the no-op guard
(guard.py): all the same, so it never waits.

Which entries of the table they are differs between versions, and is found by trying. ``getAccelerator`` calls no entry
but ``hasCUDA``, so the entry that makes it name CUDA is that one. With it, a backward pass of one number calls
``hasPrimaryContext``, so the entry that lets that pass end is that one. Entries that are not called do no harm.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sdprof.device.tensor import SimulatedTensor, wrap

HOOKS_SYMBOL = "_ZN2at6detail12getCUDAHooksEv"
"""``at::detail::getCUDAHooks()`` (aten/src/ATen/detail/CUDAHooksInterface.h)."""
ENTRIES = 96
"""More than the interface has virtual functions (about 50)."""
HEADER_ENTRIES = 2
"""Before the first function: offset to the top of the object, and its type information."""


class AcceleratorUnavailableError(RuntimeError):
    """This build's autograd engine cannot run on simulated tensors."""


@contextmanager
def believed_in() -> Iterator[None]:
    """Have C++ find a CUDA device while the block runs; where it cannot, backward passes refuse with a reason."""
    if _names_cuda() and _runs_backward():
        yield
        return
    try:
        hooks = _hooks()
        table = _table_of_a_gpu(hooks)
    except AcceleratorUnavailableError as error:
        with _backward_refused(error):
            yield
        return
    original = hooks[0]
    hooks[0] = table
    try:
        yield
    finally:
        hooks[0] = original


@contextmanager
def _backward_refused(reason: AcceleratorUnavailableError) -> Iterator[None]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise reason

    engine = torch.autograd.graph._engine_run_backward
    modules: tuple[Any, ...] = (torch.autograd, torch.autograd.graph)
    for module in modules:
        module._engine_run_backward = refuse
    try:
        yield
    finally:
        for module in modules:
            module._engine_run_backward = engine


_answer_true = ctypes.CFUNCTYPE(ctypes.c_long)(lambda: 1)
_WORD = ctypes.sizeof(ctypes.c_void_p)
_Table = ctypes.c_void_p * ENTRIES
_found_tables: list[ctypes.Array[ctypes.c_void_p]] = []


def _hooks() -> ctypes.Array[ctypes.c_void_p]:
    """The hooks object, seen as its first word: the address of its table."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    try:
        get_hooks = getattr(library, HOOKS_SYMBOL)
    except AttributeError as error:
        raise AcceleratorUnavailableError(_refusal("its CUDA hooks were not found")) from error
    get_hooks.restype = ctypes.c_void_p
    return (ctypes.c_void_p * 1).from_address(get_hooks())


def _table_of_a_gpu(hooks: ctypes.Array[ctypes.c_void_p]) -> int:
    """The address of a table like the object's own, but of a machine that has CUDA."""
    if not _found_tables:
        functions = hooks[0]
        assert functions is not None
        own = _Table.from_address(functions - HEADER_ENTRIES * _WORD)
        has_cuda = own if _names_cuda() else _first_that_works(hooks, own, _names_cuda)
        _found_tables.append(_first_that_works(hooks, has_cuda, _runs_backward))
    return _functions_address(_found_tables[0])


def _first_that_works(
    hooks: ctypes.Array[ctypes.c_void_p], table: ctypes.Array[ctypes.c_void_p], works: Callable[[], bool]
) -> ctypes.Array[ctypes.c_void_p]:
    original = hooks[0]
    for entry in range(HEADER_ENTRIES, ENTRIES):
        candidate = _Table.from_buffer_copy(table)
        candidate[entry] = ctypes.cast(_answer_true, ctypes.c_void_p).value
        try:
            hooks[0] = _functions_address(candidate)
            if works():
                return candidate
        finally:
            hooks[0] = original
    raise AcceleratorUnavailableError(_refusal("its autograd engine asks the CUDA hooks for more than is simulated"))


def _names_cuda() -> bool:
    found = torch._C._accelerator_getAccelerator()
    return found is not None and found.type == "cuda"


def _runs_backward() -> bool:
    with torch.inference_mode(False), torch.enable_grad():
        # Leaving inference mode turns the engine's threads on again until the block ends (c10/core/InferenceMode.h),
        # and a process in which backward ran before has no thread for a device that came later.
        torch._C._set_multithreading_enabled(False)
        leaf = wrap(torch.ones(())).requires_grad_()
        result = leaf * 2
        try:
            result.backward(wrap(torch.ones(())))  # type: ignore[no-untyped-call]
        except RuntimeError:
            return False
    return isinstance(leaf.grad, SimulatedTensor) and leaf.grad.host.item() == 2.0


def _functions_address(table: ctypes.Array[ctypes.c_void_p]) -> int:
    return ctypes.addressof(table) + HEADER_ENTRIES * _WORD


def _refusal(what: str) -> str:
    return (
        f"Backward does not work on the simulated CUDA device with PyTorch {torch.__version__}: {what}. "
        "Audit the forward pass under torch.no_grad(), or audit on a machine with a GPU."
    )
