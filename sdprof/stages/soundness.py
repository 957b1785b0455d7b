"""Whether the target's own output can vouch for anything."""

from __future__ import annotations

from collections.abc import Mapping

from sdprof.comparison.plan_structs import CONTROL
from sdprof.model import AuditResult, Missing, Parity

REMEDY = "Return the final tensors from run(), all finite, and the same ones each time: seed inside run()."


def unsound(parity: Mapping[str, Parity]) -> tuple[Missing, ...]:
    """What to say where the baseline, run twice, does not agree with itself or has no finite output.

    No fix can then be shown to keep the output, however well it works.

    :param parity: by variant; the A/A control's is the one that counts.
    """
    own = parity.get(CONTROL.id)
    if own is None or own.passed:
        return ()
    return (Missing(section="Same output", reason=own.reason, remedy=REMEDY),)


def why_unsound(result: AuditResult) -> str:
    """The same of a finished audit, as one sentence; empty where the output is sound."""
    parity = {variant.id: variant.parity for variant in result.variants if variant.parity is not None}
    return " ".join(f"{gap.reason} {gap.remedy}" for gap in unsound(parity))
