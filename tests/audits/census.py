"""Hand-made censuses for the tests of the audits."""

from typing import Any

from sdprof.facts.facts import Facts
from sdprof.model import Location, OperatorCensus, OperatorSite, Peaks

PEAKS = Peaks(
    device="cpu",
    dtype="float32",
    gemm_flops_per_second=2e11,
    copy_bytes_per_second=1e10,
    gemm_size=2048,
    copy_bytes=1 << 28,
)


def place(line: int, function: str = "Attention.forward") -> Location:
    return Location(file="/home/user/model.py", line=line, column=8, end_line=line, end_column=30, function=function)


def site(op: str, line: int = 10, *, steps: int = 4, calls: int = 8, **fields: Any) -> OperatorSite:
    values = {"where": place(line), "calls": calls, "calls_per_step": calls / steps, **fields}
    return OperatorSite(op=op, **values)


def facts(*sites: OperatorSite, steps: int = 4, peaks: Peaks | None = PEAKS) -> Facts:
    operators = sum(site.calls for site in sites)
    return Facts(operators=OperatorCensus(steps=steps, operators=operators, sites=sites), peaks=peaks)
