"""Functions of one element at a time whose last bits may depend on where in a vector the element stands."""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import last_name
from sdprof.fixes.source.reading.tensor_calls import is_torch_call

_FUNCTIONS = """
sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p sigmoid erf rsqrt
"""
FUNCTIONS_OF_ONE = frozenset(_FUNCTIONS.split())


def is_function_of_one(source: ModuleSource, call: ast.Call) -> bool:
    """``torch.sin(x)`` and ``x.sin()``."""
    given = 1 if is_torch_call(source, call) else 0
    named = isinstance(call.func, ast.Attribute) and last_name(call.func) in FUNCTIONS_OF_ONE
    return named and len(call.args) == given and not call.keywords
