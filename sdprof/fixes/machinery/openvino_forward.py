"""A module's forward, computed by OpenVINO."""

from __future__ import annotations

from typing import Any

import openvino
import torch
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

TENSOR = object()
"""Marks the place of a tensor among the arguments."""


class ConversionError(Exception):
    """OpenVINO cannot take the module: one sentence."""


class OpenVinoForward:
    """Answers calls of one form (tensor shapes and types, and the values of everything else) by a compiled model."""

    def __init__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Convert and compile.

        :param output: what the module answers to this call: its form is what calls will return.
        :raises ConversionError: OpenVINO refuses the module.
        """
        self.version = openvino.__version__.partition("-")[0]
        self._original = module.forward
        leaves, self._form = tree_flatten((args, kwargs))
        self._fixed = [TENSOR if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        self._kinds = [(tensor.shape, tensor.dtype) for tensor in tensors]
        answers, self._output_form = tree_flatten(output)
        if not answers or not all(isinstance(answer, torch.Tensor) for answer in answers):
            raise ConversionError(f"{type(module).__name__} does not return tensors alone, so it cannot be converted")
        self._output_dtypes = [answer.dtype for answer in answers]
        flat = _Flat(module, self._form, self._fixed)
        try:
            with torch.no_grad():
                converted = openvino.convert_model(
                    flat, example_input=tuple(tensors), input=[list(tensor.shape) for tensor in tensors]
                )
            self._request = (
                openvino.Core().compile_model(converted, "CPU", _SETTINGS | _threads()).create_infer_request()
            )
        except Exception as error:  # its converter raises whatever the traced code and its own parts raise
            raise ConversionError(f"OpenVINO cannot convert {type(module).__name__}: {_reason(error)}") from error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one call."""
        leaves, form = tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        if not self._fits(leaves, tensors, form):
            return self._original(*args, **kwargs)
        # A copy: the request's own memory is written to by the next call.
        results = self._request.infer([tensor.detach().contiguous().numpy() for tensor in tensors], share_inputs=True)
        answers = [torch.from_numpy(results[index].copy()).to(dtype) for index, dtype in enumerate(self._output_dtypes)]
        return tree_unflatten(answers, self._output_form)

    def _fits(self, leaves: list[Any], tensors: list[torch.Tensor], form: TreeSpec) -> bool:
        if torch.compiler.is_compiling() or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return False
        if form != self._form or [(tensor.shape, tensor.dtype) for tensor in tensors] != self._kinds:
            return False
        return all(
            isinstance(leaf, torch.Tensor) if fixed is TENSOR else leaf is fixed or bool(leaf == fixed)
            for leaf, fixed in zip(leaves, self._fixed, strict=True)
        )


_SETTINGS = {
    # On processors with bfloat16 or fp16 units OpenVINO would compute in those, unasked.
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
}


def _reason(error: Exception) -> str:
    """The telling line of an error: the converter puts a general one and "Exception:" before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    after = lines.index("Exception:") + 1 if "Exception:" in lines[:-1] else 0
    return lines[after].rstrip(".")


def _threads() -> dict[str, int]:
    return {"INFERENCE_NUM_THREADS": torch.get_num_threads()}


class _Flat(torch.nn.Module):
    """A forward of tensors only, and with tensors only as its answer: what a tracer takes."""

    def __init__(self, module: torch.nn.Module, form: TreeSpec, fixed: list[Any]) -> None:
        super().__init__()
        self.module = module  # as a child: a tracer wants to know whose the parameters are
        self._forward, self._form, self._fixed = module.forward, form, fixed

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Call the module's own forward."""
        rest = iter(tensors)
        leaves = [next(rest) if leaf is TENSOR else leaf for leaf in self._fixed]
        args, kwargs = tree_unflatten(leaves, self._form)
        return tuple(tree_flatten(self._forward(*args, **kwargs))[0])
