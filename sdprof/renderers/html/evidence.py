"""Evidence as a table prints it: names in words, values with their unit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sdprof import quantities
from sdprof.renderers.printable import one_line

_SNAKE_CASE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_UNITS = {
    "kib": "KiB",
    "mib": "MiB",
    "gib": "GiB",
    "flops": "FLOPs",
    "gflops": "GFLOPs",
    "tflops": "TFLOPs",
    "gb": "GB",
    "hz": "Hz",
    "h2d": "H2D",
    "d2h": "D2H",
    "gpu": "GPU",
    "cpu": "CPU",
    "gemm": "GEMM",
    "dtype": "type",
    "gib/s": "GiB/s",
}
LONGEST_VALUE = 600


def evidence_rows(evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and values as text; empty values are left out."""
    return tuple(
        (_name(name), _value(name, value)) for name, value in evidence.items() if value not in ("", None, [], {})
    )


def _name(name: str) -> str:
    if not _SNAKE_CASE.fullmatch(name):
        return one_line(name, 120)
    return " ".join(_UNITS.get(word, word) for word in name.split("_"))


def _value(name: str, value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float() if "bytes" in name.split("_"):
            return quantities.size(value)
        case int():
            return quantities.count(value)
        case float():
            return quantities.number(value, 4)
        case str():
            return one_line(value, LONGEST_VALUE)
        case list() | tuple() if all(not isinstance(item, list | tuple | dict) for item in value):
            return one_line(", ".join(_value(name, item) for item in value), LONGEST_VALUE)
    return one_line(json.dumps(value, ensure_ascii=False, default=str), LONGEST_VALUE)
