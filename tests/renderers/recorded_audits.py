"""Audits of real runs, as they were written: what the renderers are tested on (tests/golden/audits/README.md)."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from sdprof.model import AuditResult
from sdprof.renderers.read_audit import parse_audit, read_audit
from tests.renderers.observed_samples import recorded as recorded_trace

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "audits"
AUDITS = ("default", *sorted(path.name.removesuffix(".json.gz") for path in GOLDEN.glob("*.json.gz")))
TRACES = ("mi300_sd35_4steps", "a100_train_control", "cpu_toy_loop")
NAMES = (*AUDITS, *TRACES)


@cache
def recorded(name: str) -> AuditResult:
    """The audit of that name: the sample that is kept for readers, a golden audit, or a golden trace's."""
    if name in TRACES:
        return recorded_trace(name)
    if name == "default":
        return read_audit(ROOT / "reports" / "sample")
    return parse_audit(gzip.decompress((GOLDEN / f"{name}.json.gz").read_bytes()), name)
