"""What the user is offered: the source fixes that are proven, as a patch."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from safetensors.numpy import load_file

from sdprof.comparison.parity import coarsest, compare_outputs
from sdprof.comparison.plan_structs import BASELINE, CONTROL, FixDecision
from sdprof.comparison.verdict import judge
from sdprof.model import FixMeta, Parity, Patch, RewriteProof
from sdprof.run_folder import RunFolder
from sdprof.stages.conclude import Measurements
from sdprof.stages.measure import outputs_file
from sdprof.stages.patch import patches
from sdprof.stages.rewrite import Rewriter, Rewritten
from sdprof.stages.rewrites import audited_texts, rewritten_texts
from sdprof.stages.source_results import TRANSFER_FINDINGS
from sdprof.stages.timed_as_one import tells_nothing_here
from sdprof.stages.variants import VariantStarter, variant_id
from sdprof.worker.client import WorkerError

PATCH_FILE = "patch.diff"
CONFIRM = "The device computes what the host did before: confirm the output on a GPU."


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The fixes in the patch, and why the other source fixes are not."""

    patch: Patch | None = None
    reasons: dict[str, str] = {}

    @property
    def fixes(self) -> tuple[str, ...]:
        """Ids of the fixes in the patch."""
        return self.patch.fixes if self.patch is not None else ()


def offer(
    rewritten: Rewritten,
    measured: Measurements,
    metas: Mapping[str, FixMeta],
    *,
    rewriter: Rewriter,
    starter: VariantStarter,
    folder: RunFolder,
    precision: str | None,
    device: str,
) -> Offer:
    """Choose the fixes of the patch, prove them once more all together, and write the patch.

    A fix is in where it is part of the plan, and also where it is proven and its gain cannot be shown by time here: it
    keeps the bits or takes copies or waits out of the loop, and was not shown to be slower, where time can show that.

    :param device: type of the device that was timed.
    """
    reasons = {
        decision.id: _kept_out(decision, metas[decision.id], measured, device)
        for decision in measured.plan.decisions
        if decision.id in rewritten.rewrites.fixes
    }
    fixes = tuple(fix for fix, reason in reasons.items() if not reason)
    fixes = tuple(fix.id for fix in sorted((metas[fix] for fix in fixes), key=lambda meta: (meta.order, meta.id)))
    while fixes:
        fault = rewriter.fault(rewritten.rewrites.of(fixes))
        fault = fault or _fault_together(fixes, metas, measured, starter, folder, precision)
        if not fault:
            break
        reasons[fixes[-1]] = f"Rolled back, for with the others it does not hold: {fault}"
        fixes = fixes[:-1]
    if not fixes:
        return Offer(reasons={fix: reason for fix, reason in reasons.items() if reason})
    proof = rewriter.proof(rewritten.rewrites.of(fixes))
    return Offer(
        patch=_written(fixes, rewritten, metas, proof, folder),
        reasons={fix: reason for fix, reason in reasons.items() if reason},
    )


def _kept_out(decision: FixDecision, meta: FixMeta, measured: Measurements, device: str) -> str:
    """Why a fix is not offered, or an empty string."""
    if decision.applied:
        return ""
    with_it = (record for record in measured.records.values() if decision.id in record.fixes)
    record = min(with_it, key=lambda each: len(each.fixes), default=None)
    if record is not None and record.error:
        return f"Rolled back: {record.error}"
    if decision.parity is not None and not decision.parity.passed:
        return f"Rolled back: parity failed: {decision.parity.reason}"
    slower = judge(decision.gain, measured.plan.control).verdict == "slower"
    if slower and not tells_nothing_here(meta, device):
        return "Not offered: it was shown to be slower."
    # What it takes out of the loop was seen to be gone when the edits were chosen, else they would not have stayed.
    if meta.numerics == "exact" or TRANSFER_FINDINGS & set(meta.removes):
        return ""
    return "Not offered: it changes the rounding, and no gain was shown."


def _fault_together(
    fixes: tuple[str, ...],
    metas: Mapping[str, FixMeta],
    measured: Measurements,
    starter: VariantStarter,
    folder: RunFolder,
    precision: str | None,
) -> str:
    """Why these fixes cannot be offered together: the output on the device that was timed."""
    variant = variant_id(fixes)
    parity = measured.parity.get(variant) or _parity(fixes, metas, starter, folder, precision)
    if isinstance(parity, str):
        return parity
    return "" if parity.passed else f"parity failed: {parity.reason}"


def _parity(
    fixes: tuple[str, ...],
    metas: Mapping[str, FixMeta],
    starter: VariantStarter,
    folder: RunFolder,
    precision: str | None,
) -> Parity | str:
    file = outputs_file(folder, variant_id(fixes))
    try:
        worker, _ = starter.start(fixes)
        with worker:
            worker.run(str(file))
    except WorkerError as error:
        return error.sentence
    again = outputs_file(folder, CONTROL.id)
    return compare_outputs(
        load_file(outputs_file(folder, BASELINE.id)),
        load_file(file),
        numerics=coarsest(metas[fix].numerics for fix in fixes),
        precision=precision,
        baseline_again=load_file(again) if again.exists() else None,
    )


def _written(
    fixes: tuple[str, ...],
    rewritten: Rewritten,
    metas: Mapping[str, FixMeta],
    proof: RewriteProof | None,
    folder: RunFolder,
) -> Patch:
    edits = rewritten.rewrites.of(fixes)
    texts = rewritten_texts(edits, audited_texts(folder, rewritten.rewrites.files))
    by_root = patches(texts, rewritten.rewrites.files)
    for name, text in zip(_names(tuple(by_root)), by_root.values(), strict=True):
        folder.write(name, text.encode())
    return Patch(
        fixes=fixes,
        files=tuple(each for each in rewritten.rewrites.files if each.file in texts),
        text="".join(by_root.values()),
        numerics=coarsest(metas[fix].numerics for fix in fixes),
        proof=proof,
        note=CONFIRM if any(edit.proof == "arithmetic" for edit in edits) else "",
    )


def _names(roots: tuple[str, ...]) -> list[str]:
    """``patch.diff``; where files of several folders change, one more for each further folder."""
    return [PATCH_FILE, *(f"patch-{number}.diff" for number in range(2, len(roots) + 1))]
