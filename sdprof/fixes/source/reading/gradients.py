"""Whether gradients may be wanted of what a step computes."""

from __future__ import annotations

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources

WORDS = (
    *("enable_grad", "autograd.grad", ".backward(", "functional.vjp", "func.grad"),
    *("requires_grad_()", "requires_grad_(True", "requires_grad=True", "requires_grad = True"),
)


def may_want_gradients(site: SiteEvidence, sources: Sources) -> bool:
    """Whether a file on the way from the loop speaks of them, or cannot be read."""
    for frame in site.stack:
        if frame.library:
            continue
        try:
            text = sources.of(frame.where.file).text
        except DeclinedError:
            return True
        if any(each in text for each in WORDS):
            return True
    return False
