"""Which events of the operators' category are no operators, but ranges around Python code."""

from __future__ import annotations

# torch/_dynamo/utils.py and torch/_inductor/output_code.py name these ranges.
CONTAINER_PATTERN = (
    r"^(Torch-Compiled Region|## Call CompiledFxGraph|TorchDynamo|CompiledFunction|AOTDispatcher)|\(dynamo_timed\)$"
)
"""Operators by category that are ranges around Python code: time in them is not time in an operator."""
