"""Operators that make the host wait for a CUDA device: which, when, why, and where PyTorch does it.

Sources are files of the PyTorch repository, read at 2.8 to 2.13. Operators that PyTorch composes of others (``item``,
``allclose`` in older releases, ``argwhere``, ``one_hot``, ``linalg.solve``) come apart before they reach the device,
and their parts are looked up here. Copies between host and device are in copying.py, indexing in indexing.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sdprof.device.tensor import SimulatedTensor

Arguments = Mapping[str, Any]


def _always(arguments: Arguments) -> bool:
    return True


@dataclass(frozen=True)
class SynchronisingOp:
    """One row: an operator that waits for the device."""

    operators: tuple[str, ...]
    """Names of the dispatcher, with the overload where it matters."""
    reason: str
    source: str
    when: Callable[[Arguments], bool] = _always
    """Decides by the arguments, by name."""


def _on_device(name: str) -> Callable[[Arguments], bool]:
    return lambda arguments: isinstance(arguments.get(name), SimulatedTensor)


def _not_the_same_memory(arguments: Arguments) -> bool:
    left, right = arguments["self"], arguments["other"]
    if left.shape != right.shape or left.numel() == 0:
        return False
    return not (left.data_ptr() == right.data_ptr() and left.stride() == right.stride())


def _sorts_rather_than_compares(arguments: Arguments) -> bool:
    few = arguments["test_elements"].numel() < 10 * math.pow(arguments["elements"].numel(), 0.145)
    return not few and not arguments.get("assume_unique", False)


SYNCHRONISING_OPS: tuple[SynchronisingOp, ...] = (
    SynchronisingOp(
        ("aten::_local_scalar_dense",),
        "a Python number is read from the device",
        "aten/src/ATen/native/cuda/CUDAScalar.cu: _local_scalar_dense_cuda",
    ),
    SynchronisingOp(
        ("aten::nonzero", "aten::nonzero.out"),
        "the size of the result is the number of nonzero elements",
        "aten/src/ATen/native/cuda/Nonzero.cu: nonzero_cuda_out_impl",
    ),
    SynchronisingOp(
        ("aten::masked_select", "aten::masked_select.out"),
        "the size of the result is the number of true elements of the mask",
        "aten/src/ATen/native/cuda/IndexKernel.cpp: masked_select_out_cuda_impl",
    ),
    SynchronisingOp(
        (
            "aten::_unique",
            "aten::_unique2",
            "aten::unique_dim",
            "aten::unique_consecutive",
            "aten::unique_dim_consecutive",
        ),
        "the size of the result is the number of different elements",
        "aten/src/ATen/native/cuda/Unique.cu and UniqueCub.cu",
    ),
    SynchronisingOp(
        ("aten::equal",),
        "the answer is a Python bool",
        "aten/src/ATen/native/cuda/Equal.cpp: cuda_equal",
        _not_the_same_memory,
    ),
    SynchronisingOp(
        ("aten::allclose",),
        "the answer is a Python bool",
        "aten/src/ATen/native/TensorCompare.cpp: allclose",
    ),
    SynchronisingOp(
        ("aten::repeat_interleave.Tensor",),
        "the size of the result is the sum of the repeats; output_size= avoids it",
        "aten/src/ATen/native/Repeat.cpp: repeat_interleave_common",
        lambda arguments: arguments.get("output_size") is None,
    ),
    SynchronisingOp(
        ("aten::bincount",),
        "the smallest and the largest element are read to size the result",
        "aten/src/ATen/native/cuda/SummaryOps.cu: _bincount_cuda_template",
    ),
    SynchronisingOp(
        ("aten::histc", "aten::histc.out"),
        "without a range the smallest and the largest element are read",
        "aten/src/ATen/native/cuda/SummaryOps.cu: _histc_cuda_template",
        lambda arguments: arguments.get("min", 0) == arguments.get("max", 0),
    ),
    SynchronisingOp(
        ("aten::multinomial", "aten::multinomial.out"),
        "the probabilities are checked on the host",
        "aten/src/ATen/native/Distributions.cpp: multinomial_out",
        lambda arguments: not arguments.get("replacement", False) or arguments["num_samples"] == 1,
    ),
    SynchronisingOp(
        ("aten::normal.Tensor_Tensor", "aten::normal.float_Tensor"),
        "the standard deviations are checked on the host",
        "aten/src/ATen/native/DistributionTemplates.h: CHECK_NORMAL_TENSOR_STD",
        _on_device("std"),
    ),
    SynchronisingOp(
        ("aten::masked_fill.Tensor", "aten::masked_fill_.Tensor"),
        "the fill value lies on the device and is read as a number",
        "aten/src/ATen/native/cuda/Indexing.cu: masked_fill__cuda",
        _on_device("value"),
    ),
    SynchronisingOp(
        ("aten::index_fill.int_Tensor", "aten::index_fill_.int_Tensor"),
        "the fill value lies on the device and is read as a number",
        "aten/src/ATen/native/TensorAdvancedIndexing.cpp: index_fill_",
        _on_device("value"),
    ),
    SynchronisingOp(
        ("aten::fill.Tensor", "aten::fill_.Tensor"),
        "the fill value lies on the device, the tensor on the host: it is read as a number",
        "aten/src/ATen/native/Fill.cpp: fill_",
        lambda arguments: not isinstance(arguments["self"], SimulatedTensor),
    ),
    SynchronisingOp(
        (
            *(f"aten::linspace.{ends}" for ends in ("Tensor_Tensor", "Tensor_Scalar", "Scalar_Tensor")),
            *(f"aten::logspace.{ends}" for ends in ("Tensor_Tensor", "Tensor_Scalar", "Scalar_Tensor")),
        ),
        "the ends lie on the device and are read as numbers",
        "aten/src/ATen/native/RangeFactories.cpp: linspace_out",
        lambda arguments: any(isinstance(arguments.get(end), SimulatedTensor) for end in ("start", "end")),
    ),
    SynchronisingOp(
        ("aten::isin.Tensor_Tensor",),
        "many test elements are sorted and made unique, and the size of that is read",
        "aten/src/ATen/native/TensorCompare.cpp: isin_sorting",
        _sorts_rather_than_compares,
    ),
    SynchronisingOp(
        tuple(f"aten::searchsorted.{overload}" for overload in ("Tensor", "Tensor_out", "Scalar", "Scalar_out")),
        "the smallest and the largest index of sorter= are checked on the host",
        "aten/src/ATen/native/BucketizationUtils.h: searchsorted_pre_check",
        _on_device("sorter"),
    ),
    SynchronisingOp(
        ("aten::_linalg_check_errors",),
        "a solver's error codes are read on the host (the *_ex variants do not)",
        "aten/src/ATen/native/BatchLinearAlgebra.cpp: _linalg_check_errors",
    ),
    SynchronisingOp(
        (
            "aten::linalg_inv_ex",
            "aten::linalg_cholesky_ex",
            "aten::linalg_lu_factor_ex",
            "aten::linalg_ldl_factor_ex",
            "aten::_linalg_solve_ex",
        ),
        "check_errors=True reads the solver's error codes on the host",
        "aten/src/ATen/native/BatchLinearAlgebra.cpp",
        lambda arguments: bool(arguments.get("check_errors", False)),
    ),
    SynchronisingOp(
        ("aten::_linalg_eigh", "aten::_linalg_svd", "aten::linalg_lstsq", "aten::cholesky"),
        "the solver's error codes are read on the host",
        "aten/src/ATen/native/BatchLinearAlgebra.cpp: _linalg_check_errors inside the kernel",
    ),
    SynchronisingOp(
        ("aten::linalg_pinv.atol_rtol_tensor",),
        "the singular or eigenvalues come from a solver whose error codes are read on the host",
        "aten/src/ATen/native/LinearAlgebra.cpp: linalg_pinv",
        lambda arguments: bool(arguments["self"].numel()),
    ),
    SynchronisingOp(
        ("aten::masked_scatter_backward",),
        "the gradient is selected by the mask: their number is read by the host",
        "aten/src/ATen/native/TensorAdvancedIndexing.cpp: masked_scatter_backward_symint",
    ),
    SynchronisingOp(
        ("aten::_nested_tensor_from_mask_left_aligned",),
        "where the padding begins is compared on the host (equal)",
        "aten/src/ATen/native/nested/NestedTensorMath.cpp: NestedTensor_nested_tensor_from_mask_left_aligned",
    ),
    SynchronisingOp(
        ("aten::linalg_eig", "aten::_linalg_eigvals"),
        "the solver works on the host: the matrix is copied there and back",
        "aten/src/ATen/native/BatchLinearAlgebra.cpp: linalg_eig_out",
    ),
    SynchronisingOp(
        ("aten::linalg_matrix_exp",),
        "the norms decide on the host how many terms each matrix needs",
        "aten/src/ATen/native/LinearAlgebra.cpp: mexp_impl",
    ),
    SynchronisingOp(
        ("aten::segment_reduce",),
        "lengths are checked on the host unless unsafe=True",
        "aten/src/ATen/native/SegmentReduce.cpp: segment_reduce_kernel",
        lambda arguments: not arguments.get("unsafe", False),
    ),
)

_BY_OPERATOR = {operator: row for row in SYNCHRONISING_OPS for operator in row.operators}
_VALUE_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_HANDLED_ELSEWHERE = frozenset({"aten::index", "aten::index_put", "aten::_unsafe_index"})


def synchronising(func: torch._ops.OpOverload) -> SynchronisingOp | None:
    """The row of an operator.

    One that is not in the table and that PyTorch tags as having a result that depends on values gets a row from its
    tag: a new operator is better reported too often than not at all.
    """
    schema = func._schema
    full_name = schema.name + (f".{schema.overload_name}" if schema.overload_name else "")
    row = _BY_OPERATOR.get(full_name)
    if row is None and schema.name not in _HANDLED_ELSEWHERE and _VALUE_TAGS & set(func.tags):
        return SynchronisingOp((full_name,), "its result depends on values", "tags of native_functions.yaml")
    return row
